"""Requests only grow, and whoever joins the same ones comes to the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.asked import Asked, Request

START = datetime(2026, 1, 1, tzinfo=UTC)
REQUESTS = st.none() | st.builds(
    Request, at=st.integers(0, 3).map(lambda s: START + timedelta(seconds=s)),
    by=st.sampled_from(["ann", "bob"]))
ASKED = st.builds(Asked, cancel=REQUESTS, delete=REQUESTS)


@given(ASKED, ASKED, ASKED)
def test_joining_is_the_same_in_any_order_and_however_often(a: Asked, b: Asked, c: Asked) -> None:
    assert a.joined(b) == b.joined(a)
    assert a.joined(b).joined(c) == a.joined(b.joined(c))
    assert a.joined(b).joined(a) == a.joined(b)
    assert a.joined(Asked()) == a


def test_of_two_requests_the_first_counts() -> None:
    first, later = (Request(at=START + timedelta(seconds=n), by="ann") for n in (1, 2))
    assert Asked(cancel=later).joined(Asked(cancel=first)) == Asked(cancel=first)


def test_deleting_ends_a_job_as_cancelling_does() -> None:
    first, later = (Request(at=START + timedelta(seconds=n), by="ann") for n in (1, 2))
    assert Asked().end is None
    assert Asked(cancel=first).end == Asked(delete=first).end == first
    assert Asked(cancel=later, delete=first).end == first
