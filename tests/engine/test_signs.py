"""Beats of several peers: ended sessions spread, whoever is in between, in any order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import StoreError
from datagen.engine.signs import BEAT_EVERY, HEAR_EVERY, NEWS_EVERY, Signs
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.revoked import Revoked
from datagen.protocol.seal import Seal
from tests.engine.workbench import hand_pace

PEERS = ("a", "b", "c")
LIFE = timedelta(days=7)


class Peer:
    """A worker's signs, its disk, and its node's copy of the board."""

    def __init__(self, name: str, clock: HandClock, *, peers: tuple[str, ...] = PEERS) -> None:
        self.name, self.clock, self.peers = name, clock, peers
        self.node, self.desk = MemoryStore(), MemoryStore()
        self.starts = self.seq = 0
        self.restart()

    def restart(self) -> None:
        self.starts += 1
        board = Board(self.node, seal=Seal("of all replicas"))
        board.begin(self.starts)
        self.naps: list[float] = []
        self.signs = Signs(peer_id=self.name, peers=self.peers, board=board, desk=self.desk,
                           pace=hand_pace(self.clock, self.naps))

    @property
    def revoked(self) -> Revoked:
        return Revoked(desk=self.desk, clock=self.clock)

    def end_session(self, mark: str, life: timedelta = LIFE) -> None:
        self.revoked.add(mark * 24, self.clock.now() + life)

    def say(self, *others: Peer) -> None:
        """Beat; only these nodes get it."""
        self.seq += 1
        self.signs.say(self.seq)
        for other in others:
            other.node.hset(keys.PEERS, self.name, self.node.hgetall(keys.PEERS)[self.name])

    def hear(self) -> None:
        self.signs.hear()

    def knows(self) -> str:
        return "".join(sorted(mark[0] for mark in self.revoked.known()))

    def heard_at(self) -> str | None:
        return self.desk.note(keys.DESK_HEARD, "beat")


@pytest.fixture
def three() -> tuple[Peer, Peer, Peer]:
    clock = HandClock()
    return Peer("a", clock), Peer("b", clock), Peer("c", clock)


def test_an_ended_session_reaches_a_third_peer_through_the_second(
    three: tuple[Peer, Peer, Peer]
) -> None:
    a, b, c = three
    a.end_session("1")
    a.say(b)
    b.hear()
    b.restart()  # what was heard survives
    b.say(c)
    c.hear()
    assert c.knows() == "1"


def test_a_disk_that_is_lost_is_told_by_the_beat_it_wrote(three: tuple[Peer, Peer, Peer]) -> None:
    a, *_ = three
    a.end_session("1")
    a.say()
    a.desk = MemoryStore()
    a.restart()
    a.hear()
    assert a.knows() == "1"


def test_a_session_that_is_over_comes_back_from_nobody(three: tuple[Peer, Peer, Peer]) -> None:
    a, b, _ = three
    a.end_session("1", timedelta(seconds=10))
    a.say(b)
    b.clock.advance(10)
    b.hear()
    assert b.desk.notes(keys.DESK_REVOKED) == {}


def test_what_a_neighbour_says_ends_no_session(three: tuple[Peer, Peer, Peer]) -> None:
    a, b, _ = three
    b.end_session("1")
    b.say()
    forged = b.node.hgetall(keys.PEERS)["b"].replace("1" * 24, "2" * 24)
    a.node.hset(keys.PEERS, "b", forged)
    a.hear()
    assert a.knows() == ""


def test_signs_of_life_that_are_shown_again_are_none(three: tuple[Peer, Peer, Peer]) -> None:
    """A neighbour that keeps what a peer said can't make it seem alive, nor unsay what it said."""
    a, b, _ = three
    shown = []
    for _ in range(2):
        a.say(b)
        shown.append(b.node.hgetall(keys.PEERS)["a"])
        b.hear()
    heard_at = b.heard_at()
    for text in shown * 3:
        b.clock.advance(30)
        b.node.hset(keys.PEERS, "a", text)
        b.hear()
    b.node.hset(keys.PEERS, "a", None)
    b.hear()
    assert b.heard_at() == heard_at is not None
    a.say(b)
    b.hear()
    assert b.heard_at() != heard_at


_ACTS = st.lists(st.tuples(
    st.sampled_from(("end", "say", "hear", "restart", "wait")),
    st.sampled_from(range(3)), st.sets(st.sampled_from(range(3))), st.sampled_from("0123456789"),
), max_size=30)


