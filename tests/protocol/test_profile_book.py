"""Model profiles on several replicas: saved on one, usable on all, keys readable on none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.adapters.vault import AesVault
from datagen.domain.errors import StoreError
from datagen.domain.profiles import LONG_AGO, Profile, Profiles, with_one, without
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.profiles import ProfileBook
from datagen.protocol.said import Said
from datagen.protocol.seal import Seal
from tests import golden

GOLDEN = golden.vector("user_settings_users_index_session")["settings_raw"]
KEY = "sk-MARKED-secret"
ONE = Profile(id="a", name="A", base_url="https://a.example/v1", api_key=KEY, model="m",
              created_at=LONG_AGO + timedelta(days=1), updated_at=LONG_AGO + timedelta(days=1))
PLACE = keys.user_profiles("ann")


class Replica:
    """One replica's web process and worker on a shared store."""

    def __init__(self, shared: MemoryStore, peer_id: str, secret: str = "s" * 32) -> None:
        self.shared, self.desk = shared, MemoryStore()
        self.board = Board(shared, seal=Seal("pepper"),
                           said=Said(desk=self.desk, clock=HandClock()))
        numbers = count()
        self.book = ProfileBook(
            board=self.board, desk=self.desk, peer_id=peer_id, new_id=lambda: str(next(numbers)),
            vault=AesVault(secret, purpose="tests"))

    def key(self) -> str | None:
        return self.book.opened("ann").all[0].api_key


@pytest.fixture
def shared() -> MemoryStore:
    return MemoryStore()


def everything(*stores: MemoryStore) -> str:
    return repr([vars(store) for store in stores])


def test_what_is_saved_counts_here_at_once_and_elsewhere_once_it_is_told(
    shared: MemoryStore
) -> None:
    one, two = Replica(shared, "p1"), Replica(shared, "p2")
    one.book.put("ann", Profiles(all=(ONE,), active_id="a", active_at=ONE.updated_at))
    assert one.key() == KEY
    assert two.book.of("ann") == Profiles()
    one.book.tell()
    assert one.desk.notes(keys.DESK_PROFILES) == {}
    assert two.key() == one.key() == KEY
    assert two.book.of("ann").active_id == "a"
    assert two.book.of("bob") == Profiles()


def test_no_store_desk_or_repr_holds_a_key(shared: MemoryStore) -> None:
    one = Replica(shared, "p1")
    one.book.put("ann", Profiles(all=(ONE,)))
    assert KEY not in everything(shared, one.desk)
    one.book.tell()
    assert KEY not in everything(shared, one.desk)
    assert KEY not in repr(one.book.of("ann")) + repr(one.book.opened("ann"))
    assert shared.get(keys.user_settings("ann")) is not None


def test_a_key_beside_another_address_does_not_open(shared: MemoryStore) -> None:
    one = Replica(shared, "p1")
    one.book.put("ann", Profiles(all=(ONE,)))
    (kept,) = one.book.of("ann").all
    for moved in (replace(kept, base_url="https://evil.example/v1"),
                  replace(kept, base_url="http://a.example/v1"), replace(kept, id="b")):
        two = Replica(MemoryStore(), "p1")
        two.book.put("ann", Profiles(all=(moved,)))
        (found,) = two.book.opened("ann").all
        assert (found.api_key, found.is_locked) == (None, True)
    same = Replica(MemoryStore(), "p1")
    same.book.put("bob", Profiles(all=(kept,)))  # another user's
    assert same.book.opened("bob").all[0].is_locked


def test_a_field_that_is_not_sealed_by_us_is_left_out(shared: MemoryStore) -> None:
    one = Replica(shared, "p1")
    one.book.put("ann", Profiles(all=(ONE,)))
    one.book.tell()
    text = shared.hget(PLACE, "p1")
    assert text is not None
    shared.hset(PLACE, "p1", text.replace("a.example", "b.example"))
    shared.hset(PLACE, "p3", text)  # in the name of another
    shared.set(keys.user_settings("ann"), None)
    assert Replica(shared, "p2").book.of("ann").all == ()


