"""Requests only grow, and whoever joins the same ones comes to the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.asked import Asked, Rename, Request

START = datetime(2026, 1, 1, tzinfo=UTC)
REQUESTS = st.none() | st.builds(
    Request, at=st.integers(0, 3).map(lambda s: START + timedelta(seconds=s)),
    by=st.sampled_from(["ann", "bob"]), round=st.integers(0, 2))
RENAMES = st.none() | st.builds(
    Rename, at=st.integers(0, 3).map(lambda s: START + timedelta(seconds=s)),
    by=st.sampled_from(["ann", "bob"]), title=st.sampled_from(["A", "B"]))
ASKED = st.builds(Asked, cancel=REQUESTS, retry=REQUESTS, close=REQUESTS, delete=REQUESTS,
                  rename=RENAMES)
ROUNDS = st.integers(0, 3)


def request(second: int, number: int = 0) -> Request:
    return Request(at=START + timedelta(seconds=second), by="ann", round=number)


@given(ASKED, ASKED, ASKED)
def test_joining_is_the_same_in_any_order_and_however_often(a: Asked, b: Asked, c: Asked) -> None:
    assert a.joined(b) == b.joined(a)
    assert a.joined(b).joined(c) == a.joined(b.joined(c))
    assert a.joined(b).joined(a) == a.joined(b)
    assert a.joined(Asked()) == a


@given(ASKED, ASKED, ROUNDS)
def test_what_was_asked_of_a_round_is_never_taken_back(a: Asked, b: Asked, number: int) -> None:
    both, ends = a.joined(b), a.ends(number)
    assert ends is None or both.ends(number) is not None
    for kind in ("retry", "close"):
        before, after = getattr(a, kind), getattr(both, kind)
        assert before is None or after.round >= before.round


@pytest.mark.parametrize("kind", ["cancel", "retry", "close", "delete"])
def test_of_two_requests_for_one_round_the_first_counts(kind: str) -> None:
    first, later = Asked(**{kind: request(1)}), Asked(**{kind: request(2)})
    assert later.joined(first) == first.joined(later) == first


@pytest.mark.parametrize("kind", ["cancel", "retry", "close"])
def test_a_request_for_a_later_round_counts_before_an_earlier_one(kind: str) -> None:
    before, now = Asked(**{kind: request(1, 0)}), Asked(**{kind: request(9, 1)})
    assert before.joined(now) == now


def test_deleting_ends_a_job_as_cancelling_does() -> None:
    first, later = request(1), request(2)
    assert Asked().ends(0) is None
    assert Asked(cancel=first).ends(0) == Asked(delete=first).ends(0) == first
    assert Asked(cancel=later, delete=first).ends(0) == first


def test_cancelling_ends_the_rounds_up_to_its_own_and_none_after() -> None:
    asked = Asked(cancel=request(1, 1))
    assert [asked.ends(number) is not None for number in range(3)] == [True, True, False]


def test_neither_a_retry_nor_a_close_ends_anything_by_itself() -> None:
    assert Asked(retry=request(1), close=request(1)).ends(0) is None


def test_when_a_round_has_ended_only_what_is_still_to_come_of_it_matters() -> None:
    asked = Asked(cancel=request(1, 1), retry=request(2, 1), close=request(3, 1),
                  delete=request(4))
    assert asked.after(0) == asked
    assert asked.after(1) == Asked(retry=asked.retry, delete=asked.delete)
    assert asked.after(2) == Asked(delete=asked.delete)


@given(ASKED, ROUNDS)
def test_what_matters_after_a_round_ends_no_round_before_it(asked: Asked, number: int) -> None:
    left = asked.after(number)
    assert left.joined(asked) == asked
    assert left.ends(number + 1) == asked.ends(number + 1)
    assert left.after(number) == left
