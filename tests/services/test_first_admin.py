"""The bootstrap password makes an admin only where certainly nobody has one."""

from __future__ import annotations

import asyncio
import logging

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import Argon2Hasher, JwtSigner
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.services.accounts import Accounts
from datagen.services.first_admin import FirstAdmin
from tests.api.conftest import PlainHasher
from tests.engine.workbench import hand_pace

HKEY = "auth"


class Network(MemoryStore):
    """A replica's store; ``silent`` peers don't answer, ``elsewhere`` comes with those that do."""

    def __init__(self, *, silent: set[str] | None = None,
                 elsewhere: dict[str, str] | None = None) -> None:
        super().__init__()
        self.silent, self.elsewhere = silent or set(), elsewhere or {}
        self.asked: list[str] = []

    def hsync(self, hkey: str, peer: str) -> bool:
        self.asked.append(peer)
        if peer in self.silent:
            return False
        for field, value in self.elsewhere.items():
            self.hset(hkey, field, value)
        return True


class Bench:
    def __init__(self, store: Network, *, password: str | None = "first password") -> None:
        self.store, self.clock = store, HandClock()
        self.naps: list[float] = []
        self.accounts = Accounts(store=store, desk=MemoryStore(), clock=self.clock,
                                 hasher=PlainHasher(), signer=JwtSigner("s" * 32, self.clock),
                                 hkey=HKEY)
        self.first = FirstAdmin(accounts=self.accounts, store=store, hkey=HKEY,
                                others=("b", "c"), password=password,
                                pace=hand_pace(self.clock, self.naps))

    async def run(self, *, rounds: int = 3) -> None:
        """Until it is done, or for some rounds."""
        stop = asyncio.Event()
        task = asyncio.create_task(self.first.run(stop))
        while not task.done() and len(self.naps) < rounds:
            await asyncio.sleep(0)
        stop.set()
        await task


async def test_an_empty_network_gets_its_admin_after_every_peer_was_asked() -> None:
    bench = Bench(Network())
    await bench.run()
    assert set(bench.store.asked) == {"b", "c"}
    assert bench.accounts.sign_in("admin", "first password")[1].user.role == "admin"


async def test_no_admin_is_made_while_a_listed_peer_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(Network(silent={"c"}))
    with caplog.at_level(logging.WARNING):
        await bench.run()
    assert bench.accounts.taken() == frozenset()
    (line,) = caplog.messages  # once, however often it was tried
    assert "c" in line
    assert "accounts reset admin" in line

    bench.store.silent.clear()
    bench.naps.clear()
    await bench.run()
    assert bench.accounts.taken() == {"admin"}


async def test_an_admin_of_another_replica_is_never_written_over() -> None:
    other = Bench(Network())
    await other.run()
    other.accounts.reset("admin")
    theirs = other.store.hgetall(HKEY)

    bench = Bench(Network(elsewhere=theirs))
    await bench.run()

    assert bench.store.hgetall(HKEY) == theirs


async def test_a_peer_that_answered_is_not_asked_again() -> None:
    stale = Bench(Network())
    stale.accounts.create("ann", "her first password")
    bench = Bench(Network(silent={"c"}, elsewhere=stale.store.hgetall(HKEY)))
    await bench.run(rounds=1)
    bench.accounts.reset("ann")
    changed = bench.store.hgetall(HKEY)

    await bench.run(rounds=12)

    assert bench.store.asked.count("b") == 1
    assert bench.store.hgetall(HKEY) == changed
    assert max(bench.naps) > 300  # to ask a silent one holds up the node


async def test_a_store_that_is_not_ready_is_waited_for() -> None:
    bench = Bench(Network())
    bench.store.fail_next(2, StoreError("Not ready."))
    await bench.run()
    assert bench.accounts.taken() == {"admin"}
    assert len(bench.naps) == 2


async def test_without_a_password_it_says_how_to_make_the_account(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(Network(), password=None)
    with caplog.at_level(logging.WARNING):
        await bench.run()
    assert bench.accounts.taken() == frozenset()
    assert "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD" in caplog.text


def test_an_account_that_no_other_node_confirmed_counts_here() -> None:
    bench = Bench(Network())
    write = bench.store.hset

    def unconfirmed(hkey: str, field: str, value: str | None) -> None:
        write(hkey, field, value)
        raise StoreUnconfirmed("Nobody else has it.")

    bench.store.hset = unconfirmed  # a node whose peers are away
    bench.accounts.create("ann", "her password")
    assert bench.accounts.sign_in("ann", "her password")[1].user.name == "ann"


def test_replicas_that_start_at_once_make_the_same_admin_whose_session_holds_on_all() -> None:
    def replica(pepper: str) -> tuple[MemoryStore, Accounts]:
        store, clock = MemoryStore(), HandClock()
        return store, Accounts(store=store, desk=MemoryStore(), clock=clock, hkey=HKEY,
                               hasher=Argon2Hasher(pepper), signer=JwtSigner("s" * 32, clock))

    (here, one), (there, other), (elsewhere, third) = map(replica, ("pepper", "pepper", "salt"))
    for accounts in (one, other, third):
        accounts.init("first password")
    assert here.hgetall(HKEY) == there.hgetall(HKEY) != elsewhere.hgetall(HKEY)
    token, _ = one.sign_in("admin", "first password")
    assert other.verify(token).user.name == "admin"
