"""Of several versions of an account the newest counts on every replica in the end."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.engine.returning import SILENT, Returning
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.fields import to_iso
from datagen.services.account_copies import LOOK_EVERY, PER_LOOK, REPEATED, AccountCopies
from datagen.services.accounts import Accounts
from datagen.services.waiting import Waiting
from tests.api.conftest import PlainHasher
from tests.engine.workbench import hand_pace

HKEY = "auth"


class Node(MemoryStore):
    """One replica's; a write goes to ``others``, and equal bytes go nowhere (WIRE.md, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Node] = []
        self.written: list[str] = []  # accounts
        self.unconfirmed = False

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        is_new = self.hget(hkey, field) != value
        super().hset(hkey, field, value)
        if hkey == HKEY:
            self.written.append(field)
        if is_new:
            for other in self.others:
                MemoryStore.hset(other, hkey, field, value)
        if self.unconfirmed:
            raise StoreUnconfirmed("Nobody confirmed it.")


class Replica:
    def __init__(self, clock: HandClock, name: str) -> None:
        self.name, self.clock, self.node, self.desk = name, clock, Node(), MemoryStore()
        self.seq = 0
        self.restart()

    def restart(self) -> None:
        self.board = Board(self.node)
        self.naps: list[float] = []
        self.accounts = Accounts(
            store=self.node, desk=self.desk, clock=self.clock, hasher=PlainHasher(),
            signer=JwtSigner("s" * 32, self.clock), hkey=HKEY)
        self.copies = AccountCopies(
            store=self.node, desk=self.desk, hkey=HKEY, waiting=Waiting(HKEY, None),
            returning=Returning(peer_id=self.name, board=self.board, clock=self.clock),
            pace=hand_pace(self.clock, self.naps))

    def beat(self) -> None:
        self.seq += 1
        self.board.beat(Beat(peer_id=self.name, seq=self.seq, version="1", at=self.clock.now()))

    def stored(self, name: str) -> str:
        return self.node.hget(HKEY, name) or ""

    def role(self, name: str) -> str:
        return self.accounts.get(name).role


@pytest.fixture
def two() -> tuple[Replica, Replica]:
    clock = HandClock()
    a, b = Replica(clock, "a"), Replica(clock, "b")
    connect(a, b)
    a.accounts.create("ann", "first")
    clock.advance(60)
    return a, b


def connect(*replicas: Replica) -> None:
    for one in replicas:
        one.node.others = [other.node for other in replicas if other is not one]


def cut_off(*replicas: Replica) -> None:
    for one in replicas:
        one.node.others = []


def pass_time(*replicas: Replica, looks: int = 1) -> None:
    for _ in range(looks):
        replicas[0].clock.advance(LOOK_EVERY)
        for one in replicas:
            one.copies.look()


def test_an_older_version_that_turns_up_is_written_over(two: tuple[Replica, Replica]) -> None:
    a, b = two
    old = b.stored("ann")
    pass_time(a, b)
    a.accounts.deactivate("ann")
    pass_time(a, b)
    MemoryStore.hset(b.node, HKEY, "ann", old)  # as a fetch from a peer that was away does
    b.restart()  # what is known survives
    pass_time(b)
    assert not b.accounts.get("ann").active


def test_a_change_that_a_node_missed_reaches_it_though_nobody_changes_it_again(
    two: tuple[Replica, Replica]
) -> None:
    a, b = two
    pass_time(a, b)
    cut_off(a, b)
    a.accounts.deactivate("ann")
    pass_time(a, b)
    connect(a, b)
    assert b.accounts.get("ann").active
    pass_time(a, b, looks=3)
    assert not b.accounts.get("ann").active


def test_two_changes_that_crossed_come_out_equal(two: tuple[Replica, Replica]) -> None:
    a, b = two
    pass_time(a, b)
    cut_off(a, b)
    a.accounts.update("ann", role="admin")
    a.clock.advance(0.001)
    b.accounts.update("ann", metadata={"name": "Ann"})
    first, second = a.stored("ann"), b.stored("ann")
    MemoryStore.hset(a.node, HKEY, "ann", second)  # each has the other's, for good
    MemoryStore.hset(b.node, HKEY, "ann", first)
    connect(a, b)
    pass_time(a, b, looks=5)
    assert a.stored("ann").rstrip() == b.stored("ann").rstrip() == second


def test_a_change_is_the_later_one_however_far_ahead_the_clock_of_another_is(
    two: tuple[Replica, Replica]
) -> None:
    a, b = two
    pass_time(a, b)
    b.clock = HandClock(a.clock.now() + timedelta(days=30))
    b.restart()
    b.accounts.update("ann", role="admin")
    a.accounts.update("ann", role="user")
    pass_time(a, b, looks=3)
    assert a.role("ann") == b.role("ann") == "user"


