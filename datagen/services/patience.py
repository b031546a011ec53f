"""Reads of a shared store, as long as somebody who looks at a page will wait for them.

A page answers within a second whatever the store does: a read that takes longer goes on
in the background, one per name, and what it finds is there for whoever asks next.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from datagen.domain.errors import StoreError
from datagen.ports import Clock

T = TypeVar("T")

AGAIN_AFTER = 5.0  # seconds from a failure to the next try; meanwhile all are told the same
MAX_TROUBLES = 1_000  # names whose failures are remembered
AT_ONCE = 8  # reads made together by one who asks
_SLOW = "The shared store has not answered yet."


class NotYetError(StoreError):
    """It takes longer, and goes on."""


@dataclass(kw_only=True)
class _Read(Generic[T]):
    done: threading.Event = field(default_factory=threading.Event)
    late: bool = False  # somebody waited in vain: nobody else needs to
    found: T | None = None
    error: Exception | None = None


class Patience:
    """Bounds how long a caller waits. Safe to call from any thread."""

    def __init__(self, seconds: float | None, *, clock: Clock) -> None:
        """``seconds`` to wait for one read; None = a store on this machine: read on the spot."""
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._reads: dict[Hashable, _Read[object]] = {}
        self._troubles: dict[Hashable, tuple[float, StoreError]] = {}  # until, monotonic

    def ask(self, name: Hashable, read: Callable[[], T], *, wait: bool = True) -> T:
        """What ``read`` finds, which it also keeps for itself: nobody may be waiting any more.

        Raises what it raises, and NotYetError where it takes longer than the caller waits.
        """
        if self._seconds is None:
            return read()
        with self._lock:
            until, trouble = self._troubles.get(name, (0.0, None))
            if trouble is not None and self._clock.monotonic() < until:
                raise StoreError(str(trouble)) from trouble
            reading = self._reads.get(name)
            if reading is None:
                reading = self._reads[name] = _Read()
                threading.Thread(
                    target=self._run, args=(name, read, reading), daemon=True,
                    name="patient read",
                ).start()
        if not reading.done.wait(self._seconds if wait and not reading.late else 0):
            reading.late = reading.late or wait
            raise NotYetError(_SLOW)
        if reading.error is not None:
            raise reading.error
        return reading.found  # type: ignore[return-value]  # what this name's read found

    def together(self, reads: Sequence[Callable[[], object]]) -> None:
        """Make several reads, a few at once where the store is far away.

        Raises what the first of them raises that fails; then no further one begins.
        """
        if self._seconds is None or len(reads) < 2:
            for read in reads:
                read()
            return
        left, errors, lock = deque(reads), deque[Exception](), threading.Lock()

        def work() -> None:
            while not errors:
                with lock:
                    if not left:
                        return
                    read = left.popleft()
                try:
                    read()
                except Exception as exc:  # noqa: BLE001 - told to who asked
                    errors.append(exc)

        threads = [threading.Thread(target=work, daemon=True, name="read together")
                   for _ in range(min(AT_ONCE, len(reads)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _run(self, name: Hashable, read: Callable[[], object], reading: _Read[object]) -> None:
        try:
            reading.found = read()
        except Exception as exc:  # noqa: BLE001 - told to whoever waits
            reading.error = exc
        with self._lock:
            del self._reads[name]
            if not isinstance(reading.error, StoreError):
                self._troubles.pop(name, None)
            elif len(self._troubles) < MAX_TROUBLES or name in self._troubles:
                self._troubles[name] = (self._clock.monotonic() + AGAIN_AFTER, reading.error)
        reading.done.set()
