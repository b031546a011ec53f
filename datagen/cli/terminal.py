"""What the commands say and share: sentences, tables, JSON, the store, who acts."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from datagen.domain.errors import DatagenError, InputError, ModelError, NotAllowed, NotThere

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.domain.users import User

PROG = "python -m datagen"
ADMIN = "admin"
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

Run = Callable[[argparse.Namespace], int | None]


def command(
    commands: argparse._SubParsersAction[Any], name: str, run: Run, does: str,
    *examples: str, as_json: bool = True,
) -> argparse.ArgumentParser:
    """A command or an action; ``examples`` are what follows ``python -m datagen``."""
    shown = "\n".join(f"  {PROG} {example}" for example in examples)
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=does, description=does[0].upper() + does[1:] + ".",
        epilog=f"examples:\n{shown}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if as_json:
        parser.add_argument("--json", action="store_true", help="answer in JSON, for programs")
    parser.set_defaults(run=run)
    return parser


def add_user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="NAME", help="whose jobs (admin on a single machine)")


def say(text: str) -> None:
    """One thing on standard output, at once."""
    sys.stdout.write(clean(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One thing for the person, on standard error: what is piped on stays clean."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """A value for a program, on standard output; plain ASCII, which any terminal can show."""
    say(json.dumps(value, indent=2))


def clean(text: str) -> str:
    """The text without what would steer a terminal: titles and replies are foreign."""
    return _CONTROLS.sub("?", text)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns, two blanks apart; the last column is as long as it is."""
    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def sentence(exc: DatagenError) -> str:
    """What to tell the person: the message, then each thing that is wrong."""
    lines = [str(exc)]
    if isinstance(exc, InputError):
        lines += [f"  {problem.message}" for problem in exc.problems
                  if problem.message not in lines[0]]
    if isinstance(exc, ModelError) and exc.advice not in lines[0]:
        lines.append(exc.advice)
    return "\n".join(lines)


@contextmanager
def opened() -> Iterator[Services]:
    """The services of the store that the environment names. Raises SettingsError, StoreError."""
    from datagen import settings
    from datagen.bootstrap import build

    with closing(build(settings.load())) as services:
        yield services


def acting(services: Services, name: str | None) -> User:
    """Who a command acts for; nobody named: admin, even before the first start made it.

    Raises NotThere, NotAllowed.
    """
    from datagen.domain.users import User

    name = (name or ADMIN).strip().lower()
    try:
        account = services.accounts.get(name)
    except NotThere:
        if name != ADMIN:
            raise
        return User(name=ADMIN, role="admin")
    if not account.active:
        raise NotAllowed(f"The account {account.name} is deactivated: name another with --user.")
    return User(name=account.name, role=account.role)
