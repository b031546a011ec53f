"""Time as the sandbox sees it: seconds of the network, real or virtual, and what is due when."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from typing import Protocol

Due = Callable[[], None]


class Time(Protocol):
    """Seconds from an arbitrary start, and a line of things to do."""

    def now(self) -> float: ...

    def at(self, when: float, due: Due) -> None:
        """Call ``due`` at ``when``; things of one moment in the order in which they were given."""
        ...


class VirtualTime:
    """Time that passes only when it is told to: nothing ever waits. For one thread."""

    def __init__(self) -> None:
        self._now = 0.0
        self._line: list[tuple[float, int, Due]] = []
        self._given = 0

    def now(self) -> float:
        return self._now

    def at(self, when: float, due: Due) -> None:
        self._given += 1
        heapq.heappush(self._line, (max(when, self._now), self._given, due))

    def step(self) -> bool:
        """Go to the next thing that is due and do it; False when there is none."""
        if not self._line:
            return False
        self._now, _, due = heapq.heappop(self._line)
        due()
        return True

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, with everything that is due until then."""
        end = self._now + seconds
        while self._line and self._line[0][0] <= end:
            self.step()
        self._now = end


class RealTime:
    """The machine's time, ``scale`` times as fast; a thread of its own does what is due."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._start = time.monotonic()
        self._line: list[tuple[float, int, Due]] = []
        self._given = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="sandbox-time", daemon=True)
        self._thread.start()

    def now(self) -> float:
        return (time.monotonic() - self._start) * self._scale

    def at(self, when: float, due: Due) -> None:
        with self._changed:
            self._given += 1
            heapq.heappush(self._line, (when, self._given, due))
            self._changed.notify()

    def close(self) -> None:
        """End the thread; what was not due yet is dropped."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            due()

    def _next(self) -> Due | None:
        """Wait for the next thing that is due; None after ``close``."""
        with self._changed:
            while not self._closed:
                wait = (self._line[0][0] - self.now()) / self._scale if self._line else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._line)[2]
                self._changed.wait(wait)
            return None
