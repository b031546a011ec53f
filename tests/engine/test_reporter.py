"""Progress writes: often enough, never too often, never in the way."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import StoreError
from datagen.domain.jobs import PeerState, Share
from datagen.engine.journal import Journal, ok_line
from datagen.engine.reporter import Reporter
from datagen.engine.tally import Tally
from datagen.protocol.board import Board
from tests.engine.workbench import hand_pace

JOB = "job_1_000001"


class Watched(Board):
    """A board that knows when it was written."""

    def __init__(self, clock: HandClock) -> None:
        self.memory = MemoryStore()
        super().__init__(self.memory)
        self.clock = clock
        self.told: list[tuple[float, PeerState]] = []

    def report(self, job_id: str, state: PeerState) -> None:
        super().report(job_id, state)
        self.told.append((self.clock.monotonic(), state))


class Bench:
    def __init__(self, folder: Path, **wishes: float) -> None:
        share = Share(start=0, end=10_000)
        self.clock = HandClock()
        self.board = Watched(self.clock)
        self.journal = Journal(folder / "j", share)
        self.tally = Tally(peer_id="p", owner="ada", share=share, journal=self.journal,
                           clock=self.clock, before=None)
        self.pace = hand_pace(self.clock)
        self.reporter = Reporter(board=self.board, job_id=JOB, tally=self.tally,
                                 journal=self.journal, pace=self.pace, update_every=5,
                                 **wishes)
        self.done = asyncio.Event()
        self._indices = itertools.count()

    def record(self) -> None:
        self.journal.append(ok_line(next(self._indices), {}))
        self.tally.recorded()

    async def until(self, second: float) -> None:
        while self.clock.monotonic() < second:
            await asyncio.sleep(0)

    def times(self) -> list[float]:
        return [at for at, _ in self.board.told]


@pytest.fixture
def bench(tmp_path: Path):
    made = Bench(tmp_path)
    yield made
    made.journal.close()


async def running(bench: Bench) -> asyncio.Task[None]:
    task = asyncio.create_task(bench.reporter.run(bench.done))
    await bench.until(1)
    return task


async def test_the_start_is_told_at_once_and_again_each_minute_while_nothing_changes(
    bench: Bench,
) -> None:
    task = await running(bench)
    await bench.until(130)
    bench.done.set()
    await task
    assert bench.times() == [0, 60, 120]


async def test_never_more_than_once_a_second_however_fast_records_come(bench: Bench) -> None:
    task = await running(bench)
    while bench.clock.monotonic() < 20:
        bench.record()
        await asyncio.sleep(0)
    bench.done.set()
    await task
    await bench.reporter.last_word(asyncio.Event())
    times = bench.times()
    assert len(times) >= 10
    assert all(later - sooner >= 1 for sooner, later in itertools.pairwise(times))


async def test_a_costly_store_is_written_less_often(tmp_path: Path) -> None:
    bench = Bench(tmp_path, every=2.0)
    task = await running(bench)
    while bench.clock.monotonic() < 20:
        bench.record()
        await asyncio.sleep(0)
    bench.done.set()
    await task
    bench.journal.close()
    times = bench.times()
    assert len(times) >= 8
    assert all(later - sooner >= 2 for sooner, later in itertools.pairwise(times))


async def test_the_first_record_is_told_at_once_and_fewer_than_asked_for_within_five_seconds(
    bench: Bench,
) -> None:
    task = await running(bench)
    bench.record()
    await bench.until(2)
    bench.record()
    await bench.until(10)
    bench.done.set()
    await task
    assert bench.times() == [0, 1, 6]


async def test_a_failing_store_is_tried_again_with_the_newest_value(bench: Bench) -> None:
    bench.board.memory.fail_next(3)
    task = await running(bench)
    bench.record()
    await bench.until(30)
    bench.done.set()
    await task
    assert len(bench.board.told) == 1
    assert bench.board.told[0][1].generated_ok == 1


async def test_the_journal_is_synced_every_second_while_the_board_is_away(bench: Bench) -> None:
    bench.board.memory.fail_next(10_000)
    task = await running(bench)
    for second in range(2, 20):
        bench.record()
        assert bench.journal.dirty
        await bench.until(second + 1)
        assert not bench.journal.dirty
    bench.done.set()
    await task


async def test_the_last_word_is_repeated_until_it_is_stored(bench: Bench) -> None:
    bench.board.memory.fail_next(7)
    assert await bench.reporter.last_word(asyncio.Event())
    assert len(bench.board.told) == 1


async def test_after_the_stop_one_failure_is_enough(bench: Bench) -> None:
    bench.board.memory.fail_next(1000, StoreError("away"))
    stop = asyncio.Event()
    stop.set()
    assert not await bench.reporter.last_word(stop)
    assert bench.board.told == []