@given(acts=_ACTS)
def test_in_any_order_sets_only_grow_until_the_end_and_come_out_equal(acts: list[Any]) -> None:
    clock = HandClock()
    peers = [Peer(name, clock) for name in PEERS]
    ends: dict[str, Any] = {}  # of every session that was ended somewhere

    def act(what: str, who: Peer, to: set[int], mark: str) -> None:
        if what == "end":
            life = timedelta(seconds=int(mark) * 20)  # whoever ends it: a token says when
            ends.setdefault(mark, HandClock().now() + life)
            who.revoked.add(mark * 24, ends[mark])
        elif what == "say":
            who.say(*(peers[number] for number in to))
        elif what == "wait":
            clock.advance(25)
        else:
            getattr(who, what)()

    for what, number, to, mark in acts:
        before = [set(peer.knows()) for peer in peers]
        act(what, peers[number], to, mark)
        over = {mark for mark, end in ends.items() if end <= clock.now()}
        for peer, known in zip(peers, before, strict=True):
            assert known - over <= set(peer.knows()) <= ends.keys() - over
    for _ in range(2):
        for peer in peers:
            peer.say(*peers)
            peer.hear()
    assert len({peer.knows() for peer in peers}) == 1
    assert set(peers[0].knows()) == {mark for mark, end in ends.items() if end > clock.now()}


def test_somebody_is_heard_when_another_listed_peer_beats_anew(
    three: tuple[Peer, Peer, Peer]
) -> None:
    a, b, _ = three
    stranger = Peer("x", a.clock)
    b.say(a)  # before anybody looked: who knows when
    for _ in range(2):
        a.say()
        stranger.say(a)
        a.hear()
        a.clock.advance(HEAR_EVERY)
    assert a.heard_at() is None

    b.say(a)
    a.hear()
    first = a.heard_at()
    a.clock.advance(HEAR_EVERY)
    a.hear()
    assert first == a.heard_at() is not None
    b.restart()
    b.seq -= 1  # a start counts anew
    b.say(a)
    a.hear()
    assert a.heard_at() != first


async def beats_in(peer: Peer, seconds: float, *, at: float = 0.0, mark: str = "") -> list[float]:
    """When a peer beats that runs so long, and ends the session ``mark`` after ``at`` seconds."""
    stop, start, said = asyncio.Event(), peer.clock.monotonic(), list[float]()
    write = peer.node.hset

    def hset(hkey: str, field: str, value: str | None) -> None:
        said.append(peer.clock.monotonic() - start)
        write(hkey, field, value)

    peer.node.hset = hset  # watched
    life = asyncio.create_task(peer.signs.run(stop))
    while (passed := peer.clock.monotonic() - start) < seconds:
        if mark and passed >= at:
            peer.end_session(mark)
            at, mark = passed, ""
        await asyncio.sleep(0)
    stop.set()
    await life
    return said


async def test_a_session_that_ends_here_is_told_within_a_second_and_once(
    three: tuple[Peer, Peer, Peer]
) -> None:
    said = await beats_in(three[0], 25.0, at=10.0, mark="1")
    assert len(said) == 2
    assert 10.0 <= said[1] <= 11.0 + HEAR_EVERY  # the clock by hand moves for both loops


async def test_what_was_heard_waits_for_the_next_beat(three: tuple[Peer, Peer, Peer]) -> None:
    a, b, _ = three
    b.end_session("1")
    b.say(a)
    assert len(await beats_in(a, BEAT_EVERY - 10)) == 1
    assert a.knows() == "1"


async def test_alone_there_is_nobody_to_hurry_for_or_to_hear() -> None:
    alone = Peer("a", HandClock(), peers=("a",))
    assert len(await beats_in(alone, 65.0, at=10.0, mark="1")) == 3
    assert set(alone.naps) == {BEAT_EVERY}
    assert '"revoked":{}' in alone.node.hgetall(keys.PEERS)["a"]


async def test_stores_that_fail_end_nothing(three: tuple[Peer, Peer, Peer]) -> None:
    a, b, _ = three
    b.end_session("1")
    b.say(a)
    a.node.fail_next(8)
    a.desk.fail_next(8, StoreError("The disk."))
    said = await beats_in(a, 300.0, at=200.0, mark="2")
    assert a.knows() == "12"
    assert said
    assert min(a.naps) >= NEWS_EVERY
