"""How many calls at once a server gets, whatever it does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.engine.level import Level

EVENTS = st.lists(st.tuples(
    st.sampled_from(["answered"] * 6 + ["idle", "refused", "lost", "late answer"]),
    st.floats(0.001, 100), st.integers(0, 300)), max_size=400)


@given(first=st.integers(1, 500), most=st.integers(1, 300), events=EVENTS)
@settings(max_examples=200, deadline=None)
def test_whatever_happens_it_stays_within_its_bounds(
    first: int, most: int, events: list[tuple[str, float, int]]
) -> None:
    level, old = Level(first=first, most=most), 0
    for what, seconds, others in events:
        match what:
            case "answered" | "idle":
                level.answered(level.mark, seconds, full=what == "answered")
            case "late answer":
                level.answered(old, seconds, full=True)
                old = level.mark
            case "refused":
                level.refused(level.mark, others)
            case "lost":
                level.lost(level.mark, others)
        assert 1 <= level.value <= most
        assert 1 <= level.kept <= most


def answer(level: Level, times: int, seconds: float = 1.0) -> None:
    for _ in range(times):
        level.answered(level.mark, seconds, full=True)


def test_while_every_step_pays_it_doubles() -> None:
    level = Level(first=8, most=100)
    seen = []
    for _ in range(120):
        if not seen or seen[-1] != level.value:
            seen.append(level.value)
        answer(level, 1)
    assert seen == [8, 16, 32, 64, 100]


def test_a_refusal_halves_it_once_however_many_follow_of_the_same_burst() -> None:
    level = Level(first=64, most=64)
    mark = level.mark
    for others in range(63, 40, -1):
        level.refused(mark, others)
    assert level.value == 32


def test_it_climbs_back_with_every_answer_to_where_it_was_not_refused() -> None:
    level = Level(first=64, most=64)
    mark = level.mark
    for others in range(63, 39, -1):
        level.refused(mark, others)
    for _ in range(200):
        answer(level, 1)
        assert level.value <= 40
    assert level.value == level.kept == 40


def test_no_answer_halves_it_too_unless_it_was_the_only_call() -> None:
    level = Level(first=8, most=8)
    level.lost(level.mark, 7)
    assert level.value == 4
    alone = Level(first=8, most=8)
    alone.lost(alone.mark, 0)
    assert alone.value == 8


def test_where_too_little_is_asked_nothing_is_learned() -> None:
    level = Level(first=8, most=64)
    for _ in range(1_000):
        level.answered(level.mark, 1.0, full=False)
    assert level.value == 8
    assert not level.is_tried


def test_a_lower_bound_holds_at_once() -> None:
    level = Level(first=64, most=64)
    level.bound(5)
    assert level.value == 5
    answer(level, 500)
    assert level.value == 5


def test_a_server_that_is_no_quicker_with_more_calls_goes_back() -> None:
    level = Level(first=8, most=256)
    for _ in range(2_000):
        answer(level, 1, max(1.0, level.value / 16))
    assert level.kept in range(14, 20)
    assert math.isclose(level.quick, 1.0)


@pytest.mark.parametrize("before", range(64, 20 * 64, 32))
def test_one_round_that_was_late_by_chance_decides_nothing(before: int) -> None:
    level = Level(first=64, most=64)
    answer(level, before)
    answer(level, 64, 1.5)
    for _ in range(64 * 20):
        answer(level, 1)
        assert level.value == 64
