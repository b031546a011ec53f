"""Who looks at a page waits a moment at most, whatever a shared store does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import StoreError
from datagen.services.accounts import Accounts
from datagen.services.jobs import Jobs
from datagen.services.patience import AGAIN_AFTER, AT_ONCE, Patience
from datagen.services.sessions import CALM, FRESH, KEPT
from tests.api.conftest import PlainHasher
from tests.services.job_world import ANN, World

MOMENT = 0.05  # seconds; what a test's caller waits for a store that hangs
LONG = 10.0  # seconds; how long a caller would wait for one that answers


class Hanging(MemoryStore):
    """Reads hang until ``go`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.asked = 0

    def hget(self, hkey: str, field: str) -> str | None:
        self.asked += 1
        assert self.go.wait(LONG)
        return super().hget(hkey, field)

    def hgetall(self, hkey: str) -> dict[str, str]:
        self.asked += 1
        assert self.go.wait(LONG)
        return super().hgetall(hkey)


def _settled(patience: Patience, name: str) -> None:
    """Wait for the background read of ``name``, if one goes on."""
    reading = patience._reads.get(name)
    assert reading is None or reading.done.wait(LONG)


def test_on_this_machine_the_caller_reads() -> None:
    patience = Patience(None, clock=HandClock())
    assert patience.ask("x", threading.current_thread) is threading.current_thread()


def test_what_comes_in_time_is_answered_and_what_fails_is_raised() -> None:
    patience = Patience(LONG, clock=HandClock())
    assert patience.ask("x", lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        patience.ask("x", lambda: 1 // 0)


def test_a_slow_read_goes_on_once_however_many_ask() -> None:
    patience, go, reads = Patience(MOMENT, clock=HandClock()), threading.Event(), []

    def read() -> int:
        reads.append(1)
        assert go.wait(LONG)
        return 7

    for _ in range(3):
        with pytest.raises(StoreError, match="not answered yet"):
            patience.ask("x", read)
    go.set()
    _settled(patience, "x")
    assert len(reads) == 1
    assert patience.ask("other", lambda: 1) == 1


def test_after_a_failure_the_store_is_left_alone_for_a_while() -> None:
    clock = HandClock()
    patience, reads = Patience(LONG, clock=clock), []

    def read() -> None:
        reads.append(1)
        raise StoreError("It is away.")

    for _ in range(3):
        with pytest.raises(StoreError, match=r"It is away\."):
            patience.ask("x", read)
    assert len(reads) == 1
    clock.advance(AGAIN_AFTER)
    assert patience.ask("x", lambda: "back") == "back"


def test_reads_made_together_are_waited_for_once() -> None:
    patience, met = Patience(LONG, clock=HandClock()), threading.Barrier(3, timeout=LONG)
    patience.together([met.wait] * 3)  # each waits for the others
    assert not met.broken


def test_on_this_machine_reads_made_together_come_one_after_another() -> None:
    seen: list[tuple[int, threading.Thread]] = []
    Patience(None, clock=HandClock()).together(
        [lambda number=number: seen.append((number, threading.current_thread()))
         for number in range(3)])
    assert seen == [(number, threading.current_thread()) for number in range(3)]


def test_a_failure_among_reads_made_together_is_told_and_ends_the_row() -> None:
    patience, asked = Patience(LONG, clock=HandClock()), []

    def fail() -> None:
        asked.append(1)
        raise StoreError("It is away.")

    with pytest.raises(StoreError, match=r"It is away\."):
        patience.together([fail] * 100)
    assert len(asked) <= AT_ONCE


def _jobs(world: World, store: Hanging) -> Jobs:
    world.store = store  # it hangs where the world's own counts
    world.board._store = store
    return Jobs(
        board=world.board, desk=store, files=world.files, drafts=world.drafts,
        clock=world.clock, peers=world.peers, peer_id="local", max_records=100,
        active_poll=1.0, idle_poll=10.0, patience=Patience(MOMENT, clock=world.clock),
    )


def test_a_job_confirmed_while_the_store_hangs_is_there_at_once(tmp_path: Path) -> None:
    world, store = World(tmp_path), Hanging()
    jobs = _jobs(world, store)
    assert jobs.list(ANN) == ()

    store.go.clear()
    new_id = jobs.confirm(ANN, world.token())

    assert [view.job.id for view in jobs.list(ANN)] == [new_id]
    assert jobs.confirm(ANN, world.token()) == new_id
    store.go.set()
    _settled(jobs._snapshots._patience, "jobs")


def test_a_read_that_lasts_makes_the_picture_old_until_it_ends(tmp_path: Path) -> None:
    world, store = World(tmp_path), Hanging()
    jobs = _jobs(world, store)
    jobs.snapshot()
    world.clock.advance(60)
    store.go.clear()
    begun = world.clock.now()
    assert jobs.snapshot().stale_since is None

    world.clock.advance(30)
    assert jobs.snapshot().stale_since == begun

    store.go.set()
    _settled(jobs._snapshots._patience, "jobs")
    assert jobs.snapshot().stale_since is None


def test_who_is_signed_in_stays_so_for_ten_minutes_without_the_store() -> None:
    clock, store = HandClock(), MemoryStore()
    accounts = Accounts(store=store, desk=MemoryStore(), clock=clock, hasher=PlainHasher(),
                        signer=JwtSigner("s" * 32, clock), hkey="auth",
                        patience=Patience(LONG, clock=clock))
    accounts.create("ann", "her password")
    token, session = accounts.sign_in("ann", "her password")
    store.fail_next(1_000_000)

    clock.advance(KEPT - 1)
    assert accounts.verify(token).user.name == "ann"
    with pytest.raises(StoreError):  # 503, never "wrong password"
        accounts.sign_in("ann", "her password")

    clock.advance(2)
    with pytest.raises(StoreError):
        accounts.verify(token)

    store.fail_next(0)
    clock.advance(AGAIN_AFTER)
    assert accounts.verify(token) == session


def test_an_account_read_lately_is_read_again_without_anybody_waiting() -> None:
    clock, store = HandClock(), Hanging()
    patience = Patience(LONG, clock=clock)
    accounts = Accounts(store=store, desk=MemoryStore(), clock=clock, hasher=PlainHasher(),
                        signer=JwtSigner("s" * 32, clock), hkey="auth", patience=patience)
    accounts.create("ann", "her password")
    token, _ = accounts.sign_in("ann", "her password")
    store.go.clear()
    asked = store.asked

    clock.advance((FRESH + CALM) / 2)
    assert accounts.verify(token).user.name == "ann"

    store.go.set()
    reading = patience._reads.get(("account", "ann"))
    assert reading is None or reading.done.wait(LONG)
    assert store.asked == asked + 1
