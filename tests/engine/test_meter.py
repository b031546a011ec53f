"""What the worker asks of models: counted once, whatever dies."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.usage import Usage
from datagen.engine.meter import KEEP_EVERY, SAY_EVERY, Meter
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.seal import Seal
from datagen.protocol.usage import load_usage, load_usage_of, usage_record
from tests.engine.workbench import hand_pace
from tests.services.worker_lives import Cut, Fuse, World

ONE = Usage(calls=1, attempts=1, prompt_tokens=3, completion_tokens=2)


class Bench:
    """A disk and a store that outlive the meters."""

    def __init__(self) -> None:
        self.clock, self.store, self.desk = HandClock(), MemoryStore(), MemoryStore()
        self.board = Board(self.store)
        self.writes: list[tuple[float, Usage]] = []
        write = self.store.hset

        def hset(hkey: str, field: str, value: str | None) -> None:
            write(hkey, field, value)
            self.writes.append((self.clock.monotonic(), load_usage(value or "")))

        self.store.hset = hset  # watched

    async def live(
        self, seconds: float, then: Callable[[Meter, float], None] = lambda *_: None
    ) -> Meter:
        """One life that ends like a killed one; ``then`` is told how old it is."""
        meter = Meter(peer_id="a", board=self.board, desk=self.desk, pace=hand_pace(self.clock))
        start, stop = self.clock.monotonic(), asyncio.Event()
        life = asyncio.create_task(meter.run(stop))
        while (age := self.clock.monotonic() - start) < seconds:
            then(meter, age)
            await asyncio.sleep(0)
            if life.done():
                life.result()
        life.cancel()
        await asyncio.wait([life])
        return meter

    def stored(self) -> dict[str, Usage]:
        return self.board.usages()

    def counted(self) -> Usage:
        return sum(self.stored().values(), Usage())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def count_on(meter: Meter, usage: Usage = ONE) -> None:
    for _ in range(usage.calls):
        meter.counts.called(meter._pace.clock.monotonic())
        meter.counts.ended(meter._pace.clock.monotonic())
    for _ in range(usage.attempts):
        meter.counts.answered(usage.prompt_tokens // usage.attempts,
                              usage.completion_tokens // usage.attempts, 0)


def once(usage: Usage = ONE) -> Callable[[Meter, float], None]:
    left = [usage]

    def count(meter: Meter, _: float) -> None:
        if left:
            count_on(meter, left.pop())

    return count


async def test_nothing_is_written_before_anything_was_asked(bench: Bench) -> None:
    await bench.live(100)
    assert bench.stored() == {}
    assert bench.desk.notes(keys.DESK_COUNTED) == {}


async def test_what_is_new_is_told_every_30_seconds_and_what_is_old_ever_more_rarely(
    bench: Bench
) -> None:
    def busy(meter: Meter, age: float) -> None:
        if age < 100:
            count_on(meter)

    await bench.live(2_000, busy)
    times = [at for at, _ in bench.writes]
    pauses = [later - before for before, later in itertools.pairwise(times)]
    assert min(pauses) >= SAY_EVERY
    assert len(times) <= 11
    assert pauses[-1] > pauses[-2] > 100
    assert sorted(astuple(said) for _, said in bench.writes) == [
        astuple(said) for _, said in bench.writes
    ]


async def test_a_killed_life_loses_seconds_and_the_next_goes_on_in_the_same_field(
    bench: Bench
) -> None:
    killed = await bench.live(20, once())
    count_on(killed)  # after it was last kept
    await bench.live(60, once())
    assert list(bench.stored().values()) == [ONE + ONE]


async def test_what_is_kept_at_the_end_of_a_life_is_there(bench: Bench) -> None:
    meter = await bench.live(0.1)
    count_on(meter)
    assert await meter.keep()
    await bench.live(20)
    assert bench.counted() == ONE


async def test_a_lost_disk_counts_on_in_a_new_field(bench: Bench) -> None:
    await bench.live(60, once())
    bench.desk = MemoryStore()
    await bench.live(60, once())
    assert list(bench.stored().values()) == [ONE, ONE]
    assert all(field.startswith("a:") for field in bench.stored())


async def test_a_disk_that_was_put_back_from_a_copy_takes_nothing_back(bench: Bench) -> None:
    await bench.live(20, once())
    ((disk, copy),) = bench.desk.notes(keys.DESK_COUNTED).items()
    await bench.live(60, once(ONE + ONE))
    bench.desk.keep(keys.DESK_COUNTED, disk, copy)
    await bench.live(60, once())
    assert bench.counted() == ONE + ONE + ONE + ONE
    calls = [said.calls for _, said in bench.writes]
    assert calls == sorted(calls)


async def test_a_count_that_can_not_be_read_is_told_and_begun_anew(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.desk.keep(keys.DESK_COUNTED, "123", "{")
    await bench.live(60, once())
    assert "can't be read" in caplog.text
    assert list(bench.stored().values()) == [ONE]
    assert "123" not in bench.desk.notes(keys.DESK_COUNTED)


async def test_stores_that_fail_lose_no_count(bench: Bench) -> None:
    bench.store.fail_next(3)
    bench.desk.fail_next(3)
    await bench.live(400, once())
    assert bench.counted() == ONE


@given(lives=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 5), st.sampled_from(
    ("kill", "kill", "lose disk", "store away"))), max_size=8))
def test_no_field_ever_shrinks_and_nothing_counts_twice(
    lives: list[tuple[int, int, str]]
) -> None:
    async def run() -> None:
        bench, most = Bench(), 0
        for seconds, calls, end in lives:
            most += calls
            await bench.live(seconds + 1, once(Usage(calls=calls)))
            bench.clock.advance(1)
            if end == "lose disk":
                bench.desk = MemoryStore()
            if end == "store away":
                bench.store.fail_next(2)
            assert bench.clock.monotonic() >= 0
        bench.store.fail_next(0)
        await bench.live(200)
        assert bench.counted().calls <= most
        told = [said.calls for _, said in bench.writes]
        if all(end != "lose disk" for *_, end in lives):
            assert told == sorted(told)
            assert bench.counted().calls >= sum(
                calls for seconds, calls, _ in lives if seconds > 3 * KEEP_EVERY)

    asyncio.run(run())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"calls":1,"attempts":1}', json.dumps(
    {"calls": -1, "attempts": 0, "tokens": {"prompt": 0, "completion": 0}})])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"count|object|JSON|Expecting"):
        load_usage(text)


@pytest.mark.parametrize("field", ["a", "a:", ":1", "a:x", "a:1:2", "../a:1", "a:" + "1" * 30])
def test_a_count_in_a_field_that_is_no_peers_disk_is_left_out(field: str) -> None:
    text = json.dumps(usage_record(ONE))
    assert load_usage_of("0xai_A:1767225600000", text) == ONE
    with pytest.raises(ValueError, match="not a peer's disk"):
        load_usage_of(field, text)


def test_what_a_neighbour_counts_is_nobodys() -> None:
    store = MemoryStore()
    Board(store, seal=Seal("a neighbour's")).count("a:1", ONE)
    board = Board(store, seal=Seal("ours"))
    board.count("a:2", ONE)
    assert board.usages() == {"a:2": ONE}


async def test_a_worker_that_is_killed_goes_on_counting_where_its_disk_ends(
    tmp_path: Path
) -> None:
    world, kept = World(tmp_path), Usage()
    job = world.hand_over(total=60)
    for steps in (40, 60, 80):
        with pytest.raises(BaseExceptionGroup) as killed:
            await world.live(lambda: world.is_quiet(job), fuse=Fuse(steps))
        assert killed.group_contains(Cut)
        before, kept = kept, sum(map(load_usage, world.store.notes(keys.DESK_COUNTED).values()),
                                 Usage())
        assert before.joined(kept) == kept
    assert kept.calls > 0
    await world.live(lambda: world.is_quiet(job))
    until = world.clock.monotonic() + 100
    await world.live(lambda: world.clock.monotonic() > until)

    last = len(world.models[-2].calls)
    told = {field: usage.without_times() for field, usage in world.board.usages().items()}
    assert told == {f"local:{disk}": kept.without_times() + Usage(
        calls=last, attempts=last, prompt_tokens=3 * last, completion_tokens=2 * last,
    ) for disk in world.store.notes(keys.DESK_COUNTED)}
