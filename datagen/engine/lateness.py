"""How late the worker itself is: what it needs to notice an answer is no time of the server's.

While calls are under way, a timer of the event loop rings now and then. It is as late as
everything else in the loop is: the processor was busy elsewhere, or with other answers.
"""

from __future__ import annotations

import asyncio

_SHORTEST, _LONGEST = 0.02, 1.0  # seconds between two looks
_OFTEN = 8  # looks while one answer is waited for


class Lateness:
    """Of one event loop, measured while it is asked for."""

    def __init__(self) -> None:
        self._late = 0.0  # seconds, at the latest look
        self._due: float | None = None  # of the next look, in the loop's time; None = nobody asks
        self._every, self._wanted = _LONGEST, False

    def watch(self, seconds: float) -> None:
        """A call begins, whose answer takes about so many seconds."""
        self._every = max(_SHORTEST, min(_LONGEST, seconds / _OFTEN))
        self._wanted = True
        if self._due is None:
            self._late = 0.0
            self._set(asyncio.get_running_loop())

    def now(self) -> float:
        """Seconds by which what happens now is late."""
        if self._due is None:
            return 0.0
        return max(self._late, asyncio.get_running_loop().time() - self._due)

    def rest(self) -> None:
        """No call is under way any more."""
        self._wanted = False

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + self._every
        loop.call_at(self._due, loop.call_soon, self._look, loop)  # an answer takes two steps too

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due is None:
            return
        self._late = max(0.0, loop.time() - self._due)
        if self._wanted:
            self._set(loop)
        else:
            self._due = None
