"""``accounts …``: who may sign in."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from datagen.cli import imports
from datagen.cli.terminal import columns, command, opened, say, say_json

if TYPE_CHECKING:
    from datagen.domain.users import Account
    from datagen.services.people import Person


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """The command and its actions; a further action is one function more."""
    accounts = commands.add_parser("accounts", help="list, create and mend accounts")
    actions = accounts.add_subparsers(required=True, metavar="ACTION")
    command(actions, "list", _list, "show who may sign in", "accounts list --json")
    create = command(actions, "create", _create, "make an account and show its password once",
                     "accounts create ann --role user")
    create.add_argument("name")
    create.add_argument("--role", choices=("user", "admin"), default="user")
    reset = command(actions, "reset", _reset, "make a new password and show it once",
                    "accounts reset admin")
    reset.add_argument("name")
    deactivate = command(actions, "deactivate", _deactivate, "let nobody sign in with it",
                         "accounts deactivate ann")
    deactivate.add_argument("name")
    imports.add(actions)


def _list(asked: argparse.Namespace) -> None:
    with opened() as services:
        known = services.accounts.list()
        people = services.directory.known(known)
    if asked.json:
        say_json([{**_record(account), **_about(people[account.name])} for account in known])
        return
    if not known:
        say("There is no account yet; the first start makes admin.")
        return
    say(columns([
        (account.name, account.role, f"since {account.created_at:%Y-%m-%d}",
         _who(people[account.name]), _state(account, people[account.name]))
        for account in known
    ]))


def _create(asked: argparse.Namespace) -> None:
    with opened() as services:
        made = services.accounts.create(asked.name, role=asked.role)
    account, password = made.account, made.password
    if asked.json:
        say_json({**_record(account), "password": password})
        return
    say(f"{account.name} ({account.role}) can sign in with the password: {password}\n"
        "It is shown only now, and has to be changed at the first sign-in.")


def _reset(asked: argparse.Namespace) -> None:
    with opened() as services:
        password = services.accounts.reset(asked.name)
    if asked.json:
        say_json({"username": asked.name, "password": password})
        return
    say(f"The new password of {asked.name}: {password}\n"
        "It is shown only now. Open sessions of this account have ended.")


def _deactivate(asked: argparse.Namespace) -> None:
    with opened() as services:
        account = services.accounts.deactivate(asked.name)
    if asked.json:
        say_json(_record(account))
        return
    say(f"Nobody can sign in as {account.name} any more; open sessions have ended. "
        f"accounts reset {account.name} makes a new password.")


def _who(person: Person) -> str:
    """``Bea Test <bea@example.com>``, as far as it is known."""
    return " ".join(part for part in (person.name, person.email and f"<{person.email}>") if part)


def _state(account: Account, person: Person) -> str:
    """What keeps its owner from signing in, if anything."""
    if account.imported:
        return "imported, has not signed in yet"
    if not account.active:
        return "deactivated"
    if person.mail_failed_at:
        return f"sign-up mail not delivered since {person.mail_failed_at:%Y-%m-%d}"
    return ""


def _about(person: Person) -> dict[str, Any]:
    return {"name": person.name, "email": person.email, "country": person.country}


def _record(account: Account) -> dict[str, Any]:
    return {"username": account.name, "role": account.role, "active": account.active,
            "createdAt": account.created_at.isoformat()}
