"""At most so many per minute, whatever comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.domain.rate import MINUTE, Rate


@given(per_minute=st.integers(1, 300), pauses=st.lists(st.floats(0, 90), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_sixty_seconds_ever_see_more(per_minute: int, pauses: list[float]) -> None:
    rate, now, taken = Rate(per_minute), 0.0, list[float]()
    for pause in pauses:
        now += pause
        for _ in range(8):  # as many as there may be, then the next as soon as it may be
            now += rate.wait(now)
            rate.take(now)
            taken.append(now)
    for at in taken:
        assert sum(at <= one < at + MINUTE - 1e-6 for one in taken) <= per_minute


@pytest.mark.parametrize("per_minute", [1, 7, 60, 1_000, 100_000])
def test_nearly_all_of_it_can_be_used(per_minute: int) -> None:
    rate, now, taken = Rate(per_minute), 0.0, 0
    while now < 10 * MINUTE:
        now += rate.wait(now)
        rate.take(now)
        taken += 1
    assert taken >= 10 * per_minute * 0.94


def test_what_came_to_less_gives_room_and_what_came_to_more_takes_it() -> None:
    rate = Rate(600)
    rate.take(0.0, 60)
    late = rate.wait(0.0)
    rate.correct(-60)
    assert rate.wait(0.0) == 0
    rate.correct(120)
    assert rate.wait(0.0) > late


def test_something_bigger_than_a_minute_goes_and_the_next_waits_for_it() -> None:
    rate = Rate(100)
    assert rate.wait(0.0) == 0
    rate.take(0.0, 300)
    assert 170 < rate.wait(0.0) < 190
