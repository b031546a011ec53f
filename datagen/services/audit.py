"""Notes who did what, and shows it to admins.

The same, done again within five minutes, is counted, and of much that one user does there are
few notes: nobody pushes out what others did. What strangers do, failed sign-ins, each replica
tells of once in that time at most, and what was typed as a name only if it is one.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from datagen.domain.audit import NOBODY, OF_ADMINS, Event, What
from datagen.domain.errors import StoreError
from datagen.domain.users import User
from datagen.ports import Clock
from datagen.protocol.audit import COUNTED, AuditBook
from datagen.services.patience import Patience

_LOG = logging.getLogger(__name__)
SPAN = 300  # seconds in which what fails again is one note
MAX_APART = 50  # failures told apart in that time
MAX_ACTS = 20  # acts of one user, likewise
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
        self._failures: Counter[tuple[str, str]] = Counter()  # by name and address
        self._acts: dict[str, Counter[tuple[What, str, str]]] = {}  # by user; what, about, address
        self._publish_at = self._failures_at = float("-inf")  # monotonic seconds

    def note(self, what: What, user: User, about: str = "") -> None:
        """A signed-in user did this."""
        now, address = self._clock.now(), user.address or ""
        if what in OF_ADMINS:
            self._keep(Event(at=now, what=what, who=user.name, about=about, address=address))
            return
        with self._lock:
            span = self._begun(now)
            acts = self._acts.setdefault(user.name, Counter())
            one = (what, about, address)
            if one not in acts and len(acts) >= MAX_ACTS:
                one = (what, "others", "")
            acts[one] += 1
            again = acts[one] - 1
        self._keep(
            Event(at=now, what=what, who=user.name, about=one[1], address=one[2],
                  times=max(1, again)),
            key=f"{COUNTED}{span} {user.name} {' '.join(one)}" if again else None)

    def failed(self, name: str | None, address: str) -> None:
        """A sign-in failed; ``name``: of the account, None where there is none."""
        now = self._clock.now()
        with self._lock:
            span = self._begun(now)
            one = (name or NOBODY, address)
            if one not in self._failures and len(self._failures) >= MAX_APART:
                one = (NOBODY, "others")
            self._failures[one] += 1
            times = self._failures[one]
        self._keep(Event(at=now, what="sign-in failed", who=one[0], address=one[1], times=times),
                   key=f"{COUNTED}{span} failed {one[0]} {one[1]}")

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
                 if not key.startswith(COUNTED) or event.at.timestamp() < old}
        if not ready or (now < self._failures_at
                         and all(event.what == "sign-in failed" for event in ready.values())):
            return
        self._book.publish(ready)
        self._failures_at = now + SPAN

    def _begun(self, now: datetime) -> int:
        """The span of this moment; what was counted in another is forgotten."""
        span = int(now.timestamp()) // SPAN
        if span != self._span:
            self._span, self._failures, self._acts = span, Counter(), {}
        return span

    def _keep(self, event: Event, key: str | None = None) -> None:
        try:
            self._book.note(event, key)
        except StoreError as exc:
            _LOG.warning("The audit log lacks an entry (%s): %s", event.what, exc)
