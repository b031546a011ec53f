"""Virtual time: hours pass at once, and blocking work gives way as a thread would."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.simulation.virtual import StuckError, VirtualLoop, drive, give_way


class Gone(BaseException):
    """The process is dead."""


def passed(work: Coroutine[Any, Any, Any]) -> float:
    """Virtual seconds that ``work`` took."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work)
        return loop.time()
    finally:
        loop.close()


def test_waiting_takes_no_time() -> None:
    assert passed(asyncio.sleep(1e6)) == pytest.approx(1e6)


def test_where_nothing_will_ever_happen_it_says_so() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        passed(wait())


def test_others_act_between_two_calls_of_blocking_work() -> None:
    seen: list[str] = []

    def work(name: str) -> None:
        for _ in range(2):
            seen.append(name)
            give_way(1.0)

    async def both() -> None:
        await asyncio.gather(*(drive(work, name, check=lambda: None) for name in "ab"))

    assert passed(both()) == pytest.approx(2.0)
    assert seen == ["a", "b", "a", "b"]


def test_work_goes_on_though_nobody_awaits_it_any_more() -> None:
    seen: list[str] = []

    def work() -> None:
        give_way(1.0)
        seen.append("done")

    async def dropped() -> None:
        task = asyncio.ensure_future(drive(work, check=lambda: None))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.sleep(1.0)
        assert task.cancelled()

    passed(dropped())
    assert seen == ["done"]


def test_the_work_of_a_dead_process_ends_where_it_is() -> None:
    seen: list[str] = []
    alive = True

    def check() -> None:
        if not alive:
            raise Gone

    def work() -> None:
        try:
            give_way(1.0)
            seen.append("went on")
        finally:
            seen.append("ended")

    async def killed() -> None:
        nonlocal alive
        task = asyncio.ensure_future(drive(work, check=check))
        await asyncio.sleep(0.5)
        alive = False
        with pytest.raises(Gone):
            await task

    passed(killed())
    assert seen == ["ended"]
