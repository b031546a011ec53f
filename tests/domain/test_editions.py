"""Of each round one edition is chosen, however the peers' words interleave and how old they are."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.domain import editions
from datagen.domain.editions import Vote, Word
from datagen.domain.jobs import Edition, Job

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = "abcdefg"


def job_of(count: int, creator: str = "a", *, inc: int = 1) -> Job:
    return Job(
        id="job_1_000000", owner="ann", title="t", status="queued", total_records=10,
        peers=tuple(NAMES[:count]), details_cid="c", created_at=NOW, schema_generated_at=NOW,
        updated_at=NOW, creator=creator, inc=inc,
    )


def edition(by: str, name: str = "m", number: int = 0, *, forced: bool = False) -> Edition:
    return Edition(round=number, by=by, status="succeeded", ok=9, failed=1, manifest_cid=name,
                   sha256="0" * 64, finished_at=NOW, forced=forced)


JOBS = st.tuples(st.integers(1, 7), st.integers(0, 6)).map(
    lambda drawn: job_of(drawn[0], NAMES[drawn[1] % drawn[0]]))


class TestQuorum:
    @pytest.mark.parametrize("count", range(1, 8))
    @pytest.mark.parametrize("creator", ["a", "g", "", "stranger"])
    def test_any_two_share_a_peer(self, count: int, creator: str) -> None:
        job = job_of(count, creator)
        sets = [set(some) for size in range(count + 1)
                for some in combinations(job.peers, size)]
        quorums = [some for some in sets if editions.is_quorum(job, some)]
        assert set(job.peers) in quorums
        assert all(one & other for one in quorums for other in quorums)

    @given(JOBS, st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
    def test_more_peers_are_no_less_of_one(self, job: Job, some: set[str], more: set[str]) -> None:
        assert editions.is_quorum(job, some) <= editions.is_quorum(job, some | more)

    def test_strangers_are_none(self) -> None:
        assert not editions.is_quorum(job_of(3), ["b", "x", "y", "z"])

    @pytest.mark.parametrize(("count", "alive", "enough"), [
        (2, "a", True), (2, "b", False), (3, "ab", True), (3, "bc", True), (3, "a", False),
        (4, "ab", True), (4, "bc", False), (4, "bcd", True), (5, "bcd", True), (5, "ab", False),
    ])
    def test_the_creator_breaks_a_tie(self, count: int, alive: str, enough: bool) -> None:
        assert editions.is_quorum(job_of(count), list(alive)) is enough

    def test_of_an_earlier_job_its_first_peer_decides(self) -> None:
        job = job_of(3, creator="", inc=0)
        assert editions.is_quorum(job, ["a"])
        assert not editions.is_quorum(job, ["b", "c"])


class TestBallots:
    @given(JOBS, st.integers(0, 10_000))
    def test_no_two_peers_ever_have_the_same(self, job: Job, above: int) -> None:
        ballots = [editions.own_ballot(job, peer, above) for peer in job.peers]
        assert len(set(ballots)) == len(ballots)
        assert all(above < ballot <= above + len(job.peers) for ballot in ballots)

    @given(JOBS, st.data())
    def test_the_next_one_is_the_lowest_of_ones_own_above(
        self, job: Job, data: st.DataObject
    ) -> None:
        peer = data.draw(st.sampled_from(job.peers))
        above = data.draw(st.integers(0, 1_000))
        ballot = editions.own_ballot(job, peer, above)
        assert editions.own_ballot(job, peer, ballot - 1) == ballot
        assert {editions.own_ballot(job, peer, below) for below in range(above, ballot)} == {ballot}

    def test_none_is_the_creators_first(self) -> None:
        assert min(editions.own_ballot(job_of(7), peer, 0) for peer in NAMES) == 1


@dataclass(frozen=True, kw_only=True)
class Step:
    """One peer looks and acts."""

    peer: int
    lags: tuple[int, ...]  # how old what it sees of each peer is, in versions
    wish: str


STEPS = st.builds(
    Step, peer=st.integers(0, 6), lags=st.tuples(*[st.integers(0, 3)] * 7),
    wish=st.sampled_from(["take", "take", "propose", "propose", "bid", "look"]))


@dataclass
class Choice:
    """The peers' registers with all that ever was in them; a reader sees any of it."""

    job: Job
    creator_kept_its_disk: bool = True
    written: dict[str, list[Vote]] = field(default_factory=dict)
    made: int = 0  # editions that peers made of their own

    def __post_init__(self) -> None:
        self.written = {peer: [Vote(round=0)] for peer in self.job.peers}

    def seen_by(self, me: str, lags: tuple[int, ...]) -> dict[str, Vote]:
        found = {}
        for (peer, versions), lag in zip(self.written.items(), lags, strict=False):
            at = len(versions) - 1 if peer == me else max(0, len(versions) - 1 - lag)
            if at or versions[at].promised or versions[at].taken:
                found[peer] = versions[at]
        return found

    def act(self, step: Step) -> None:
        """As a worker does it: hear, then take what is up, or put something up, or bid."""
        job = self.job
        me = job.peers[step.peer % len(job.peers)]
        votes = self.seen_by(me, step.lags)
        mine = editions.heard(self.written[me][-1], votes)
        votes[me] = mine
        up = editions.proposal(mine, votes)
        first = me == editions.creator(job) and self.creator_kept_its_disk
        if step.wish == "take" and up:
            mine = editions.take(mine, *up)
        elif step.wish == "propose" and editions.may_propose(job, me, mine, votes, first=first):
            bound = editions.bound_to(votes, mine.promised)
            self.made += 1
            mine = editions.take(mine, mine.promised, bound or edition(me, f"m{self.made}"))
        elif step.wish == "bid":
            mine = replace(mine, promised=editions.own_ballot(job, me, mine.promised))
        self.written[me].append(mine)

    def chosen(self) -> set[str]:
        """Every edition that a quorum ever took under one ballot."""
        took: dict[tuple[int, str], set[str]] = {}
        for peer, versions in self.written.items():
            for vote in versions:
                if vote.taken:
                    took.setdefault((vote.ballot, vote.taken.manifest_cid), set()).add(peer)
        return {name for (_, name), peers in took.items()
                if editions.is_quorum(self.job, peers)}


