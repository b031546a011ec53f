"""The command line: ``python -m datagen …``.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from datagen import __version__, settings
from datagen.domain.errors import DatagenError, InputError

if TYPE_CHECKING:
    from datagen.services.accounts import Accounts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 1 after one clear sentence on standard error (2: wrong usage)."""
    asked = _parser().parse_args(arguments)
    try:
        asked.run(asked)
    except DatagenError as exc:
        sys.stderr.write(_sentence(exc) + "\n")
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell reports for a command stopped by Ctrl-C
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our lines has gone; nobody is left to tell
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m datagen", description="Describe a record, get a dataset."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start everything the Procfile names; Ctrl-C stops it")
    up.set_defaults(run=_up)
    model = commands.add_parser("model", help="serve the local model alone")
    model.set_defaults(run=_model)
    version = commands.add_parser("version", help="say which version this is")
    version.set_defaults(run=lambda _: _say(f"DataGen {__version__}"))
    accounts = commands.add_parser("accounts", help="list, create and mend accounts")
    _add_accounts(accounts.add_subparsers(required=True, metavar="ACTION"))
    return parser


def _add_accounts(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    reset = actions.add_parser("reset", help="make a new password and show it once")
    reset.add_argument("name")
    reset.set_defaults(run=_reset)
    create = actions.add_parser("create", help="make an account and show its password once")
    create.add_argument("name")
    create.add_argument("--role", choices=("user", "admin"), default="user")
    create.set_defaults(run=_create)
    listing = actions.add_parser("list", help="show who may sign in")
    listing.set_defaults(run=_list)


def _up(_: argparse.Namespace) -> None:
    from datagen.up import up

    up(settings.load(), _say)


def _model(_: argparse.Namespace) -> None:
    from datagen.model.local import serve

    serve(settings.load())


def _reset(asked: argparse.Namespace) -> None:
    with _accounts() as accounts:
        password = accounts.reset(asked.name)
    _say(f"The new password of {asked.name}: {password}\n"
         "It is shown only now. Open sessions of this account have ended.")


def _create(asked: argparse.Namespace) -> None:
    with _accounts() as accounts:
        # The service makes readable passwords when it resets; this one is never shown.
        account = accounts.create(asked.name, secrets.token_urlsafe(32), role=asked.role)
        password = accounts.reset(account.name)
    _say(f"{account.name} ({account.role}) can sign in with the password: {password}\n"
         "It is shown only now.")


def _list(_: argparse.Namespace) -> None:
    with _accounts() as accounts:
        known = accounts.list()
    for account in known:
        state = "" if account.active else "  deactivated"
        _say(f"{account.name}  {account.role}  since {account.created_at:%Y-%m-%d}{state}")
    if not known:
        _say("There is no account yet; the first start makes admin.")


@contextmanager
def _accounts() -> Iterator[Accounts]:
    """The accounts of the store that the environment names."""
    from datagen.bootstrap import build

    with closing(build(settings.load())) as services:
        yield services.accounts


def _sentence(exc: DatagenError) -> str:
    """What to tell the person: the message, then each thing that is wrong."""
    lines = [str(exc)]
    if isinstance(exc, InputError):
        lines += [f"  {problem.message}" for problem in exc.problems]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
