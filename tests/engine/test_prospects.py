"""When a share isn't worth more calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.engine.prospects import LEAST, MOST, PAUSES, PER_PAUSE, Prospects


@pytest.mark.parametrize(("records", "limit"), [
    (1, 20), (400, 20), (1_000, 50), (4_000, 200), (1_000_000, 200)])
def test_the_limit_is_a_twentieth_within_bounds(records: int, limit: int) -> None:
    assert Prospects(records=records, ok=0).limit == limit


def test_where_none_ever_fitted_the_rest_is_not_tried() -> None:
    prospects = Prospects(records=10_000, ok=0)
    for _ in range(MOST):
        assert not prospects.gone
        prospects.made(ok=False)
    assert prospects.gone
    assert not prospects.in_doubt


def test_where_some_fitted_a_row_of_failures_is_a_doubt_that_one_success_ends() -> None:
    prospects = Prospects(records=100, ok=3)
    for _ in range(LEAST):
        assert not prospects.in_doubt
        prospects.made(ok=False)
    assert prospects.in_doubt
    assert prospects.pauses()
    assert not prospects.pauses()  # that pause was made
    prospects.made(ok=True)
    assert not prospects.in_doubt
    assert prospects.failures == 0


def test_a_doubt_costs_a_bounded_number_of_calls_and_pauses() -> None:
    prospects, pauses, records = Prospects(records=10**6, ok=1), 0, 0
    while not prospects.gone:
        pauses += prospects.pauses()
        prospects.made(ok=False)
        records += 1
        assert records <= MOST + PER_PAUSE * PAUSES
    assert pauses == PAUSES


@given(st.integers(1, 5_000), st.lists(st.booleans(), max_size=800))
def test_who_gets_a_record_now_and_then_goes_on(records: int, made: list[bool]) -> None:
    prospects = Prospects(records=records, ok=0)
    for ok in made:
        prospects.made(ok=ok)
        if ok:
            assert not prospects.in_doubt
            assert not prospects.gone
