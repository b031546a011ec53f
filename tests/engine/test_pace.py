"""Blocking work away from the event loop: however much of it hangs, it holds up nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from datagen.engine.pace import in_a_thread

WITHIN = 10.0  # seconds, on a busy machine


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What hanging work waits for; the test's end lets it go."""
    event = threading.Event()
    yield event
    event.set()


async def test_it_gives_back_what_the_work_returns_or_raises() -> None:
    assert await in_a_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_a_thread(divmod, 7, 0)


async def test_work_that_hangs_holds_up_neither_other_work_nor_the_loops_own_pool(
    never: threading.Event,
) -> None:
    hanging = [asyncio.create_task(in_a_thread(never.wait)) for _ in range(50)]
    async with asyncio.timeout(WITHIN):
        assert await in_a_thread(int, "1") == 1
        assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    assert not any(task.done() for task in hanging)
    never.set()
    await asyncio.gather(*hanging)


def test_nobody_waits_at_the_end_for_work_that_hangs(never: threading.Event) -> None:
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(in_a_thread(never.wait), 0.01)

    def live() -> None:
        asyncio.run(give_up())

    life = threading.Thread(target=live, daemon=True)
    life.start()
    life.join(WITHIN)
    assert not life.is_alive()
