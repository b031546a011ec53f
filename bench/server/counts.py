"""What a server saw, as ``GET /counts`` tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Counts:
    """Counters of one server since the last reset."""

    def __init__(self, now: Callable[[], float], in_flight: int = 0) -> None:
        """``now``: monotonic seconds; ``in_flight``: calls that began before."""
        self._now = now
        self.calls = self.answered = self.refused = self.failed = self.garbage = 0
        self.abandoned = 0  # the client was gone before its answer was ready
        self.in_flight = self.peak = in_flight
        self._first = self._last = self._changed = now()
        self._area = 0.0  # calls in flight x seconds
        self._asked = bytearray()  # by index: how often, up to 255

    def begun(self, index: int) -> None:
        """One more call is in flight, for this record."""
        now = self._now()
        if not self.calls:
            self._first, self._area = now, 0.0
            self._changed = now
        self.calls += 1
        self._change(now, 1)
        self.peak = max(self.peak, self.in_flight)
        if index >= 0:
            if index >= len(self._asked):
                self._asked.extend(bytes(max(1024, index + 1 - len(self._asked))))
            self._asked[index] = min(255, self._asked[index] + 1)

    def ended(self) -> None:
        """A call that had begun got its answer, or is not waited for any more."""
        self._last = self._now()
        self._change(self._last, -1)

    def _change(self, now: float, by: int) -> None:
        self._area += self.in_flight * (now - self._changed)
        self._changed = now
        self.in_flight += by

    def told(self) -> dict[str, Any]:
        """All of it, in JSON's values.

        ``seconds``: from the first call's arrival to the last answer's departure;
        ``mean_in_flight``: over that time; ``records``: different ones asked for;
        ``repeated``: calls for one that was asked for before.
        """
        seconds = max(0.0, self._last - self._first)
        records = len(self._asked) - self._asked.count(0)
        return {
            "calls": self.calls, "answered": self.answered, "refused": self.refused,
            "failed": self.failed, "garbage": self.garbage, "abandoned": self.abandoned,
            "in_flight": self.in_flight, "peak": self.peak, "seconds": seconds,
            "mean_in_flight": self._area / seconds if seconds else 0.0,
            "records": records, "repeated": sum(self._asked) - records,
        }