def test_another_session_secret_locks_keys_and_loses_nothing_else(shared: MemoryStore) -> None:
    one, two = Replica(shared, "p1"), Replica(shared, "p2", secret="t" * 32)
    one.book.put("ann", Profiles(all=(ONE,)))
    one.book.tell()
    (found,) = two.book.opened("ann").all
    assert (found.is_locked, found.model, found.base_url) == (True, "m", ONE.base_url)


def test_plain_keys_of_the_earlier_application_work_and_are_sealed_at_the_next_save(
    shared: MemoryStore
) -> None:
    shared.set(keys.user_settings("ann"), GOLDEN)
    one, two = Replica(shared, "p1"), Replica(shared, "p2")
    assert [p.api_key for p in one.book.opened("ann").all] == ["sk-PLAINTEXT-A", "sk-PLAINTEXT-B"]
    one.book.put("ann", with_one(one.book.of("ann"), ONE))
    one.book.tell()
    assert "PLAINTEXT" not in everything(shared, one.desk)
    assert [(p.id, p.api_key) for p in two.book.opened("ann").all] == [
        ("a", KEY), ("90840b5479c2", "sk-PLAINTEXT-A"), ("dbac9432dffe", "sk-PLAINTEXT-B")]
    assert two.book.of("ann").active_id == "dbac9432dffe"


def test_a_deleted_profile_does_not_come_back_from_a_replica_that_missed_it(
    shared: MemoryStore
) -> None:
    one, two = Replica(shared, "p1"), Replica(shared, "p2")
    one.book.put("ann", Profiles(all=(ONE,)))
    one.book.tell()
    two.book.put("ann", two.book.of("ann"))  # knows it
    one.book.put("ann", without(one.book.of("ann"), "a", ONE.updated_at + timedelta(seconds=1)))
    one.book.tell()
    two.book.tell()  # only now
    assert one.book.of("ann").all == two.book.of("ann").all == ()


def test_two_saves_that_did_not_know_of_each_other_are_both_told(shared: MemoryStore) -> None:
    one = Replica(shared, "p1")
    one.book.put("ann", Profiles(all=(ONE,)))
    one.book.put("ann", Profiles(all=(replace(ONE, id="b"),)))
    one.book.tell()
    assert [p.id for p in Replica(shared, "p2").book.of("ann").all] == ["a", "b"]


def test_a_store_that_fails_costs_no_save(shared: MemoryStore) -> None:
    one = Replica(shared, "p1")
    one.book.put("ann", Profiles(all=(ONE,)))
    shared.fail_next(50)
    with pytest.raises(StoreError):
        one.book.tell()
    assert list(one.desk.notes(keys.DESK_PROFILES)) == ["ann:0"]
    shared.fail_next(0)
    one.book.tell()
    assert Replica(shared, "p2").key() == KEY


def test_a_field_that_the_node_lost_is_known_from_the_own_disk(shared: MemoryStore) -> None:
    one = Replica(shared, "p1")
    one.book.put("ann", Profiles(all=(ONE,)))
    one.book.tell()
    shared.hset(PLACE, "p1", None)
    assert one.key() == KEY
    assert one.board.said is not None
    one.board.said.at_once()
    (place,) = one.board.said.due(())
    one.board.say_again(place)
    assert Replica(shared, "p2").key() == KEY


def test_a_note_that_cannot_be_read_stops_nobody(
    shared: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    one = Replica(shared, "p1")
    one.desk.put_once(keys.DESK_PROFILES, "ann:x", "{")
    one.book.put("ann", Profiles(all=(ONE,)))
    one.book.tell()
    assert Replica(shared, "p2").key() == KEY
    assert "can't be read" in caplog.text
