"""Accounts out of an ``htpasswd`` file: looked at first, made when that is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from datagen.domain import htpasswd
from datagen.domain.errors import Conflict, InputError
from datagen.domain.htpasswd import Entry, Refusal
from datagen.services.accounts import ADMIN, Accounts

MAX_BYTES = 4 * 1024 * 1024  # of one file


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did, or would do."""

    applied: bool
    new: tuple[Entry, ...]  # became accounts, or would
    existing: tuple[Entry, ...]  # there is an account of that name already: left as it is
    refused: tuple[Refusal, ...]


def import_accounts(accounts: Accounts, content: bytes, *, apply: bool) -> ImportReport:
    """Take over the bcrypt lines of a password file; without ``apply`` nothing is written.

    Raises InputError for a file that is none, StoreError.
    """
    entries, refused = htpasswd.parse(_text(content))
    taken = accounts.taken()
    new: list[Entry] = []
    existing: list[Entry] = []
    for entry in entries:
        if entry.name == ADMIN and ADMIN not in taken:
            refused.append(Refusal(line=entry.line, name=entry.name, reason=(
                "admin is made at the first start, with the rights of an administrator.")))
        elif entry.name in taken or (apply and not _made(accounts, entry)):
            existing.append(entry)
        else:
            new.append(entry)
    return ImportReport(applied=apply, new=tuple(new), existing=tuple(existing),
                        refused=tuple(sorted(refused, key=lambda r: r.line)))


def _made(accounts: Accounts, entry: Entry) -> bool:
    try:
        accounts.take_over(entry.name, entry.bcrypt)
    except Conflict:  # somebody made it while we were reading
        return False
    return True


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES or b"\0" in content:
        raise InputError("This is not a password file: it is too large, or not a text.")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise InputError("This is not a password file in UTF-8.") from exc
