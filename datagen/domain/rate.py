"""At most so many per minute: pure arithmetic of one bound, O(1) per call."""

from __future__ import annotations

MINUTE = 60.0  # seconds
_BURST = 20  # the part of a minute's allowance that may go at once is one in so many


class Rate:
    """Spreads calls, or tokens, over the minute.

    What is taken one by one never comes to more than ``per_minute`` in any 60 s (the generic
    cell rate algorithm). One big thing may go beyond, where there was room: what follows waits
    for it.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        burst = max(1, per_minute // _BURST)
        self._each = MINUTE / (per_minute - burst + 1)  # seconds
        self._ahead = (burst - 1) * self._each
        self._due = 0.0  # when all that was taken is paid for, monotonic

    def wait(self, now: float) -> float:
        """Seconds until something may be taken; 0 = now."""
        return max(0.0, self._due - self._ahead - now)

    def take(self, now: float, amount: float = 1.0) -> None:
        """So much begins now."""
        self._due = max(self._due, now) + amount * self._each

    def correct(self, amount: float) -> None:
        """It came to so much more than was taken, or less."""
        self._due += amount * self._each
