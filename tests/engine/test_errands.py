"""What the file store is to do by and by is done, however often it fails, and holds up nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from datagen.adapters.clock import HandClock
from datagen.domain.errors import NotThere, StoreError
from datagen.engine.errands import LONGEST_PAUSE, Errands
from tests.engine.workbench import hand_pace


class Round:
    """Errands, and what became of them."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.errands = Errands(hand_pace(self.clock))
        self.tries: list[tuple[str, float]] = []  # name, monotonic seconds
        self.done = asyncio.Event()

    def add(self, name: str, *errors: Exception, mark: int = 0) -> None:
        """Fails with each of ``errors`` in turn, then works."""
        left = list(errors)

        def work() -> None:
            self.tries.append((name, self.clock.monotonic()))
            if left:
                raise left.pop(0)

        self.errands.add(name, work, mark=mark)

    async def run(self, until: Callable[[], bool]) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(self.errands.run(stop, self.done))
        while not until():
            assert not running.done()
            await asyncio.sleep(0)
        stop.set()
        await running

    def names(self) -> list[str]:
        return [name for name, _ in self.tries]


async def test_one_that_fails_holds_up_no_other_and_is_tried_again() -> None:
    round_ = Round()
    round_.add("a", StoreError("away"), NotThere("gone"), ValueError("a fault of ours"))
    round_.add("b")
    await round_.run(lambda: round_.names().count("a") == 4)
    assert round_.names() == ["a", "b", "a", "a", "a"]
    assert round_.done.is_set()


async def test_one_that_depends_on_something_else_now_is_tried_at_once() -> None:
    round_ = Round()
    round_.add("a", *[StoreError("away")] * 100)
    await round_.run(lambda: len(round_.tries) == 12)
    round_.add("a")
    now = round_.clock.monotonic()
    round_.add("a", mark=1)
    await round_.run(lambda: len(round_.tries) == 14)
    assert round_.tries[12][1] == now
    assert 1 <= round_.tries[13][1] - now <= 4  # and its pauses are short ones again


async def test_one_that_fails_for_ever_is_tried_less_and_less_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    round_ = Round()
    round_.add("clearing the attic", *[StoreError("away")] * 20)
    with caplog.at_level(logging.WARNING):
        await round_.run(lambda: len(round_.tries) == 16)
    pauses = [late - soon for (_, soon), (_, late)
              in zip(round_.tries, round_.tries[1:], strict=False)]
    assert pauses[0] < 5
    assert LONGEST_PAUSE / 2 <= pauses[-1] <= LONGEST_PAUSE + 1
    (line,) = caplog.messages
    assert "clearing the attic. away" in line


async def test_what_is_still_to_do_is_not_done_twice() -> None:
    round_ = Round()
    round_.add("a")
    round_.add("a")
    round_.add("b")
    await round_.run(lambda: "b" in round_.names())
    assert round_.names() == ["a", "b"]
    round_.add("a")
    await round_.run(lambda: round_.names() == ["a", "b", "a"])
