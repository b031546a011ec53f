"""Who may call a server now: fair between jobs, within its bounds, never stuck."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.domain.chat import Limits
from datagen.domain.rate import MINUTE
from datagen.engine.level import FIRST, NODE_FIRST, Level
from datagen.engine.limiter import LONGEST_HOLD, Limiter, Party
from tests.engine.virtual_servers import virtual_pace, virtually

Work = Callable[[], Awaitable[None]]


def limiter_of(most: int, *, first: int | None = None, limits: Limits | None = None) -> Limiter:
    return Limiter(Level(first=first or most, most=most), limits or Limits(), virtual_pace())


async def call(limiter: Limiter, party: Party, work: Work, tokens: float = 0.0) -> None:
    slot = await limiter.enter(party, tokens)
    try:
        await work()
    except asyncio.CancelledError:
        limiter.give_back(slot)
        raise
    limiter.answered(slot, tokens)


def party_of(limiter: Limiter) -> Party:
    party = Party()
    limiter.join(party)
    return party


async def second() -> None:
    await asyncio.sleep(1)


def test_no_more_calls_than_the_level_are_under_way() -> None:
    async def scene() -> None:
        limiter, most = limiter_of(4), 0
        party = party_of(limiter)

        async def look() -> None:
            nonlocal most
            most = max(most, limiter.under_way)
            await asyncio.sleep(1)

        await asyncio.gather(*(call(limiter, party, look) for _ in range(40)))
        assert most == 4
        assert limiter.under_way == 0
        assert asyncio.get_running_loop().time() == pytest.approx(10)

    virtually(scene())


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_ten_records_are_not_stuck_behind_a_hundred_thousand(slots: int) -> None:
    async def scene() -> None:
        limiter = limiter_of(slots)
        big, small = party_of(limiter), party_of(limiter)
        crowd = [asyncio.create_task(call(limiter, big, second)) for _ in range(2_000)]
        await asyncio.sleep(5.5)
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(call(limiter, small, second) for _ in range(10)))
        took = asyncio.get_running_loop().time() - begun
        assert took <= 2 * 10 / slots + 2  # as if half of the slots were its own
        for task in crowd:
            task.cancel()
        await asyncio.wait(crowd)
        assert limiter.under_way == 0

    virtually(scene())


def test_with_one_slot_two_jobs_take_turns_and_the_older_begins() -> None:
    async def scene() -> None:
        limiter, order = limiter_of(1), list[str]()
        older, younger = party_of(limiter), party_of(limiter)

        def work(name: str) -> Work:
            async def note() -> None:
                order.append(name)
                await asyncio.sleep(1)

            return note

        await asyncio.gather(*(call(limiter, party, work(name)) for _ in range(5)
                               for party, name in ((younger, "younger"), (older, "older"))))
        assert order[1:3] == ["older", "younger"]
        assert Counter(order[:4]) == {"older": 2, "younger": 2}

    virtually(scene())


def test_a_job_that_makes_no_calls_leaves_all_slots_to_the_others() -> None:
    async def scene() -> None:
        limiter = limiter_of(4)
        party_of(limiter)  # it pauses
        busy = party_of(limiter)
        await asyncio.gather(*(call(limiter, busy, second) for _ in range(40)))
        assert asyncio.get_running_loop().time() == pytest.approx(10)

    virtually(scene())


def test_who_stops_waiting_costs_nobody_a_slot() -> None:
    async def scene() -> None:
        limiter = limiter_of(2)
        party = party_of(limiter)
        tasks = [asyncio.create_task(call(limiter, party, second)) for _ in range(30)]
        await asyncio.sleep(0.5)
        for task in tasks[1::2]:
            task.cancel()
        await asyncio.sleep(0.5)
        for task in tasks[2::8]:  # some of those that were just given a slot
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()
        assert party.under_way in {0, limiter.under_way}
        assert not party.waiting
        await call(limiter, party, second)

    virtually(scene())


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 5), st.sampled_from(
    ["answered", "lost", "refused", "cancelled", "given back"])), max_size=60), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_of_calls_no_slot_is_lost_and_nobody_waits_for_ever(
    plan: list[tuple[int, float, str]], most: int
) -> None:
    async def scene() -> None:
        limiter = limiter_of(most)
        parties = [party_of(limiter) for _ in range(3)]

        async def one(number: int, seconds: float, end: str) -> None:
            slot = await limiter.enter(parties[number], 10)
            assert limiter.under_way <= most
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                limiter.give_back(slot)
                raise
            match end:
                case "answered":
                    limiter.answered(slot, 10)
                case "lost":
                    limiter.lost(slot)
                case "refused":
                    hold = limiter.refused(slot, None)
                    assert hold <= LONGEST_HOLD
                    await asyncio.sleep(hold)
                    limiter.give_back(slot)
                case _:
                    limiter.give_back(slot)

        tasks = [asyncio.create_task(one(*step)) for step in plan]
        for task, (_, seconds, end) in zip(tasks, plan, strict=True):
            if end == "cancelled":
                await asyncio.sleep(seconds)
                task.cancel()
        await asyncio.wait(tasks or [asyncio.create_task(asyncio.sleep(0))], timeout=100_000)
        assert all(task.done() for task in tasks)
        assert limiter.under_way == 0
        assert all(party.under_way == 0 and not party.waiting for party in parties)

    virtually(scene())


def test_retry_after_holds_back_everybody_for_as_long_as_it_says() -> None:
    async def scene() -> None:
        limiter = limiter_of(4)
        one, other = party_of(limiter), party_of(limiter)
        slot = await limiter.enter(one)
        assert limiter.refused(slot, 47.0) == 0
        limiter.give_back(slot)
        await limiter.enter(other)
        assert asyncio.get_running_loop().time() == pytest.approx(47)

    virtually(scene())


def test_the_longer_nobody_gets_an_answer_the_longer_a_refused_call_keeps_its_slot() -> None:
    async def scene() -> None:
        limiter, holds = limiter_of(8), []
        party = party_of(limiter)
        for _ in range(40):
            slot = await limiter.enter(party)
            holds.append(limiter.refused(slot, None))
            limiter.give_back(slot)
        assert 0.05 <= holds[0] <= 1
        assert 15 <= holds[-1] <= LONGEST_HOLD
        assert limiter.level.value == 1
        limiter.answered(await limiter.enter(party), 1)
        slot = await limiter.enter(party)
        assert limiter.refused(slot, None) <= 1

    virtually(scene())


@pytest.mark.parametrize("per_minute", [1, 30, 600])
def test_calls_are_spread_over_the_minute(per_minute: int) -> None:
    async def scene() -> None:
        limiter = limiter_of(64, limits=Limits(requests_per_minute=per_minute))
        party, times = party_of(limiter), []

        async def note() -> None:
            times.append(asyncio.get_running_loop().time())

        wanted = 3 * per_minute
        await asyncio.gather(*(call(limiter, party, note) for _ in range(wanted)))
        assert all(later - first >= MINUTE - 1e-6
                   for first, later in zip(times, times[per_minute:], strict=False))
        assert times[-1] < 3.3 * MINUTE

    virtually(scene())


def test_tokens_are_bounded_by_what_calls_come_to_whatever_they_might() -> None:
    async def scene() -> None:
        limiter = limiter_of(64, limits=Limits(tokens_per_minute=6_000))
        party, spent = party_of(limiter), []

        async def one() -> None:
            slot = await limiter.enter(party, 4_000)  # what it may come to at most
            await asyncio.sleep(1)
            spent.append(asyncio.get_running_loop().time())
            limiter.answered(slot, 100)

        await asyncio.gather(*(one() for _ in range(300)))
        for minute in range(4):
            tokens = 100 * sum(60 * minute <= at < 60 * minute + 60 for at in spent)
            assert tokens <= 6_000 + 300
        assert spent[-1] < 7 * MINUTE  # 30,000 tokens; the first is taken for a big one

    virtually(scene())


def test_the_owners_bounds_hold_from_when_they_are_given() -> None:
    async def scene() -> None:
        limiter = limiter_of(8)
        party = party_of(limiter)
        await asyncio.gather(*(call(limiter, party, second) for _ in range(8)))
        limiter.allow(Limits(requests_per_minute=1))
        limiter.give_back(await limiter.enter(party))
        begun = asyncio.get_running_loop().time()
        limiter.give_back(await limiter.enter(party))
        assert asyncio.get_running_loop().time() - begun == pytest.approx(60)

    virtually(scene())


def test_a_slot_costs_microseconds() -> None:
    """Bound: 20 µs a call on a quiet machine; a busy one may take several times as long."""

    async def scene() -> float:
        limiter = limiter_of(256)
        parties = [party_of(limiter) for _ in range(4)]
        async def worker(party: Party) -> None:
            for _ in range(20):
                slot = await limiter.enter(party, 10)
                await asyncio.sleep(0)
                limiter.answered(slot, 10)

        begun = time.process_time()
        await asyncio.gather(*(worker(parties[n % 4]) for n in range(1_000)))
        return (time.process_time() - begun) / 20_000

    assert virtually(scene()) < 200e-6


def test_a_node_gets_one_call_until_it_shows_more_and_another_server_eight() -> None:
    assert (NODE_FIRST, FIRST) == (1, 8)