def test_a_change_is_repeated_ever_less_often_and_for_a_week(
    two: tuple[Replica, Replica]
) -> None:
    a, b = two
    a.node.written.clear()
    pass_time(a, looks=180)  # an hour
    assert 5 <= len(a.node.written) <= 9
    seen = a.stored("ann")
    assert json.loads(seen) == json.loads(b.stored("ann"))
    a.clock.advance(REPEATED.total_seconds())
    a.node.written.clear()
    pass_time(a, looks=180)
    assert a.node.written == []


def test_a_peer_that_is_back_is_told_at_once(two: tuple[Replica, Replica]) -> None:
    a, b = two
    b.beat()
    pass_time(a, looks=1_000)
    cut_off(a, b)
    a.accounts.deactivate("ann")
    pass_time(a, looks=1_000)
    assert SILENT < 1_000 * LOOK_EVERY
    connect(a, b)
    b.beat()
    pass_time(a)
    assert not b.accounts.get("ann").active


def test_few_are_written_at_one_look(two: tuple[Replica, Replica]) -> None:
    a, _ = two
    for number in range(3 * PER_LOOK - 1):  # and ann
        a.accounts.create(f"user{number}", "x")
    pass_time(a)
    a.node.written.clear()
    pass_time(a)
    assert len(a.node.written) == PER_LOOK
    pass_time(a, looks=2)
    assert len(set(a.node.written)) == 3 * PER_LOOK


@pytest.mark.parametrize("value", [None, "not json", '{"type":"other"}'])
def test_what_was_taken_away_or_is_no_account_of_ours_stays_as_it_is(
    two: tuple[Replica, Replica], value: str | None
) -> None:
    a, b = two
    pass_time(a, b)
    a.node.hset(HKEY, "ann", value)
    pass_time(a, b, looks=5)
    assert a.node.hget(HKEY, "ann") == value


def test_a_change_made_between_the_look_and_the_write_stands(
    two: tuple[Replica, Replica]
) -> None:
    a, _ = two
    pass_time(a)
    read = a.node.hgetall

    def and_then(hkey: str) -> dict[str, str]:
        found = read(hkey)
        if hkey == HKEY:
            a.accounts.deactivate("ann")
        return found

    a.node.hgetall = and_then  # somebody is quick
    a.clock.advance(LOOK_EVERY)
    a.copies.look()
    assert not a.accounts.get("ann").active


def test_a_write_that_nobody_confirms_is_made_again(two: tuple[Replica, Replica]) -> None:
    a, b = two
    pass_time(a)
    a.node.unconfirmed = True
    pass_time(a)
    a.node.unconfirmed = False
    a.node.written.clear()
    pass_time(a, b, looks=3)
    assert a.node.written == ["ann"]


async def test_a_store_that_fails_ends_nothing(two: tuple[Replica, Replica]) -> None:
    a, b = two
    pass_time(a, b)
    newest = a.stored("ann")
    a.accounts.deactivate("ann")
    MemoryStore.hset(a.node, HKEY, "ann", newest)
    a.node.fail_next(5, StoreError("It is away."))
    stop = asyncio.Event()
    task = asyncio.create_task(a.copies.run(stop))
    while len(a.naps) < 10:
        await asyncio.sleep(0)
    stop.set()
    await task
    assert not a.accounts.get("ann").active


@given(versions=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=2, max_size=4,
                         unique=True))
def test_in_whatever_order_versions_arrive_the_same_one_is_left(versions: list[Any]) -> None:
    clock, ends = HandClock(), set()
    start = clock.now()
    texts = []
    for seconds, number in versions:
        texts.append(json.dumps({
            "type": "simple", "password": None, "role": "user", "metadata": {"n": number},
            "createdAt": to_iso(start), "updatedAt": to_iso(start + timedelta(seconds=seconds))}))
    for order in permutations(texts):
        replica = Replica(clock, "a")
        for text in order:
            replica.node.hset(HKEY, "ann", text)
            replica.copies.look()
        replica.clock.advance(LOOK_EVERY)
        replica.copies.look()
        ends.add(replica.stored("ann").rstrip())
    assert len(ends) == 1
    assert json.loads(ends.pop())["updatedAt"] == max(json.loads(t)["updatedAt"] for t in texts)


def test_what_is_known_is_on_this_replicas_own_disk(two: tuple[Replica, Replica]) -> None:
    a, b = two
    assert set(a.desk.notes(keys.DESK_ACCOUNTS)) == {"ann"}
    assert b.desk.notes(keys.DESK_ACCOUNTS) == {}
    b.copies.look()
    assert set(b.desk.notes(keys.DESK_ACCOUNTS)) == {"ann"}
