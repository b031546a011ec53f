"""Ids of files that could not be fetched lately.

R1FS handles one call at a time and may look for a missing file for minutes: asking for it
again and again would hold up the whole node (WIRE.md, 2).
"""

from __future__ import annotations

from threading import Lock

from datagen.domain.errors import NotThere, StoreError
from datagen.ports import Clock

_LONGEST = 3600.0  # seconds
_COST = 10  # times the seconds that a failed search took, it is not repeated
# The same after one that got no answer: perhaps another call held it up, and the file is there.
_COST_OF_SILENCE = 1
_GROWTH_LIMIT = 16  # times the first pause
_SILENCES = 3  # searches without an answer, one after the other, that count as an answer
_MANY = 10_000  # remembered at once


class DeadFiles:
    """Lets nobody ask for what failed, for a while that grows. Thread-safe.

    ``pause``: seconds after a first failure that cost no time.
    """

    def __init__(self, *, clock: Clock, pause: float) -> None:
        self._clock = clock
        self._pause = pause
        self._lock = Lock()
        self._failed: dict[str, tuple[int, float, bool]] = {}  # id -> times, not before, absent

    def check(self, cid: str) -> None:
        """Raise for an id that is not to be asked for yet: NotThere, or StoreError while the
        store never said so."""
        with self._lock:
            _, until, absent = self._failed.get(cid, (0, 0.0, False))
        left = until - self._clock.monotonic()
        if left > 0:
            raise (NotThere if absent else StoreError)(
                f"The file could not be fetched lately. It is asked for again in {left:.0f} s."
            )

    def note(self, cid: str, seconds: float, *, absent: bool) -> bool:
        """A search took ``seconds`` and failed; ``absent``: the store said that there is none.

        True when it is to be taken for absent.
        """
        with self._lock:
            times = self._failed.pop(cid, (0, 0.0, False))[0] + 1
            absent = absent or times >= _SILENCES
            growth = min(2 ** (times - 1), _GROWTH_LIMIT)
            cost = seconds * (_COST if absent else _COST_OF_SILENCE)
            pause = min(self._pause * growth + cost, _LONGEST)
            if len(self._failed) >= _MANY:
                del self._failed[next(iter(self._failed))]  # the one that failed longest ago
            self._failed[cid] = (times, self._clock.monotonic() + pause, absent)
        return absent

    def forget(self, cid: str) -> None:
        """It is there."""
        with self._lock:
            self._failed.pop(cid, None)
