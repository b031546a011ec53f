"""Personal tokens over memory stores, on one replica and on two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import Conflict, InputError, NotThere, SessionEnded, StoreError
from datagen.domain.users import Account, User
from datagen.protocol import keys
from datagen.protocol.audit import AuditBook
from datagen.protocol.board import Board
from datagen.protocol.handed import Handed
from datagen.protocol.said import Said
from datagen.protocol.seal import Seal
from datagen.protocol.tokens import TokenBook
from datagen.services.audit import Audit
from datagen.services.patience import Patience
from datagen.services.tokens import FRESH, PersonalTokens

ADA, BEN = User(name="ada", role="admin"), User(name="ben", role="user")


class Replica:
    """One of several over one store."""

    def __init__(self, store: MemoryStore, clock: HandClock, peer_id: str) -> None:
        self.store, self.clock, self.desk, self.peer_id = store, clock, MemoryStore(), peer_id
        self.account: Account | None = Account(
            name="ada", role="admin", active=True, created_at=clock.now(), updated_at=clock.now())
        self.restart()

    def restart(self) -> None:
        """Another process on the same disk."""
        store, clock, peer_id = self.store, self.clock, self.peer_id
        patience = Patience(None, clock=clock)
        board = Board(store, seal=Seal("pepper"), said=Said(desk=self.desk, clock=clock))
        self.handed = Handed(board=board, desk=self.desk)
        self.tokens = PersonalTokens(
            book=TokenBook(board=board, handed=self.handed, peer_id=peer_id),
            account=lambda name: self.account, clock=clock, patience=patience,
            audit=Audit(book=AuditBook(board=board, desk=self.desk, peer_id=peer_id),
                        peers=(), clock=clock, patience=patience))

    def opens(self, text: str) -> bool:
        try:
            return self.tokens.verify(text).user.name == "ada"
        except SessionEnded:
            return False


class World:
    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), HandClock()
        self.here = Replica(self.store, self.clock, "here")
        self.there = Replica(self.store, self.clock, "there")


@pytest.fixture
def world() -> World:
    return World()


def test_a_token_lets_its_owner_in_never_as_admin(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "run", 30)
    session = world.here.tokens.verify(made.text)
    assert (session.user.name, session.user.role, session.scope) == ("ada", "user", "run")
    assert session.expires_at - session.issued_at == timedelta(days=30)


def test_its_secret_is_kept_by_nobody(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read")
    secret = made.text.split("_", 2)[2].split("~")[0]
    lying = [*world.here.desk._notes.values()]
    world.here.handed.tell()
    lying += world.store._hashes.values()
    assert secret not in str(lying)
    assert secret not in repr(made)


def test_it_works_on_another_replica_once_that_was_told_and_so_does_its_end(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read")
    assert not world.there.opens(made.text)
    world.here.handed.tell()
    world.clock.advance(FRESH)
    assert world.there.opens(made.text)
    world.there.tokens.revoke(ADA, made.token.id)
    assert not world.there.opens(made.text)
    world.there.handed.tell()
    world.clock.advance(FRESH)
    assert not world.here.opens(made.text)
    world.here.tokens.create(ADA, "another", "read")  # what is known here says it, too
    world.here.handed.tell()
    world.clock.advance(FRESH)
    assert not world.there.opens(made.text)


@pytest.mark.parametrize("change", [
    lambda text: text[:-1], lambda text: text.replace("~ada", "~ben"),
    lambda text: text[:20] + ("A" if text[20] != "A" else "B") + text[21:],
    lambda text: text.upper(), lambda text: "", lambda text: "dgp_",
    lambda text: f"{text}\n", lambda text: text * 1000,
    lambda text: text.replace("~ada", "~" + "a" * 65),
])
def test_what_was_changed_opens_nothing(world: World, change: Any) -> None:
    assert not world.here.opens(change(world.here.tokens.create(ADA, "n", "run").text))


def test_it_ends_at_its_time(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read", 1)
    world.clock.advance(86_399)
    assert world.here.opens(made.text)
    world.clock.advance(1)
    assert not world.here.opens(made.text)
    assert world.here.tokens.list(ADA) == ()


def test_it_ends_with_its_account_and_with_a_reset(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read")
    account = world.here.account
    assert account is not None
    for changed in (None, Account(**{**account.__dict__, "active": False}),
                    Account(**{**account.__dict__, "tokens_ended_at": world.clock.now()})):
        world.here.account = changed
        assert not world.here.opens(made.text)
    world.here.account = account
    assert world.here.opens(made.text)


def test_only_its_owner_sees_and_revokes_it(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read")
    assert world.here.tokens.list(BEN) == ()
    with pytest.raises(NotThere):
        world.here.tokens.revoke(BEN, made.token.id)
    world.here.tokens.revoke(ADA, made.token.id)
    with pytest.raises(NotThere):
        world.here.tokens.revoke(ADA, made.token.id)


def test_its_last_use_is_written_down_now_and_then(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read")
    for _ in range(100):
        world.clock.advance(10)
        assert world.here.opens(made.text)
    used = world.here.tokens.list(ADA)[0].used_at
    assert used is not None
    assert world.clock.now() - used < timedelta(minutes=10)
    assert len(world.here.desk.notes(keys.DESK_HANDED)) == 3  # made, used, used again


@pytest.mark.parametrize(("asked", "path"), [
    (("", "read", 30), "name"), (("x" * 61, "read", 30), "name"), ((5, "read", 30), "name"),
    (("a\nb", "read", 30), "name"), (("a", "write", 30), "scope"), (("a", None, 30), "scope"),
    (("a", ["read"], 30), "scope"), (("a", "read", 0), "days"), (("a", "read", 366), "days"),
    (("a", "read", True), "days"), (("a", "read", "30"), "days"),
])
def test_what_does_not_fit_is_named(world: World, asked: tuple[Any, Any, Any], path: str) -> None:
    with pytest.raises(InputError) as caught:
        world.here.tokens.create(ADA, *asked)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_there_is_a_bound_to_how_many_one_person_has(world: World) -> None:
    for number in range(20):
        world.here.tokens.create(ADA, f"token {number}", "read")
    with pytest.raises(Conflict):
        world.here.tokens.create(ADA, "one more", "read")
    world.here.tokens.create(BEN, "another's", "read")
    world.here.tokens.revoke(ADA, world.here.tokens.list(ADA)[0].id)
    world.here.tokens.create(ADA, "one more", "read")


def test_what_a_neighbour_writes_lets_nobody_in(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read")
    forged = next(iter(world.here.handed.pending(keys.user_tokens("ada")).values()))
    world.store.hset(keys.user_tokens("ada"), "neighbour", forged)
    assert not world.there.opens(made.text)


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("is_taken_away", [False, True])
def test_a_token_that_was_revoked_stays_so_whatever_a_neighbour_puts_back(
    world: World, *, is_restarted: bool, is_taken_away: bool
) -> None:
    hkey, here = keys.user_tokens("ada"), world.here
    made = here.tokens.create(ADA, "nightly", "read")
    here.handed.tell()
    before = world.store.hgetall(hkey)["here"]
    here.tokens.revoke(ADA, made.token.id)
    here.handed.tell()
    world.clock.advance(FRESH)
    assert not here.opens(made.text)
    if is_taken_away:
        world.store.hset(hkey, "here", None)
        here.tokens.create(ADA, "another", "read")  # which writes down what is known
        here.handed.tell()
    world.store.hset(hkey, "here", before)
    if is_restarted:
        here.restart()
    world.clock.advance(FRESH)
    assert not here.opens(made.text)


def test_a_store_that_fails_leaves_those_in_that_were_known(world: World) -> None:
    made = world.here.tokens.create(ADA, "nightly", "read")
    assert world.here.opens(made.text)
    world.store.fail_next(10)
    world.clock.advance(FRESH)
    assert world.here.opens(made.text)
    with pytest.raises(StoreError):
        world.there.opens(made.text)