def random_choice(seed: int, *, steps: int) -> Choice:
    chance = random.Random(seed)
    choice = Choice(job_of(chance.randint(1, 5)), creator_kept_its_disk=chance.random() < 0.7)
    for _ in range(steps):
        choice.act(Step(
            peer=chance.randrange(7), lags=tuple(chance.choice([0, 0, 1, 2, 9]) for _ in range(7)),
            wish=chance.choice(["take", "take", "propose", "propose", "bid"])))
    return choice


class TestChoice:
    @given(JOBS, st.booleans(), st.lists(STEPS, max_size=60))
    @settings(max_examples=300, deadline=None)
    def test_two_editions_of_one_round_are_never_both_chosen(
        self, job: Job, kept: bool, steps: list[Step]
    ) -> None:
        choice = Choice(job, creator_kept_its_disk=kept)
        for step in steps:
            choice.act(step)
        assert len(choice.chosen()) <= 1

    def test_not_in_long_histories_either_and_most_come_to_a_choice(self) -> None:
        choices = [random_choice(seed, steps=80) for seed in range(400)]
        assert all(len(choice.chosen()) <= 1 for choice in choices)
        assert sum(len(choice.chosen()) for choice in choices) > 250
        contested = [choice for choice in choices if choice.chosen() and choice.made > 1]
        assert len(contested) > 100

    @pytest.mark.deep
    def test_not_in_a_great_many_histories(self) -> None:
        for seed in range(40_000):
            assert len(random_choice(seed, steps=60).chosen()) <= 1, seed

    @given(JOBS, st.lists(STEPS, max_size=40), st.data())
    @settings(deadline=None)
    def test_what_anybody_sees_chosen_is_what_was(
        self, job: Job, steps: list[Step], data: st.DataObject
    ) -> None:
        choice = Choice(job)
        for step in steps:
            choice.act(step)
        lags = data.draw(st.tuples(*[st.integers(0, 9)] * 7))
        seen = editions.chosen(job, choice.seen_by(job.peers[0], lags))
        assert seen is None or {seen.manifest_cid} == choice.chosen()

    @given(JOBS, st.lists(STEPS, max_size=30), st.data())
    @settings(deadline=None)
    def test_a_quorum_that_hears_each_other_comes_to_a_choice_whatever_was_before(
        self, job: Job, steps: list[Step], data: st.DataObject
    ) -> None:
        choice = Choice(job)
        for step in steps:
            choice.act(step)
        alive = data.draw(st.sets(st.sampled_from(range(len(job.peers)))).filter(
            lambda some: editions.is_quorum(job, [job.peers[at] for at in some])))
        fresh, leader = (0,) * 7, min(alive)
        choice.act(Step(peer=leader, lags=fresh, wish="look"))
        choice.act(Step(peer=leader, lags=fresh, wish="bid"))
        for wish in ("look", "propose", "take"):
            for at in [leader, *alive] if wish == "propose" else alive:
                choice.act(Step(peer=at, lags=fresh, wish=wish))
        assert len(choice.chosen()) == 1

    @given(st.lists(STEPS, max_size=60))
    @settings(deadline=None)
    def test_nobody_takes_back_a_promise_or_what_it_took(self, steps: list[Step]) -> None:
        choice = Choice(job_of(4))
        for step in steps:
            choice.act(step)
        for versions in choice.written.values():
            for before, after in pairwise(versions):
                assert after.promised >= before.promised
                assert after.ballot >= before.ballot
                assert after.taken or not before.taken
                assert after.ballot <= after.promised


