"""What peers' words about a job add up to: rounds, coverage, counts, helpers, its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.asked import Asked, Request
from datagen.domain.editions import Vote, Word
from datagen.domain.folds import Case, ended, parts_of
from datagen.domain.jobs import (
    Edition,
    Effort,
    InFlight,
    Job,
    Part,
    PeerState,
    Share,
    shares,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=40)
PEERS = ("a", "b")
JOB = Job(
    id="job_1_000000", owner="ann", title="t", status="queued", total_records=10, peers=PEERS,
    details_cid="c", created_at=NOW, schema_generated_at=NOW, updated_at=NOW, creator="a", inc=1,
)


def state(peer: str, **changes: Any) -> PeerState:
    return replace(PeerState(peer_id=peer, share=shares(10, PEERS)[peer], inc=1), **changes)


def part(start: int, end: int, **changes: Any) -> Part:
    return replace(Part(start=start, end=end, cid=f"c{start}-{end}", ok=end - start, failed=0),
                   **changes)


def case(*states: PeerState, job: Job = JOB, **known: Any) -> Case:
    return Case(job=job, states={one.peer_id: one for one in states}, **known)


def edition(number: int = 0, by: str = "a", **changes: Any) -> Edition:
    return replace(Edition(round=number, by=by, status="succeeded", ok=9, failed=1,
                           manifest_cid=f"m{number}", sha256="0" * 64, started_at=NOW,
                           finished_at=LATER), **changes)


def asked(kind: str, number: int = 0) -> Asked:
    return Asked(**{kind: Request(at=NOW, by="ann", round=number)})


def voted(peer: str, taken: Edition, ballot: int = 0) -> Word:
    return Word(peer_id=peer, vote=Vote(round=taken.round, ballot=ballot, promised=ballot,
                                        taken=taken))


class TestRounds:
    def test_a_job_begins_with_its_first_round(self) -> None:
        new = case()
        assert (new.round, new.is_open, new.edition) == (0, True, None)

    def test_a_sealed_round_is_over_and_stays_the_one_that_counts(self) -> None:
        over = case(job=replace(JOB, edition=edition()))
        assert (over.round, over.is_open, over.edition) == (0, False, edition())

    def test_a_retry_of_the_sealed_round_opens_the_next_wherever_it_was_asked(self) -> None:
        job = replace(JOB, edition=edition())
        for known in ({"here": asked("retry")},
                      {"words": {"b": Word(peer_id="b", asked=asked("retry"))}}):
            again = case(job=job, **known)
            assert (again.round, again.is_open, again.edition) == (1, True, edition())

    def test_a_retry_that_was_followed_opens_nothing_more(self) -> None:
        over = case(job=replace(JOB, edition=edition(1)), here=asked("retry", 0))
        assert (over.round, over.is_open) == (1, False)

    def test_a_retry_of_a_job_that_never_ended_waits(self) -> None:
        assert case(here=asked("retry")).round == 0

    def test_what_a_quorum_took_is_sealed_before_anybody_says_so(self) -> None:
        words = {peer: voted(peer, edition()) for peer in PEERS}
        assert case(words={"b": words["b"]}).edition is None
        assert case(words=words).edition == edition()

    def test_an_edition_that_one_peer_knows_to_be_sealed_is_so_for_all(self) -> None:
        over = case(words={"b": Word(peer_id="b", ended=edition())})
        assert (over.edition, over.is_open) == (edition(), False)

    def test_the_later_round_counts_wherever_it_is_said(self) -> None:
        words = {"b": Word(peer_id="b", ended=edition(1))}
        assert case(job=replace(JOB, edition=edition(0)), words=words).edition == edition(1)
        words = {"b": Word(peer_id="b", ended=edition(0))}
        assert case(job=replace(JOB, edition=edition(1)), words=words).edition == edition(1)

    def test_a_job_that_the_earlier_application_ended_is_over_without_an_edition(self) -> None:
        old = replace(JOB, inc=0, status="succeeded")
        assert not case(job=old).is_open
        assert not case(job=old, here=asked("retry")).is_open

    def test_requests_of_all_replicas_are_joined(self) -> None:
        words = {"b": Word(peer_id="b", asked=asked("cancel"))}
        assert case(words=words, here=asked("delete")).asked == Asked(
            cancel=Request(at=NOW, by="ann"), delete=Request(at=NOW, by="ann"))


class TestCoverage:
    @given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10), st.booleans()), max_size=8))
    def test_a_share_is_covered_when_whole_parts_hold_each_of_its_indices(
        self, spans: list[tuple[int, int, bool]]
    ) -> None:
        parts = tuple(part(min(a, b), max(a, b), whole=whole) for a, b, whole in spans)
        found = case(state("a", parts=parts[::2]), state("b", parts=parts[1::2]))
        held = {i for one in parts if one.whole for i in range(one.start, one.end)}
        for peer, share in found.shares.items():
            assert found.is_covered(share) == (set(range(share.start, share.end)) <= held), peer
        assert found.is_complete() == (set(range(10)) <= held)

    def test_whoever_stored_it(self) -> None:
        found = case(state("a"), state("b", parts=(part(0, 5),)))
        assert found.is_covered(Share(start=0, end=5))

    def test_a_file_that_can_not_be_read_is_not_there(self) -> None:
        found = case(state("a", parts=(part(0, 10),)))
        assert found.is_complete()
        assert not found.is_complete(without={"c0-10"})

    def test_files_of_another_round_hold_nothing_of_this_one(self) -> None:
        again = case(state("a", parts=(part(0, 10),)), job=replace(JOB, edition=edition()),
                     here=asked("retry"))
        assert not again.is_complete()
        assert list(again.parts()) == []

    def test_a_part_without_a_file_covers_its_range(self) -> None:
        """Of a retry: nothing of it was due."""
        assert case(state("a", parts=(part(0, 10, cid="", ok=0),))).is_complete()

    def test_who_is_no_peer_of_the_job_stored_nothing(self) -> None:
        assert not case(replace(state("a", parts=(part(0, 10),)), peer_id="c")).is_complete()

    def test_a_peer_without_a_record_is_waited_for_by_nobody(self) -> None:
        found = case(state("a", parts=(part(0, 1),)), job=replace(JOB, total_records=1))
        assert list(found.shares) == ["a"]
        assert found.is_complete()


class TestPartsOf:
    OLD = PeerState(peer_id="a", share=Share(start=0, end=5), generated_ok=4, generated_failed=1,
                    result_cid="r", finished_at=NOW)

    def test_a_share_that_the_earlier_application_finished_is_one(self) -> None:
        assert parts_of(self.OLD) == (Part(start=0, end=5, cid="r", ok=4, failed=1),)

    @pytest.mark.parametrize("change", [{"finished_at": None}, {"result_cid": None}, {"inc": 3}])
    def test_what_it_had_not_finished_is_none_nor_what_ours_did_not_list(
        self, change: dict[str, Any]
    ) -> None:
        assert parts_of(replace(self.OLD, **change)) == ()


class TestCounts:
    def test_of_its_own_share_a_peer_says_how_far_it_is(self) -> None:
        found = case(state("a", generated_ok=3, generated_failed=1))
        assert (found.counts("a"), found.counts("b")) == ((3, 1), (0, 0))

    @pytest.mark.parametrize(("own", "helpers"), [((1, 0), (4, 0)), ((4, 0), (1, 1))])
    def test_of_two_at_one_share_who_is_farther_counts(
        self, own: tuple[int, int], helpers: tuple[int, int]
    ) -> None:
        found = case(state("a", generated_ok=own[0], generated_failed=own[1]),
                     state("b", effort=Effort(of="a", ok=helpers[0], failed=helpers[1])))
        assert found.counts("a") == max(own, helpers, key=sum)
        assert found.counts("b") == (0, 0)

    def test_what_a_dead_peer_stored_stays_counted(self) -> None:
        stored = (part(0, 3), part(3, 5, ok=1, failed=1))
        assert case(state("b", parts=stored)).counts("a") == (4, 1)

    def test_a_new_round_begins_with_nothing(self) -> None:
        job, here = replace(JOB, edition=edition()), asked("retry")
        said = state("a", generated_ok=4, generated_failed=1, parts=(part(0, 5, ok=4, failed=1),))
        assert case(said, job=job, here=here).counts("a") == (0, 0)
        effort = replace(said, effort=Effort(of="a", round=1, ok=1, failed=0))
        assert case(effort, job=job, here=here).counts("a") == (1, 0)

    @given(st.integers(0, 2**53), st.integers(0, 2**53))
    def test_nobody_has_more_than_the_share_holds(self, ok: int, failed: int) -> None:
        good, bad = case(state("a", effort=Effort(of="a", ok=ok, failed=failed))).counts("a")
        assert 0 <= good <= 5
        assert 0 <= bad <= 5 - good

    def test_who_has_no_share_has_no_counts(self) -> None:
        assert case(state("a", generated_ok=1)).counts("stranger") == (0, 0)


class TestSigns:
    """They change when anybody gets on with a share, and only then."""

    def test_whoever_gets_on_however_far_behind(self) -> None:
        said = [state("a", generated_ok=4)]
        seen = {case(*said).signs("a")}
        for helper in ({"effort": Effort(of="a", ok=1, failed=0)},
                       {"effort": Effort(of="a", ok=1, failed=1)},
                       {"parts": (part(4, 5),)}):
            seen.add(case(*said, state("b", **helper)).signs("a"))
        assert len(seen) == 4

    def test_not_by_work_on_another_share_or_round(self) -> None:
        said = state("a", generated_ok=4)
        before = case(said, state("b")).signs("a")
        for other in ({"generated_ok": 3}, {"parts": (part(5, 8),)},
                      {"effort": Effort(of="a", round=1, ok=1, failed=0)}):
            assert case(said, state("b", **other)).signs("a") == before

    def test_of_a_stranger_there_are_none(self) -> None:
        assert case(state("a")).signs("x") == ()


class TestHelpers:
    HELPING = state("b", effort=Effort(of="a", ok=1, failed=0))

    def test_who_works_on_anothers_share_helps(self) -> None:
        assert case(self.HELPING).helpers() == {"a": "b"}

    def test_not_once_the_share_is_covered(self) -> None:
        assert case(self.HELPING, state("a", parts=(part(0, 5),))).helpers() == {}

    def test_not_after_the_end_nor_in_the_next_round(self) -> None:
        over = replace(JOB, edition=edition())
        assert case(self.HELPING, job=over).helpers() == {}
        assert case(self.HELPING, job=over, here=asked("retry")).helpers() == {}

    def test_a_retry_of_ones_own_share_is_no_help(self) -> None:
        own = state("b", effort=Effort(of="b", round=1, ok=1, failed=0))
        assert case(own, job=replace(JOB, edition=edition()), here=asked("retry")).helpers() == {}

    def test_nobody_helps_a_stranger(self) -> None:
        assert case(state("b", effort=Effort(of="x", ok=1, failed=0))).helpers() == {}


class TestProgress:
    def test_a_job_nobody_began_is_queued(self) -> None:
        progress = case().progress
        assert (progress.status, progress.done, progress.total) == ("queued", 0, 10)
        assert progress.started_at is None

    def test_it_runs_from_the_first_peers_start_and_adds_up(self) -> None:
        progress = case(
            state("a", generated_ok=2, generated_failed=1, started_at=LATER),
            state("b", generated_ok=3, started_at=NOW)).progress
        assert (progress.status, progress.ok, progress.failed, progress.done) == (
            "running", 5, 1, 6)
        assert progress.started_at == NOW

    def test_records_in_flight_of_all_peers_are_listed(self) -> None:
        flights = [InFlight(index=n, attempt=1, started_at=NOW) for n in range(2)]
        progress = case(*(state(peer, in_flight=(flight,))
                          for peer, flight in zip(PEERS, flights, strict=True))).progress
        assert progress.in_flight == tuple(flights)

    def test_complete_shares_do_not_end_a_job(self) -> None:
        progress = case(*(state(peer, generated_ok=5, started_at=NOW, finished_at=NOW)
                          for peer in PEERS)).progress
        assert (progress.status, progress.done, progress.finished_at) == ("running", 10, None)

    @pytest.mark.parametrize("status", ["succeeded", "failed"])
    def test_a_sealed_end_stands_whatever_peers_say(self, status: str) -> None:
        flying = InFlight(index=3, attempt=1, started_at=NOW)
        said = state("a", generated_ok=5, started_at=NOW, in_flight=(flying,))
        progress = case(said, job=replace(JOB, edition=edition(status=status))).progress
        assert (progress.status, progress.ok, progress.failed) == (status, 9, 1)
        assert (progress.finished_at, progress.in_flight) == (LATER, ())

    def test_so_does_the_end_that_the_earlier_application_wrote(self) -> None:
        old = replace(JOB, inc=0, status="failed", total_ok=3, total_failed=7, finished_at=LATER)
        progress = case(state("a", generated_ok=5, started_at=NOW), job=old).progress
        assert (progress.status, progress.ok, progress.failed) == ("failed", 3, 7)

    def test_a_retry_counts_on_from_the_good_ones_of_the_round_before(self) -> None:
        again = case(state("b", started_at=NOW, effort=Effort(of="b", round=1, ok=0, failed=1)),
                     job=replace(JOB, edition=edition()), here=asked("retry")).progress
        assert (again.status, again.ok, again.failed, again.done) == ("running", 9, 1, 10)

    @given(st.integers(0, 10), st.lists(st.integers(0, 2**53), min_size=4, max_size=4))
    def test_claims_never_make_more_than_all(self, base: int, claims: list[int]) -> None:
        efforts = [Effort(of=peer, round=1, ok=ok, failed=failed)
                   for peer, ok, failed in zip(PEERS, claims[:2], claims[2:], strict=True)]
        progress = case(*(state(one.of, effort=one, started_at=NOW) for one in efforts),
                        job=replace(JOB, edition=edition(ok=base, failed=10 - base)),
                        here=asked("retry")).progress
        assert base <= progress.ok <= progress.ok + progress.failed <= 10


class TestEnded:
    def test_whoever_writes_it_a_jobs_end_is_the_edition_s(self) -> None:
        running = replace(JOB, status="running", started_at=LATER, updated_at=LATER)
        first, second = ended(JOB, edition()), ended(running, edition())
        assert first == second
        assert (first.status, first.total_ok, first.total_failed, first.total_generated) == (
            "succeeded", 9, 1, 10)
        assert (first.started_at, first.finished_at, first.updated_at) == (NOW, LATER, LATER)
        assert first.records_duration_ms == 40_000
        assert first.edition == edition()

    def test_two_clocks_make_no_negative_duration(self) -> None:
        backwards = edition(started_at=LATER, finished_at=NOW)
        assert ended(JOB, backwards).records_duration_ms == 0
        assert ended(JOB, edition(started_at=None)).records_duration_ms == 0

    def test_a_cancelled_round_says_who_cancelled_it_and_the_next_forgets(self) -> None:
        cancelled = edition(status="failed", error="Cancelled.", cancelled_at=NOW,
                            cancelled_by="ann")
        over = ended(JOB, cancelled)
        assert (over.was_cancelled, over.cancelled_by, over.error) == (True, "ann", "Cancelled.")
        again = ended(over, edition(1))
        assert (again.was_cancelled, again.cancelled_by, again.error) == (False, None, None)

    def test_a_job_of_the_earlier_application_gets_no_field_of_ours(self) -> None:
        assert ended(replace(JOB, inc=0), edition()).edition is None
