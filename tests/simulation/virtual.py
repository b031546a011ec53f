"""Time that only passes when everybody waits, and blocking work that waits in it.

Nothing sleeps and there are no threads: a worker's blocking work runs in a greenlet, which
gives way at every call of a store, so that others act between two calls as they would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet


class StuckError(Exception):
    """Everybody waits, and nothing will ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop that never blocks: it jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self  # all that the base class wants of one is ``select``
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._now

    def spend(self, seconds: float) -> None:
        """What runs now takes so long."""
        self._now += seconds

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise StuckError("Everybody waits, and nothing will ever happen.")
        self._now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody waits in ``select``."""


def give_way(seconds: float) -> None:
    """Called by blocking work: let ``seconds`` pass. Outside of ``drive``, none do."""
    parent = getcurrent().parent
    if parent is not None:
        parent.switch(seconds)


async def drive(work: Callable[..., Any], *args: Any, check: Callable[[], None]) -> Any:
    """What blocking work returns. ``check`` raises once its process is dead.

    As a thread would, it goes on when the task that awaits it is cancelled.
    """
    return await _driven(greenlet(work), args, check)


async def _driven(running: greenlet, args: tuple[Any, ...], check: Callable[[], None]) -> Any:
    said = running.switch(*args)
    while not running.dead:
        cancelled = None
        try:
            await asyncio.sleep(said)
        except asyncio.CancelledError as exc:
            cancelled = exc
        try:
            check()
        except BaseException as exc:
            running.throw(exc)
            raise
        if cancelled is not None:
            rest = asyncio.get_running_loop().create_task(_driven(running, (), check))
            rest.add_done_callback(lambda task: task.cancelled() or task.exception())
            raise cancelled
        said = running.switch()
    return said
