"""The audit log: noted, told to the store with a bound, and shown."""

from __future__ import annotations

import json

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.audit import NOBODY
from datagen.domain.errors import StoreFull
from datagen.domain.users import User
from datagen.protocol import audit as protocol
from datagen.protocol import keys
from datagen.protocol.audit import AuditBook
from datagen.protocol.board import Board
from datagen.protocol.seal import Seal
from datagen.services.audit import SPAN, Audit
from datagen.services.patience import Patience

ADA = User(name="ada", role="admin", address="192.0.2.1")
BEN = User(name="ben", role="user", address="192.0.2.2")
CAT = User(name="cat", role="user", address="192.0.2.3")


class Replica:
    def __init__(self, store: MemoryStore, clock: HandClock, peer_id: str) -> None:
        self.desk, self.clock = MemoryStore(), clock
        self.book = AuditBook(board=Board(store, seal=Seal("pepper")), desk=self.desk,
                              peer_id=peer_id)
        self.audit = Audit(book=self.book, peers=("here", "there"), clock=clock,
                           patience=Patience(None, clock=clock))


class World:
    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), HandClock()
        self.here = Replica(self.store, self.clock, "here")
        self.there = Replica(self.store, self.clock, "there")


@pytest.fixture
def world() -> World:
    return World()


def test_what_somebody_did_is_shown_here_at_once_and_there_once_it_was_told(world: World) -> None:
    world.here.audit.note("role changed", ADA, "ben (admin)")
    event, = world.here.audit.latest()
    assert (event.who, event.what, event.about, event.address, event.peer) == (
        "ada", "role changed", "ben (admin)", "192.0.2.1", "here")
    assert world.there.audit.latest() == []
    world.here.audit.publish()
    assert world.there.audit.latest() == [event]
    assert world.here.audit.latest() == [event]


def test_failed_sign_ins_are_one_note_per_name_and_place(world: World) -> None:
    for _ in range(500):
        world.here.audit.failed("ben", "198.51.100.7")
    event, = world.here.audit.latest()
    assert (event.who, event.times) == ("ben", 500)


def test_what_was_typed_as_a_name_is_not_kept_unless_it_is_one(world: World) -> None:
    world.here.audit.failed(None, "198.51.100.7")
    assert world.here.audit.latest()[0].who == NOBODY


def test_a_flood_of_strangers_leaves_few_notes_and_few_writes(world: World) -> None:
    writes = 0
    for number in range(3_000):
        world.here.audit.failed(None, f"198.51.{number // 250}.{number % 250}")
        world.clock.advance(0.5)
        before = world.store.hgetall(keys.audit("here"))
        world.here.audit.publish()
        writes += world.store.hgetall(keys.audit("here")) != before
    assert len(world.here.desk.notes(keys.DESK_AUDIT)) <= 2 * 51
    assert writes <= 1500 / SPAN + 1


def test_a_count_is_told_once_it_is_complete(world: World) -> None:
    world.here.audit.failed("ben", "198.51.100.7")
    world.here.audit.publish()
    assert world.there.audit.latest() == []
    world.clock.advance(SPAN + 1)
    world.here.audit.publish()
    assert [event.who for event in world.there.audit.latest()] == ["ben"]


def test_the_store_holds_the_last_events_in_a_ring_whatever_restarts(world: World) -> None:
    for number in range(1_200):
        world.here.audit.note("signed in", User(name=f"u{number:04}", role="user"))
        if number % 70 == 0:
            world.here = Replica(world.store, world.clock, "here") if number % 140 == 0 and \
                not world.here.desk.notes(keys.DESK_AUDIT) else world.here
            world.clock.advance(31)
            world.here.audit.publish()
    world.clock.advance(31)
    world.here.audit.publish()
    pages = world.store.hgetall(keys.audit("here"))
    assert len(pages) == protocol.PAGES
    assert all(len(text) < 16 * 1024 for text in pages.values())
    names = sorted(event.who for event in world.there.audit.latest())
    assert 450 <= len(names) <= 500
    assert names[-1] == "u1199"
    assert names == [f"u{n:04}" for n in range(1_200 - len(names), 1_200)]


def test_what_one_does_again_and_again_is_counted(world: World) -> None:
    for number in range(1_000):
        world.here.audit.note("dataset exported", BEN, "job_1")
        if number == 500:
            world.here.audit.publish()  # the first is told at once, the count once it is complete
            assert [event.times for event in world.there.audit.latest()] == [1]
    assert sorted(event.times for event in world.here.audit.latest()) == [1, 999]
    world.clock.advance(SPAN + 31)
    world.here.audit.publish()
    assert sorted(event.times for event in world.there.audit.latest()) == [1, 999]


def test_one_user_pushes_out_neither_what_others_did_nor_what_admins_did(world: World) -> None:
    world.here.audit.note("role changed", ADA, "ben (user)")
    world.here.audit.note("token created", CAT, "mine")
    for number in range(20_000):
        world.here.audit.note("dataset exported", BEN, f"job_{number}")
        world.here.audit.note("token created", BEN, f"{number}")
        if number % 1_000 == 0:
            world.clock.advance(31)
            world.here.audit.publish()
    told = {(event.who, event.what) for event in world.there.audit.latest()}
    assert told >= {("ada", "role changed"), ("cat", "token created"), ("ben", "dataset exported")}
    events = world.here.audit.latest()
    assert len(events) < 150
    assert sum(event.times for event in events if event.who == "ben") == 40_000


def test_whatever_users_do_the_acts_of_admins_stay(world: World) -> None:
    world.here.audit.note("account created", ADA, "ben (user)")
    for number in range(2_000):
        world.here.audit.note("signed in", User(name=f"u{number}", role="user"))
        if number % 100 == 0:
            world.clock.advance(31)
            world.here.audit.publish()
    assert "account created" in {event.what for event in world.there.audit.latest()}


def test_nothing_is_published_twice_after_a_restart(world: World) -> None:
    world.here.audit.note("signed in", ADA)
    world.here.audit.publish()
    again = Replica(world.store, world.clock, "here")
    again.audit.note("signed out", ADA)
    again.audit.publish()
    assert [event.what for event in world.there.audit.latest()] == ["signed in", "signed out"]


def test_a_full_disk_keeps_nobody_out(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.here.desk.fail_next(1, StoreFull("No room is left."))
    world.here.audit.note("signed in", ADA)
    assert "lacks an entry" in caplog.text


def test_without_a_worker_the_desk_stays_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MAX_NOTES", 10)
    for number in range(25):
        world.here.audit.note("role changed", ADA, f"u{number}")
    assert len(world.here.audit.latest()) == 10
    assert len(world.here.desk.notes(keys.DESK_AUDIT)) == 10


def test_what_a_neighbour_writes_is_not_shown(world: World) -> None:
    world.store.hset(keys.audit("there"), "0", json.dumps({"number": 0, "events": [
        {"at": "2026-01-01T00:00:00.000Z", "what": "signed in", "who": "eve"}]}))
    assert world.here.audit.latest() == []


@pytest.mark.parametrize("what", [["signed in"], {}, None, 5, "x"])
def test_an_event_of_no_kind_is_refused_whatever_stands_for_it(what: object) -> None:
    with pytest.raises(ValueError, match="not an event"):
        protocol.load_page(json.dumps({"number": 0, "events": [
            {"at": "2026-01-01T00:00:00.000Z", "what": what, "who": "ada"}]}))
