"""Accounts as they are stored: one field of the auth hash each (WIRE.md, 5)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from datagen.domain.errors import NotThere, StoreError, StoreUnconfirmed
from datagen.domain.users import USER_NAME, Account, Role
from datagen.ports import Clock, Desk, HashStore
from datagen.protocol import keys
from datagen.protocol.fields import dumps, from_iso, load_object, optional_iso, to_iso
from datagen.protocol.foreign import Foreign
from datagen.services.waiting import Waiting, without

_LOG = logging.getLogger(__name__)
MARKS = "datagen"  # in the metadata: what the npm library has no place for
MUST_CHANGE = "mustChangePassword"  # true: the password was made for them, and sent
TOKENS_ENDED_AT = "tokensEndedAt"  # personal tokens from before open nothing
ENDED_AT = "sessionsEndedAt"  # sessions from before are over, whatever their tokens say


@dataclass(frozen=True, kw_only=True)
class AccountRecord:
    """An account as it is stored."""

    account: Account
    password: Mapping[str, Any] | None = field(repr=False)  # None: deactivated
    raw: Mapping[str, Any] = field(repr=False)  # all fields, those we don't know too
    bcrypt: str | None = field(default=None, repr=False)  # waits for the first sign-in

    @property
    def stamp(self) -> str:
        """Names the password without telling it: a new one ends older sessions.

        So does the order that all of them end.
        """
        ended = self.account.ended_at
        said = self.password if ended is None else [self.password, to_iso(ended)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def load_account(name: str, text: str, waiting: Waiting) -> AccountRecord:
    """The account as it is stored under ``name``. Raises ValueError for one that is none."""
    raw = load_object(text)
    if not USER_NAME.fullmatch(name) or raw.get("type") != "simple":
        raise ValueError("not an account")
    password, metadata = raw.get("password"), raw.get("metadata")
    if password is not None and not isinstance(password, dict):
        raise ValueError("not a password record")
    role: Role
    match raw.get("role"):
        case "admin":
            role = "admin"
        case "user":
            role = "user"
        case _:
            raise ValueError("not a role")
    created, bcrypt, marks = from_iso(raw.get("createdAt")), waiting.hash_in(name, raw), _marks(raw)
    shown = without(metadata) if isinstance(metadata, dict) else {}
    shown.pop(MARKS, None)
    return AccountRecord(
        account=Account(
            name=name,
            role=role,
            active=password is not None or bcrypt is not None,
            imported=bcrypt is not None,
            must_change=marks.get(MUST_CHANGE) is True,
            ended_at=optional_iso(marks.get(ENDED_AT)),
            tokens_ended_at=optional_iso(marks.get(TOKENS_ENDED_AT)),
            metadata=shown,
            created_at=created,
            updated_at=from_iso(raw.get("updatedAt", raw.get("createdAt"))),
        ),
        password=password,
        raw=raw,
        bcrypt=bcrypt,
    )


def blank(role: Role, metadata: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """A new record, its password yet to be set."""
    return {
        "type": "simple",
        "password": None,
        "role": role,
        "metadata": dict(metadata),
        "createdAt": to_iso(at),
        "updatedAt": to_iso(at),
    }


class AccountRecords:
    """Reads and writes them; a change is left for the worker too, which says it again."""

    def __init__(
        self, *, store: HashStore, desk: Desk, clock: Clock, hkey: str, waiting: Waiting,
        foreign: Foreign,
    ) -> None:
        self._store, self._desk, self._clock = store, desk, clock
        self._hkey, self._waiting, self._foreign = hkey, waiting, foreign
        self.on_write: Callable[[str], None] = lambda _: None  # told the name of what changed

    def is_taken(self, name: str) -> bool:
        """Whether there is something under this name, readable or not."""
        return self._store.hget(self._hkey, name) is not None

    def taken(self) -> frozenset[str]:
        """All names that are in use, those of accounts that can't be read too."""
        return frozenset(self._store.hgetall(self._hkey))

    def all(self) -> list[AccountRecord]:
        """All readable ones, by name."""
        found = (self._loaded(n, text) for n, text in self._store.hgetall(self._hkey).items())
        return sorted((r for r in found if r), key=lambda record: record.account.name)

    def read(self, name: str) -> AccountRecord | None:
        """None where there is none, or none that can be read."""
        text = self._store.hget(self._hkey, name)
        return None if text is None else self._loaded(name, text)

    def known(self, name: str) -> AccountRecord:
        """Raises NotThere."""
        record = self.read(name) if USER_NAME.fullmatch(name) else None
        if record is None:
            raise NotThere(f"There is no account named {name[:64]!r}.")
        return record

    def change(
        self, record: AccountRecord, changes: Mapping[str, Any],
        marks: Mapping[str, Any] | None = None, *, ends_tokens: bool = False,
    ) -> None:
        """Rewrite an account, later than it was (DATA.md, rule 11), unknown fields kept.

        A new password ends all sessions; ``ends_tokens``: personal tokens too. ``marks``: those
        to set, None takes one away.
        """
        account = record.account
        at = max(self._clock.now(), account.updated_at + timedelta(milliseconds=1))
        changed = {**record.raw, **changes, "updatedAt": to_iso(at)}
        new = dict(marks or {})
        if "password" in changes:
            new.setdefault(ENDED_AT, to_iso(at))
        if ends_tokens:
            new[TOKENS_ENDED_AT] = to_iso(at)
        kept = {k: v for k, v in {**_marks(record.raw), **new}.items() if v is not None}
        metadata = changed.get("metadata")
        if kept or isinstance(metadata, Mapping):
            shown = dict(metadata) if isinstance(metadata, Mapping) else {}
            shown.pop(MARKS, None)
            changed["metadata"] = {**shown, **({MARKS: kept} if kept else {})}
        bcrypt = None if "password" in changes else record.bcrypt
        self.write(account.name, self._waiting.put_in(account.name, changed, bcrypt))

    def end_sessions(self, record: AccountRecord) -> None:
        """All sessions that were opened by now are over, on every replica that hears of it."""
        at = max(self._clock.now(), record.account.updated_at + timedelta(milliseconds=1))
        self.change(record, {}, {ENDED_AT: to_iso(at)})

    def write(self, name: str, record: Mapping[str, Any]) -> None:
        """Put it in the store, in place of what is there."""
        text = dumps(record)
        try:
            self._store.hset(self._hkey, name, text)
        except StoreUnconfirmed as exc:  # it counts here at once
            _LOG.warning("The account %s was changed on this replica alone so far: %s", name, exc)
        finally:
            self.on_write(name)
        try:
            self._desk.keep(keys.DESK_ACCOUNTS, name, text)  # to be said again by the worker
        except StoreError as exc:
            _LOG.warning("The account %s was changed, which is not repeated: %s", name, exc)

    def _loaded(self, name: str, text: str) -> AccountRecord | None:
        """The account; None for a value that is none."""
        try:
            return load_account(name, text, self._waiting)
        except ValueError as exc:
            self._foreign.ignored(self._hkey, name, exc)
            return None


def _marks(raw: Mapping[str, Any]) -> dict[str, Any]:
    metadata = raw.get("metadata")
    marks = metadata.get(MARKS) if isinstance(metadata, Mapping) else None
    return dict(marks) if isinstance(marks, Mapping) else {}
