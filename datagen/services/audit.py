"""Notes who did what, and shows it to admins.

What strangers do, failed sign-ins, is counted in a bounded number of notes: each replica tells
of it once in five minutes at most, and what was typed as a name only if it is one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import partial

from datagen.domain.audit import NOBODY, Event, What
from datagen.domain.errors import StoreError
from datagen.domain.users import User
from datagen.ports import Clock
from datagen.protocol.audit import AuditBook
from datagen.services.patience import Patience

_LOG = logging.getLogger(__name__)
SPAN = 300  # seconds in which what fails again is one note
MAX_APART = 50  # failures told apart in that time
PUBLISH_EVERY = 30.0  # seconds between two writes to the store
MAX_SHOWN = 1_000


class Audit:
    """Safe to call from any thread. Noting never fails: a full disk keeps nobody out."""

    def __init__(
        self, *, book: AuditBook, peers: Sequence[str], clock: Clock, patience: Patience
    ) -> None:
        self._book, self._peers, self._clock, self._patience = book, peers, clock, patience
        self._lock = threading.Lock()
        self._span = 0
        self._failures: dict[tuple[str, str], int] = {}
        self._publish_at = self._failures_at = float("-inf")  # monotonic seconds

    def note(self, what: What, user: User, about: str = "") -> None:
        """A signed-in user did this."""
        self._keep(Event(at=self._clock.now(), what=what, who=user.name, about=about,
                         address=user.address or ""))

    def failed(self, name: str | None, address: str) -> None:
        """A sign-in failed; ``name``: of the account, None where there is none."""
        now = self._clock.now()
        span = int(now.timestamp()) // SPAN
        with self._lock:
            if span != self._span:
                self._span, self._failures = span, {}
            one = (name or NOBODY, address)
            if one not in self._failures and len(self._failures) >= MAX_APART:
                one = (NOBODY, "others")
            times = self._failures[one] = self._failures.get(one, 0) + 1
        self._keep(Event(at=now, what="sign-in failed", who=one[0], address=one[1], times=times),
                   key=f"failed {span} {one[0]} {one[1]}")

    def latest(self, limit: int = MAX_SHOWN) -> list[Event]:
        """Everybody's, newest first. Raises StoreError."""
        events = self._patience.ask("audit", partial(self._book.of, self._peers))
        return sorted(events, key=lambda event: event.at, reverse=True)[:limit]

    def publish(self) -> None:
        """Tell the store what waits, if it is time; for the worker. Raises StoreError."""
        now = self._clock.monotonic()
        if now < self._publish_at:
            return
        self._publish_at = now + PUBLISH_EVERY
        waiting = self._book.waiting()
        old = self._clock.now().timestamp() - SPAN  # a count may grow for so long
        ready = {key: event for key, event in waiting.items()
                 if event.what != "sign-in failed" or event.at.timestamp() < old}
        if not ready or (now < self._failures_at
                         and all(event.what == "sign-in failed" for event in ready.values())):
            return
        self._book.publish(ready)
        self._failures_at = now + SPAN

    def _keep(self, event: Event, key: str | None = None) -> None:
        try:
            self._book.note(event, key)
        except StoreError as exc:
            _LOG.warning("The audit log lacks an entry (%s): %s", event.what, exc)
