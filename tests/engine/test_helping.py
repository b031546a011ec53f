"""Who helps a share on which nobody gets on, and when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.folds import Case
from datagen.domain.jobs import Effort, Job, Part, PeerState, Share, shares
from datagen.engine.helping import share_to_help
from datagen.engine.stillness import Stillness
from tests.engine.workbench import job_of

LIMIT = 300.0
PEERS = ("a", "b", "c", "d")
JOB = job_of(total=40, peers=PEERS, creator="a")


class Look:
    """How one peer sees a job, every ten seconds."""

    def __init__(self, me: str, job: Job = JOB, *, limit: float = LIMIT) -> None:
        self.me, self.job, self.limit = me, job, limit
        self.still, self.now, self.states = Stillness(), 0.0, dict[str, PeerState]()
        self.without: Collection[str] = ()

    def said(self, peer: str, **changes: Any) -> None:
        share = shares(self.job.total_records, self.job.peers)[peer]
        before = self.states.get(peer) or PeerState(peer_id=peer, share=share, inc=1)
        self.states[peer] = replace(before, **changes)

    def stored(self, peer: str, of: str | None = None, cid: str = "") -> None:
        """It stored the whole share of that peer, else its own."""
        share = shares(self.job.total_records, self.job.peers)[of or peer]
        parts = self.states[peer].parts if peer in self.states else ()
        self.said(peer, parts=(*parts, Part(
            start=share.start, end=share.end, cid=cid or f"c{of or peer}", ok=len(share),
            failed=0)))

    def whom(self) -> str | None:
        return share_to_help(Case(job=self.job, states=self.states, read_at=self.now), self.me,
                             without=self.without, still=self.still, limit=self.limit)

    def watch(self, seconds: float) -> str | None:
        """Whom it would help after looking for so long."""
        found = self.whom()
        until = self.now + seconds
        while self.now < until:
            self.now += 10.0
            found = self.whom()
        return found


def look_without(me: str, *missing: str, job: Job = JOB) -> Look:
    """All peers but these stored their shares."""
    look = Look(me, job)
    for peer in PEERS:
        if peer not in missing:
            look.stored(peer)
    return look


def helpers_in_order(missing: str, job: Job = JOB) -> list[str]:
    """The peers in the order in which they come to a dead one's help."""
    waits = {}
    for me in PEERS:
        if me != missing:
            look = look_without(me, missing, job=job)
            while look.whom() is None:
                look.now += 10.0
            waits[me] = look.now
    return sorted(waits, key=lambda me: waits[me])


def test_a_share_that_nobody_gets_on_with_is_helped_after_the_limit_and_not_before() -> None:
    first = helpers_in_order("d")[0]
    look = look_without(first, "d")
    assert look.watch(LIMIT - 10.0) is None
    assert look.watch(10.0) == "d"


def test_one_helper_after_the_other_gets_its_turn() -> None:
    first, second, third = helpers_in_order("d")
    times = {}
    for me in (first, second, third):
        look = look_without(me, "d")
        while look.whom() is None:
            look.now += 10.0
        times[me] = look.now
    assert times == {first: LIMIT, second: 1.5 * LIMIT, third: 2 * LIMIT}


def test_the_turns_differ_by_job_and_by_share_so_that_the_work_does() -> None:
    jobs = [job_of(number, total=40, peers=PEERS) for number in range(1, 9)]
    orders = [tuple(helpers_in_order("d", job)) for job in jobs]
    assert len(set(orders)) > 1
    a_before_b = [[order.index("a") < order.index("b") for order in some]
                  for some in (orders, [helpers_in_order("c", job) for job in jobs])]
    assert a_before_b[0] != a_before_b[1]


def test_whoever_gets_on_with_it_is_left_alone() -> None:
    look = look_without(helpers_in_order("d")[0], "d")
    for made in range(1, 8):
        look.said("d", generated_ok=made)
        assert look.watch(LIMIT - 10.0) is None


@pytest.mark.parametrize("change", [
    {"effort": Effort(of="d", ok=1, failed=0)},
    {"parts": (Part(start=38, end=40, cid="y", ok=2, failed=0),)},
])
def test_a_helper_that_gets_on_counts_as_much_as_its_owner(change: dict[str, Any]) -> None:
    first, second, _ = helpers_in_order("d")
    look = look_without(second, "d")
    look.watch(1.5 * LIMIT - 10.0)
    look.said(first, **change)
    look.stored(first)
    assert look.watch(1.5 * LIMIT - 10.0) is None
    assert look.watch(LIMIT) == "d"


def test_a_helper_that_is_still_far_behind_gets_on_all_the_same() -> None:
    first, second, _ = helpers_in_order("d")
    look = look_without(second, "d")
    look.said("d", generated_ok=9)
    for made in range(1, 9):
        assert look.watch(1.5 * LIMIT - 10.0) is None
        look.said(first, effort=Effort(of="d", ok=made, failed=0))


def test_nobody_helps_a_share_that_is_covered_nor_its_own() -> None:
    assert look_without("a").watch(5 * LIMIT) is None
    assert look_without("a", "a").watch(5 * LIMIT) is None


def test_what_a_file_that_can_not_be_read_covered_is_helped() -> None:
    look = look_without("a")
    look.without = {"cd"}
    assert look.watch(3 * LIMIT) == "d"


def test_a_share_without_a_record_needs_nobody() -> None:
    look = Look("a", replace(JOB, total_records=1))
    look.stored("a")
    assert look.watch(5 * LIMIT) is None


def test_who_never_helps_never_does() -> None:
    look = look_without("a", "b", "c", "d")
    look.limit = 0
    assert look.watch(100 * LIMIT) is None


def test_time_in_which_the_store_could_not_be_read_does_not_count() -> None:
    look = look_without(helpers_in_order("d")[0], "d")
    look.whom()
    look.now += 10 * LIMIT
    assert look.whom() is None


@given(st.sets(st.sampled_from(PEERS), min_size=1, max_size=3))
def test_of_several_dead_ones_each_finds_a_helper_among_those_that_live(
    dead: set[str]
) -> None:
    lives = {me: look_without(me, *dead) for me in PEERS if me not in dead}
    stored = set[str]()
    for _ in range(200):
        for me, look in lives.items():
            look.now += 10.0
            of = look.whom()
            if of is not None:
                assert of in dead - stored
                stored.add(of)
                for other in lives.values():
                    other.stored(me, of)
    assert stored == dead


def test_a_job_of_one_peer_has_nobody_to_help() -> None:
    look = Look("a", job_of(total=4, peers=("a",)))
    assert look.watch(5 * LIMIT) is None
    assert Share(start=0, end=4) in Case(job=look.job).shares.values()