class TestFirstBallot:
    """The creator's own, for which nobody need be asked."""

    def test_it_is_the_creators_alone_and_on_the_disk_where_the_job_was_made(self) -> None:
        mine = Vote(round=0)
        assert editions.may_propose(job_of(3), "a", mine, {}, first=True)
        assert not editions.may_propose(job_of(3), "a", mine, {}, first=False)

    def test_not_once_somebody_asks_for_a_higher_one(self) -> None:
        votes = {"b": Vote(round=0, promised=2)}
        mine = editions.heard(Vote(round=0), votes)
        assert not editions.may_propose(job_of(3), "a", mine, votes, first=True)

    @pytest.mark.parametrize("ballot", [0, 1])
    def test_nothing_is_put_up_twice_nor_taken_twice(self, ballot: int) -> None:
        mine = editions.take(Vote(round=0, promised=ballot), ballot, edition("a"))
        votes = {"a": mine, "b": Vote(round=0, promised=ballot), "c": mine}
        assert not editions.may_propose(job_of(3), "a", mine, votes, first=True)
        assert editions.proposal(mine, votes) is None


class TestSealed:
    JOB = job_of(3)

    def taken(self, peer: str, one: Edition, ballot: int = 0) -> Word:
        return Word(peer_id=peer, vote=Vote(round=one.round, promised=ballot, ballot=ballot,
                                            taken=one))

    def test_what_a_quorum_took_under_one_ballot_is(self) -> None:
        one = edition("a")
        words = {"b": self.taken("b", one), "c": self.taken("c", one)}
        assert editions.sealed(self.JOB, words) == one
        assert editions.sealed(self.JOB, {"b": words["b"]}) is None

    def test_what_was_taken_under_two_ballots_is_not(self) -> None:
        one = edition("a")
        words = {"b": self.taken("b", one), "c": self.taken("c", one, ballot=2)}
        assert editions.sealed(self.JOB, words) is None

    def test_votes_of_two_rounds_are_not_counted_together(self) -> None:
        words = {"b": self.taken("b", edition("a")), "c": self.taken("c", edition("a", number=1))}
        assert editions.sealed(self.JOB, words) is None

    def test_words_of_strangers_seal_nothing(self) -> None:
        one = edition("x")
        assert editions.sealed(self.JOB, {"x": Word(peer_id="x", ended=one)}) is None
        assert editions.sealed(self.JOB, {name: self.taken(name, one) for name in "xyz"}) is None

    def test_the_latest_round_counts(self) -> None:
        words = {"a": Word(peer_id="a", ended=edition("a")),
                 "b": Word(peer_id="b", ended=edition("b", number=1))}
        assert editions.sealed(self.JOB, words) == edition("b", number=1)


class TestLatest:
    JOB = job_of(3)

    def test_of_one_round_what_a_person_closed_counts_before_what_was_agreed(self) -> None:
        agreed, closed = edition("a"), edition("c", forced=True)
        assert editions.latest(self.JOB, [agreed, None, closed]) == closed

    def test_but_not_before_a_later_round(self) -> None:
        later = edition("c", number=1)
        assert editions.latest(self.JOB, [edition("a", forced=True), later]) == later

    @given(st.permutations([
        edition("b", "m1", forced=True), edition("b", "m2", forced=True),
        edition("c", "m9", forced=True), edition("x", "m9", forced=True)]))
    def test_of_two_that_persons_closed_all_choose_the_same(self, known: list[Edition]) -> None:
        assert editions.latest(self.JOB, known) == edition("b", "m2", forced=True)

    def test_of_none_there_is_none(self) -> None:
        assert editions.latest(self.JOB, [None]) is None


def test_whoever_took_nothing_yet_has_no_vote_in_another_round() -> None:
    words = {"a": Word(peer_id="a", vote=Vote(round=1)), "b": Word(peer_id="b"),
             "x": Word(peer_id="x", vote=Vote(round=0))}
    assert editions.votes_of(job_of(2), words, 0) == {}
    assert editions.votes_of(job_of(2), words, 1) == {"a": Vote(round=1)}
