"""Shares and ids of jobs, who is heard of them, and in which order they are looked after."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.jobs import (
    MAX_UNMARKED,
    Job,
    PeerState,
    Share,
    heard,
    in_turn,
    job_id,
    shares,
)

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


class TestHeard:
    def test_of_its_own_peers_alone_in_its_order(self) -> None:
        said = {peer: PeerState(peer_id=peer, share=Share(start=0, end=1)) for peer in "cba"}
        assert list(heard(JOB, said)) == ["a", "b"]

    def test_what_was_said_of_another_owners_job_is_not(self) -> None:
        share = Share(start=0, end=5)
        said = {"a": PeerState(peer_id="a", share=share, owner="bob"),
                "b": PeerState(peer_id="b", share=share, owner="ann")}
        assert list(heard(JOB, said)) == ["b"]


class TestInTurn:
    def test_ours_go_first_and_then_the_older(self) -> None:
        later = NOW + timedelta(days=1)
        jobs = [replace(JOB, id="job_1"), replace(JOB, id="job_2", inc=1, created_at=later),
                replace(JOB, id="job_3", created_at=later), replace(JOB, id="job_4", inc=5)]
        assert [job.id for job in in_turn(jobs)] == ["job_4", "job_2", "job_1", "job_3"]

    def test_open_ones_without_our_mark_are_so_many_and_no_more(self) -> None:
        strangers = [replace(JOB, id=f"job_1_{n}") for n in range(MAX_UNMARKED + 50)]
        over = [replace(JOB, id=f"job_2_{n}", status="failed") for n in range(50)]
        ours = [replace(JOB, id=f"job_3_{n}", inc=1) for n in range(50)]
        found = {job.id for job in in_turn([*strangers, *over, *ours])}
        assert len(found) == MAX_UNMARKED + 100
        assert {job.id for job in [*over, *ours]} <= found
