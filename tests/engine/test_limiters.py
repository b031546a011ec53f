"""The limiters of all servers: who shares one, and what is remembered of them."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.chat import Endpoint, Limits
from datagen.engine.limiter import Limiter, Party
from datagen.engine.limiters import MOST_KEPT, Limiters, server_name
from datagen.protocol import keys
from tests.engine.workbench import OWN, hand_pace

KEYED = replace(OWN, api_key="sk-very-secret-1")
NODE = replace(OWN, path="/create_chat_completion", dialect="ratio1")


@pytest.fixture
def desk() -> MemoryStore:
    return MemoryStore()


def limiters_on(desk: MemoryStore, most: int = 64) -> Limiters:
    return Limiters(most=most, desk=desk, pace=hand_pace(HandClock()))


async def works_well(limiter: Limiter, clock: HandClock, answers: int = 400) -> None:
    """A server that takes a second for anything, and is asked for as much as is allowed."""
    party, slots = Party(), []
    limiter.join(party)
    for _ in range(answers):
        while limiter.under_way < limiter.level.value:
            slots.append(await limiter.enter(party))
        clock.advance(1 / len(slots))
        limiter.answered(slots.pop(0), 5)


@pytest.mark.parametrize("change", [
    {"base_url": "http://127.0.0.1:8"}, {"path": "/v2"}, {"model": "m"}, {"api_key": "other"}])
def test_another_server_model_or_key_is_another_limiter(
    desk: MemoryStore, change: dict[str, Any]
) -> None:
    limiters = limiters_on(desk)
    assert limiters.of(KEYED) is limiters.of(replace(KEYED, key_url="http://127.0.0.1:9"))
    assert limiters.of(KEYED) is not limiters.of(replace(KEYED, **change))


def test_a_node_begins_with_one_call_at_once(desk: MemoryStore) -> None:
    limiters = limiters_on(desk)
    assert (limiters.of(OWN).level.value, limiters.of(NODE).level.value) == (8, 1)


def test_the_tighter_of_both_bounds_holds_and_follows_its_owner(desk: MemoryStore) -> None:
    limiters = limiters_on(desk, most=6)
    assert limiters.of(OWN).level.value == 6
    two = replace(OWN, limits=Limits(max_in_flight=2))
    assert limiters.of(two).level.value == 2
    assert limiters.of(replace(OWN, model="n", limits=Limits(max_in_flight=99))).level.value == 6


async def test_a_start_begins_where_the_server_was_last(desk: MemoryStore) -> None:
    clock = HandClock()
    before = Limiters(most=64, desk=desk, pace=hand_pace(clock))
    await works_well(before.of(KEYED), clock)
    level = before.of(KEYED).level
    assert level.value == 64
    await before.keep()

    after = limiters_on(desk)
    await after.recall()
    assert after.of(KEYED).level.value == 64
    assert math.isclose(after.of(KEYED).level.quick, level.quick, rel_tol=0.01)
    assert after.of(replace(KEYED, api_key="another")).level.value == 64


async def test_nothing_on_the_disk_names_the_server_or_its_key(desk: MemoryStore) -> None:
    clock = HandClock()
    limiters = Limiters(most=64, desk=desk, pace=hand_pace(clock))
    await works_well(limiters.of(KEYED), clock)
    await limiters.keep()
    assert desk.notes(keys.DESK_LEVELS)
    for name, text in desk.notes(keys.DESK_LEVELS).items():
        assert "secret" not in name + text
        assert "127.0.0.1" not in name + text
        assert server_name(KEYED) == server_name(OWN)


async def test_what_did_not_change_is_not_written_again(desk: MemoryStore) -> None:
    clock = HandClock()
    limiters = Limiters(most=8, desk=desk, pace=hand_pace(clock))
    limiters.of(OWN)
    await limiters.keep()
    assert desk.notes(keys.DESK_LEVELS) == {}
    await works_well(limiters.of(OWN), clock, answers=64)
    await limiters.keep()
    desk.drop(keys.DESK_LEVELS, server_name(OWN))
    await limiters.keep()
    assert desk.notes(keys.DESK_LEVELS) == {}


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"level":0}', '{"level":true}', '{"level":5,"quickMs":-1}',
    '{"level":5,"quickMs":"x"}', '{"level":5,"quickMs":1e300}'])
async def test_what_can_not_be_read_is_forgotten(desk: MemoryStore, text: str) -> None:
    desk.keep(keys.DESK_LEVELS, server_name(OWN), text)
    limiters = limiters_on(desk)
    await limiters.recall()
    assert limiters.of(OWN).level.value == 8
    assert desk.notes(keys.DESK_LEVELS) == {}


async def test_no_more_than_two_hundred_servers_are_remembered(desk: MemoryStore) -> None:
    for number in range(MOST_KEPT + 20):
        desk.keep(keys.DESK_LEVELS, f"{number:032}", json.dumps({"level": 3, "quickMs": None}))
    clock = HandClock()
    limiters = Limiters(most=64, desk=desk, pace=hand_pace(clock))
    await limiters.recall()
    await works_well(limiters.of(OWN), clock)
    await limiters.keep()
    left = desk.notes(keys.DESK_LEVELS)
    assert len(left) == MOST_KEPT
    assert server_name(OWN) in left


async def test_limiters_of_servers_that_nobody_uses_are_dropped_when_there_are_many(
    desk: MemoryStore
) -> None:
    limiters = limiters_on(desk)
    busy = limiters.of(OWN)
    busy.join(Party())
    for number in range(3 * MOST_KEPT):
        limiters.of(Endpoint(base_url=f"http://127.0.0.1:{number + 1}", path="/x"))
    assert limiters.of(OWN) is busy
    assert len(limiters._limiters) <= MOST_KEPT


async def test_a_desk_that_fails_costs_the_memory_alone(desk: MemoryStore) -> None:
    desk.fail_next(1)
    limiters = limiters_on(desk)
    await limiters.recall()
    assert limiters.of(OWN).level.value == 8
    stop = asyncio.Event()
    life = asyncio.create_task(limiters.run(stop))
    await asyncio.sleep(0)
    stop.set()
    await life
