"""Waiting in line."""

from __future__ import annotations

from collections import deque
from threading import Lock
from types import TracebackType


class Turns:
    """One at a time, in the order of arrival; a plain lock may pass the one who waits longest."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[Lock] = deque()  # the first has its turn

    def __enter__(self) -> None:
        gate = Lock()
        gate.acquire()
        with self._lock:
            self._waiting.append(gate)
            first = self._waiting[0] is gate
        if not first:
            gate.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._waiting.popleft()
            if self._waiting:
                self._waiting[0].release()
