"""What this peer said in its own fields, to be said again (DATA.md, rule 3).

A node that was away gets nothing of what it missed, a message may be lost, and ``true`` means
that one other node has a write. So the last word of each field stays on this replica's own
disk for a week and is written again: after 20 s, then after pauses that double; every
minute while its job is open; and at once when a peer comes back.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from datagen.ports import Clock, Desk
from datagen.protocol import keys
from datagen.protocol.fields import dumps, from_iso, load_object, to_iso

_LOG = logging.getLogger(__name__)
FIRST_PAUSE = 20.0  # seconds until a field is written again
OPEN_PAUSE = 60.0  # at most, while its job is open
LONGEST_PAUSE = 86_400.0
KEPT = timedelta(days=7)  # for so long it is said again
_APART = "\n"  # between hash and field in the name of a note


@dataclass(frozen=True, kw_only=True)
class Place:
    """One field of this peer's."""

    hkey: str
    field: str

    @property
    def job_id(self) -> str:
        return keys.job_of(self.hkey, self.field)


@dataclass(kw_only=True)
class _Turn:
    until: datetime  # nothing is said again after that
    due: float  # monotonic seconds
    pause: float = FIRST_PAUSE


class Said:
    """The last words of one peer's worker. All methods block; raises StoreError."""

    def __init__(self, *, desk: Desk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock
        self._turns: dict[Place, _Turn] | None = None  # read from the disk when first needed

    def keep(self, place: Place, record: Mapping[str, Any]) -> None:
        """Remember ``record`` as the last word there; before it is written."""
        now = self._clock.now()
        self._desk.keep(keys.DESK_SAID, f"{place.hkey}{_APART}{place.field}",
                        dumps({"at": to_iso(now), "record": record}))
        turns = self._all()
        turns.pop(place, None)  # the newest goes last
        turns[place] = _Turn(until=now + KEPT, due=self._clock.monotonic() + FIRST_PAUSE)

    def record(self, place: Place) -> dict[str, Any] | None:
        """The last word there; None when there is none, or none that can be read."""
        text = self._desk.note(keys.DESK_SAID, f"{place.hkey}{_APART}{place.field}")
        try:
            found = load_object(text)["record"] if text else None
        except (ValueError, KeyError):
            return None
        return found if isinstance(found, dict) else None

    def forget(self, place: Place) -> None:
        """There is nothing to say any more."""
        if self._all().pop(place, None) is not None:
            self._desk.drop(keys.DESK_SAID, f"{place.hkey}{_APART}{place.field}")

    def is_empty(self) -> bool:
        """Whether nothing was said yet, as far as this disk knows."""
        return not self._all()

    def jobs(self) -> set[str]:
        """Ids of the jobs whose entry in the list is ours."""
        return {place.field for place in self._all() if place.hkey == keys.JOBS}

    def due(self, open_jobs: Collection[str]) -> Iterator[Place]:
        """Where the last word is to be written again now: what waits longest, then the newest.

        What is older than a week is forgotten.
        """
        now, today = self._clock.monotonic(), self._clock.now()
        newest = reversed(list(self._all().items()))
        for place, turn in sorted(newest, key=lambda one: one[1].due):
            is_open = place.job_id in open_jobs
            if turn.until < today and not is_open:
                self.forget(place)
            elif now >= turn.due - (max(0.0, turn.pause - OPEN_PAUSE) if is_open else 0.0):
                yield place

    def was_said(self, place: Place) -> None:
        """It was written again: the next time is twice as far."""
        turn = self._all().get(place)
        if turn is not None:
            turn.pause = min(2 * turn.pause, LONGEST_PAUSE)
            turn.due = self._clock.monotonic() + turn.pause

    def at_once(self, wanted: Callable[[Place], bool] = lambda _: True) -> None:
        """Say these again as soon as there is time: somebody may have missed them."""
        for place, turn in self._all().items():
            if wanted(place):
                turn.due, turn.pause = -math.inf, FIRST_PAUSE

    def _all(self) -> dict[Place, _Turn]:
        if self._turns is None:
            self._turns = dict(self._read())
        return self._turns

    def _read(self) -> Iterator[tuple[Place, _Turn]]:
        """What an earlier start said is said again at once: it may never have been sent."""
        for name, text in self._desk.notes(keys.DESK_SAID).items():
            hkey, _, field = name.partition(_APART)
            try:
                said_at = from_iso(load_object(text)["at"])
            except (ValueError, KeyError) as exc:
                _LOG.error("A last word can't be read, so it is not said again: %s", exc)
                continue
            yield Place(hkey=hkey, field=field), _Turn(until=said_at + KEPT, due=-math.inf)
