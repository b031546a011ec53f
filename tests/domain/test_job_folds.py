"""Shares, ids, and how peers' words add up."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.jobs import InFlight, Job, PeerState, Share, fold, job_id, shares

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PEERS = st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=30, unique=True)
TOTALS = st.integers(0, 5000)


class TestShares:
    @given(TOTALS, PEERS)
    def test_they_are_contiguous_and_cover_every_record(self, total: int, peers: list[str]) -> None:
        spans = list(shares(total, peers).values())
        assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
        assert spans[-1].end == total

    @given(TOTALS, PEERS)
    def test_sizes_differ_by_at_most_one_and_the_first_are_longer(
        self, total: int, peers: list[str]
    ) -> None:
        sizes = [len(span) for span in shares(total, peers).values()]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] - sizes[-1] <= 1
        assert sum(sizes) == total

    @given(TOTALS, PEERS)
    def test_they_follow_the_order_of_the_peers(self, total: int, peers: list[str]) -> None:
        assert list(shares(total, peers)) == peers

    def test_they_are_those_of_the_earlier_application(self) -> None:
        assert shares(5, ["peer1", "peer2"]) == {
            "peer1": Share(start=0, end=3), "peer2": Share(start=3, end=5)}

    def test_a_peer_too_many_gets_nothing(self) -> None:
        assert [len(span) for span in shares(2, ["a", "b", "c"]).values()] == [1, 1, 0]


class TestJobId:
    @given(st.timedeltas(timedelta(0), timedelta(days=10_000)), st.text())
    def test_it_has_the_form_of_the_earlier_application(
        self, later: timedelta, draft: str
    ) -> None:
        assert re.fullmatch(r"job_[0-9]{13}_[0-9a-f]{6}", job_id(NOW + later, draft))

    def test_a_draft_confirmed_twice_has_one_id(self) -> None:
        assert job_id(NOW, "draft") == job_id(NOW, "draft")
        assert job_id(NOW, "draft") != job_id(NOW, "other")
        assert job_id(NOW, "draft") != job_id(NOW + timedelta(milliseconds=1), "draft")


JOB = Job(
    id="job_1_000000", owner="ann", title="t", status="queued", total_records=10,
    peers=("a", "b"), details_cid="c", created_at=NOW, schema_generated_at=NOW, updated_at=NOW,
)


def state(peer: str, **changes: object) -> PeerState:
    return replace(PeerState(peer_id=peer, share=shares(10, ["a", "b"])[peer]), **changes)


class TestFold:
    def test_a_job_nobody_began_is_queued(self) -> None:
        progress = fold(JOB, {})
        assert (progress.status, progress.done, progress.total) == ("queued", 0, 10)
        assert progress.started_at is None

    def test_it_runs_from_the_first_peers_start_and_adds_up(self) -> None:
        later = NOW + timedelta(seconds=5)
        progress = fold(JOB, {
            "a": state("a", generated_ok=2, generated_failed=1, started_at=later),
            "b": state("b", generated_ok=3, started_at=NOW),
        })
        assert (progress.status, progress.ok, progress.failed, progress.done) == (
            "running", 5, 1, 6)
        assert progress.started_at == NOW

    def test_who_is_not_a_peer_of_the_job_is_not_heard(self) -> None:
        stranger = PeerState(peer_id="c", share=Share(start=0, end=10), generated_ok=10,
                             started_at=NOW)
        assert fold(JOB, {"c": stranger}).status == "queued"

    def test_records_in_flight_of_all_peers_are_listed(self) -> None:
        flights = {peer: InFlight(index=n, attempt=1, started_at=NOW)
                   for n, peer in enumerate(("a", "b"))}
        states = {peer: state(peer, in_flight=(f,)) for peer, f in flights.items()}
        assert fold(JOB, states).in_flight == (flights["a"], flights["b"])

    def test_complete_shares_do_not_end_a_job(self) -> None:
        full = {peer: state(peer, generated_ok=5, started_at=NOW, finished_at=NOW)
                for peer in ("a", "b")}
        progress = fold(JOB, full)
        assert (progress.status, progress.done, progress.finished_at) == ("running", 10, None)

    @pytest.mark.parametrize("status", ["succeeded", "failed"])
    def test_a_final_status_stands_whatever_peers_say(self, status: str) -> None:
        over = replace(JOB, status=status, total_ok=9, total_failed=1, finished_at=NOW)
        flying = InFlight(index=3, attempt=1, started_at=NOW)
        progress = fold(over, {"a": state("a", started_at=NOW, in_flight=(flying,))})
        assert (progress.status, progress.ok, progress.failed) == (status, 9, 1)
        assert progress.finished_at == NOW
        assert progress.in_flight == ()

    def test_a_peer_that_claims_too_much_never_makes_more_than_all(self) -> None:
        progress = fold(JOB, {"a": state("a", generated_ok=2**53 - 1, started_at=NOW)})
        assert progress.done == 10
