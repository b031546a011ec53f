"""Time, waiting and chance as arguments, so that tests never sleep."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from datagen.ports import Clock

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Aside(Protocol):
    """Runs blocking work away from the event loop."""

    def __call__(
        self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]: ...


async def in_a_thread(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` returns or raises, from a thread of its own.

    Not from the event loop's pool, which has a few threads only and looks up the names of
    hosts: a store that hangs would end up with all of them, and no model could be reached.
    Nobody waits for such a thread at the end either.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def heard(tell: Callable[[], None]) -> None:
        if not outcome.done():  # else it was cancelled
            tell()

    def run() -> None:
        tell: Callable[[], None]
        try:
            tell = partial(outcome.set_result, work(*args, **kwargs))
        except BaseException as exc:  # noqa: BLE001 - raised where it is awaited
            tell = partial(outcome.set_exception, exc)
        with contextlib.suppress(RuntimeError):  # the loop is over, and who asked with it
            loop.call_soon_threadsafe(heard, tell)

    threading.Thread(target=run, daemon=True, name="aside").start()
    return await outcome


async def wait(seconds: float, *events: asyncio.Event) -> None:
    """Wait ``seconds``, or less: until one of ``events`` is set."""
    if not events:
        await asyncio.sleep(seconds)
    elif len(events) == 1:  # as most are; it takes no task of its own
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await events[0].wait()
    else:
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()


class Nap(Protocol):
    """Waits as ``wait`` does."""

    def __call__(self, seconds: float, /, *events: asyncio.Event) -> Awaitable[None]: ...


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How the worker waits."""

    clock: Clock
    nap: Nap = wait
    chance: Callable[[], float] = random.random  # 0 <= x < 1; spreads retries, decides nothing
    aside: Aside = in_a_thread

    async def pause(self, seconds: float, *events: asyncio.Event) -> None:
        """Wait ``seconds``, or less: until one of ``events`` is set."""
        if any(event.is_set() for event in events):
            await asyncio.sleep(0)  # a loop around a set event must not starve the others
            return
        await self.nap(seconds, *events)


class Backoff:
    """Doubling pauses with jitter, for one thing that keeps failing."""

    def __init__(self, pace: Pace, *, first: float = 1.0, cap: float = 30.0) -> None:
        self._pace = pace
        self._first, self._cap = first, cap  # seconds
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure: half to all of the doubled pause."""
        pause = min(self._cap, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return pause * (0.5 + self._pace.chance() / 2)

    @property
    def failing(self) -> bool:
        """Whether it failed since it last worked: who tells of failures tells the first."""
        return self._failures > 0

    def reset(self) -> None:
        """It worked: start small again."""
        self._failures = 0
