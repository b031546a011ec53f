"""The newest of every account: kept on our own disk, and said again (DATA.md, rule 11).

A store keeps whatever arrives last, and a node that was away gets nothing of what it missed: a
password that was changed would count for good on some replicas only, and a deactivated account
would go on. So the worker of every replica knows the newest that was ever shown, writes it over
an older one, and repeats a change for a week.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.engine.pace import Pace
from datagen.engine.returning import Returning
from datagen.ports import Desk, HashStore
from datagen.protocol import keys
from datagen.services.account_records import load_account
from datagen.services.waiting import Waiting

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 20.0  # seconds between two looks at all accounts
PER_LOOK = 5  # writes: each holds up the whole node
FIRST_PAUSE, LONGEST_PAUSE = 20.0, 86_400.0  # seconds until a change is said again
REPEATED = timedelta(days=7)  # for so long a change is


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """One version of an account."""

    text: str
    at: datetime  # when it was changed

    def is_newer_than(self, other: _Copy) -> bool:
        """The later one is, and of two at once that with the lower hash: the same everywhere."""
        return (self.at, other.digest) > (other.at, self.digest)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(kw_only=True)
class _Turn:
    at: datetime  # of the version that is repeated
    due: float  # monotonic seconds
    pause: float = FIRST_PAUSE


class AccountCopies:
    """One replica's; its worker runs this."""

    def __init__(
        self, *, store: HashStore, desk: Desk, hkey: str, waiting: Waiting,
        returning: Returning, pace: Pace,
    ) -> None:
        self._store, self._desk, self._hkey = store, desk, hkey
        self._waiting, self._returning, self._pace = waiting, returning, pace
        self._turns: dict[str, _Turn] = {}  # by user name

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; a store that fails is waited out."""
        while not stop.is_set():
            try:
                await self._pace.aside(self.look)
            except StoreError as exc:
                _LOG.debug("Accounts can't be compared now: %s", exc)  # whoever beats warns
            await self._pace.pause(LOOK_EVERY, stop)

    def look(self) -> None:
        """Compare all accounts with the newest that are known, and write what is due.

        What is missing stays so, for somebody may have taken it away; what is no account of
        ours too. Blocks; raises StoreError.
        """
        if self._returning.look():
            for turn in self._turns.values():
                turn.due, turn.pause = -math.inf, FIRST_PAUSE
        shown = self._store.hgetall(self._hkey)
        known = self._desk.notes(keys.DESK_ACCOUNTS)
        waiting = []
        for name, text in shown.items():
            now, best = self._copy(name, text), self._copy(name, known.get(name, ""))
            if now is None:
                continue
            if best is None or now.is_newer_than(best):
                self._desk.keep(keys.DESK_ACCOUNTS, name, now.text)
                best = now
            is_outdated = best.is_newer_than(now)
            due = -math.inf if is_outdated else self._due(name, best)
            waiting.append((due, name, best, is_outdated))
        waiting.sort(key=lambda one: one[:2])  # who waits longest goes first
        for due, name, best, is_outdated in waiting[:PER_LOOK]:
            if due <= self._pace.clock.monotonic():
                self._say(name, best, is_outdated=is_outdated)

    def _due(self, name: str, best: _Copy) -> float:
        """When a change is said again, in monotonic seconds."""
        if best.at < self._pace.clock.now() - REPEATED:
            self._turns.pop(name, None)
            return math.inf
        turn = self._turns.get(name)
        if turn is None or turn.at != best.at:
            due = self._pace.clock.monotonic() + FIRST_PAUSE
            turn = self._turns[name] = _Turn(at=best.at, due=due)
        return turn.due

    def _say(self, name: str, best: _Copy, *, is_outdated: bool) -> None:
        """Write it in other bytes than are there: equal ones are sent to nobody (WIRE.md, 1)."""
        shown = self._store.hget(self._hkey, name)
        present = self._copy(name, shown or "")
        if present is None or present.is_newer_than(best):
            return  # it was changed just now
        if is_outdated:
            _LOG.warning("An older version of the account %s turned up; the newest is put back.",
                         name)
        text = f"{best.text} " if shown == best.text else best.text
        try:
            self._store.hset(self._hkey, name, text)
        except StoreUnconfirmed as exc:  # it is said again
            _LOG.debug("The account %s is known here alone so far: %s", name, exc)
        if turn := self._turns.get(name):
            turn.pause = min(2 * turn.pause, LONGEST_PAUSE)
            turn.due = self._pace.clock.monotonic() + turn.pause

    def _copy(self, name: str, text: str) -> _Copy | None:
        """None for what is no account."""
        try:
            record = load_account(name, text, self._waiting)
        except ValueError:  # ``Accounts`` tells of it
            return None
        return _Copy(text=text.rstrip(), at=record.account.updated_at)
