"""``accounts import``: people of a password file of Apache's ``htpasswd``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datagen.cli.terminal import PROG, command, opened, say, say_json
from datagen.domain.errors import InputError

if TYPE_CHECKING:
    from datagen.services.imports import ImportReport

SOME_REFUSED = 3  # exit status: what could be done was done, but not all of it


def add(actions: Any) -> None:
    """The action; without ``--apply`` it only says what it would do."""
    parser = command(
        actions, "import", _import, "take over the people of an htpasswd file, bcrypt lines only",
        "accounts import users.htpasswd", "accounts import users.htpasswd --apply",
    )
    parser.epilog = (parser.epilog or "") + (
        "\n\nWithout --apply nothing is changed. People sign in with the passwords they have."
        "\nexit status: 0 every line can be taken over, 3 some lines were refused")
    parser.add_argument("file", type=Path)
    parser.add_argument("--apply", action="store_true", help="make the accounts")


def _import(asked: argparse.Namespace) -> int:
    from datagen.services.imports import import_accounts

    try:
        content = asked.file.read_bytes()
    except OSError as exc:
        raise InputError(f"{asked.file} can't be read ({exc.strerror}).") from exc
    with opened() as services:
        report = import_accounts(services.accounts, content, apply=asked.apply)
    if asked.json:
        say_json(_record(report))
    else:
        _tell(report, asked.file)
    return SOME_REFUSED if report.refused else 0


def _tell(report: ImportReport, file: Path) -> None:
    for entry in report.new:
        say(f"line {entry.line}: {entry.name}  {'made' if report.applied else 'would be made'}")
    for entry in report.existing:
        say(f"line {entry.line}: {entry.name}  there already, left as it is")
    for refusal in report.refused:
        name = f"{refusal.name!a}  " if refusal.name else ""
        say(f"line {refusal.line}: {name}refused. {refusal.reason}")
    made = "made" if report.applied else "to be made"
    say(f"{len(report.new)} {made}, {len(report.existing)} there already, "
        f"{len(report.refused)} refused.")
    if report.applied and report.new:
        say("They sign in with the passwords they have. Keep or delete the file with care: "
            "its hashes are weaker than ours.")
    elif report.new:
        say(f"Nothing was changed. To make them: "
            f"{PROG} accounts import {file} --apply")


def _record(report: ImportReport) -> dict[str, Any]:
    return {
        "applied": report.applied,
        "new": [{"line": e.line, "username": e.name} for e in report.new],
        "existing": [{"line": e.line, "username": e.name} for e in report.existing],
        "refused": [{"line": r.line, "username": r.name, "reason": r.reason}
                    for r in report.refused],
    }
