"""People of an htpasswd file: from the dry run to their first sign-in and after."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import bcrypt
import pytest

from datagen.adapters.crypto import Argon2Hasher, _Argon2
from datagen.domain import htpasswd
from datagen.domain.errors import Conflict, InputError, SignInFailed
from datagen.domain.users import User
from datagen.protocol.seal import Seal
from datagen.services.accounts import Accounts
from datagen.services.imports import import_accounts
from datagen.services.waiting import KEY
from tests.services.test_accounts import HKEY, Bench


def hashed(password: bytes, kind: str = "2y") -> str:
    made = bcrypt.hashpw(password[:72], bcrypt.gensalt(4)).decode()
    return made.replace("$2b$", f"${kind}$", 1)


class CheapHasher(Argon2Hasher):
    """Real bcrypt, and argon2id noted instead of computed."""

    def __init__(self) -> None:
        super().__init__("pepper")
        self.work: list[Any] = []

    def _derive(self, scheme: Any, password: bytes, salt: bytes) -> bytes:
        self.work.append(scheme)
        return base64.b64encode(password + salt).ljust(scheme.length, b"=")[-scheme.length:]

    def verify_bcrypt(self, password: str, stored: str | None, *, level: int) -> bool:
        self.work.append(level)
        return super().verify_bcrypt(password, stored, level=level)


class ImportBench(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.hasher: Any = CheapHasher()
        self.accounts = self.restarted()

    def load(self, text: str, *, apply: bool = True) -> Any:
        return import_accounts(self.accounts, text.encode(), apply=apply)

    def work_of(self, name: str, password: str) -> list[Any]:
        """What a failed sign-in computed."""
        self.hasher.work.clear()
        with pytest.raises(SignInFailed):
            self.accounts.sign_in(name, password)
        return list(self.hasher.work)


@pytest.fixture
def bench() -> ImportBench:
    return ImportBench()


def test_a_dry_run_says_everything_and_changes_nothing(bench: ImportBench) -> None:
    bench.accounts.create("cid", "pw of cid")
    before = bench.store.hgetall(HKEY)
    report = bench.load(f"ann:{hashed(b'x')}\nbob:plain\ncid:{hashed(b'y')}", apply=False)

    assert [e.name for e in report.new] == ["ann"]
    assert [e.name for e in report.existing] == ["cid"]
    assert [(r.line, r.name) for r in report.refused] == [(2, "bob")]
    assert bench.store.hgetall(HKEY) == before


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
def test_an_imported_person_signs_in_with_the_old_password_and_is_upgraded(
    bench: ImportBench, kind: str
) -> None:
    bench.load(f"ann:{hashed(b'her old one', kind)}")
    waiting = bench.stored("ann")
    assert waiting["password"] is None
    assert waiting["metadata"][KEY]["hash"].startswith(f"${kind}$")
    assert bench.accounts.get("ann").imported
    assert bench.accounts.get("ann").active
    assert "$2" not in repr(bench.accounts.get("ann"))

    token, session = bench.accounts.sign_in("ann", "her old one")

    assert session.user == User(name="ann", role="user")
    assert bench.accounts.verify(token) == session
    upgraded = bench.stored("ann")
    assert upgraded["password"]["algo"] == "argon2id"
    assert upgraded["metadata"] == {}
    assert list(upgraded) == list(waiting)
    assert upgraded["updatedAt"] > waiting["updatedAt"]
    assert not bench.accounts.get("ann").imported
    assert bench.accounts.sign_in("ann", "her old one")


def test_existing_accounts_are_never_overwritten_not_even_unreadable_ones(
    bench: ImportBench,
) -> None:
    bench.accounts.create("ann", "mine")
    bench.store.hset(HKEY, "bob", "{torn")
    before = bench.store.hgetall(HKEY)

    report = bench.load(f"ann:{hashed(b'x')}\nbob:{hashed(b'x')}")

    assert [e.name for e in report.existing] == ["ann", "bob"]
    assert bench.store.hgetall(HKEY) == before
    with pytest.raises(Conflict):
        bench.accounts.take_over("ann", hashed(b"x"))
    again = bench.load(f"new:{hashed(b'x')}")
    assert [e.name for e in bench.load(f"new:{hashed(b'x')}").existing] == ["new"]
    assert [e.name for e in again.new] == ["new"]


def test_admin_is_never_made_by_an_import(bench: ImportBench) -> None:
    report = bench.load(f"admin:{hashed(b'x')}")
    assert [r.name for r in report.refused] == ["admin"]
    assert bench.store.hget(HKEY, "admin") is None


def test_unknown_wrong_deactivated_and_imported_take_the_same_work(bench: ImportBench) -> None:
    bench.accounts.create("old", "password")
    bench.accounts.create("off", "password")
    bench.accounts.deactivate("off")
    assert bench.work_of("nobody", "x") == [_Argon2()], "nobody waits: no more than before"

    bench.load(f"ann:{hashed(b'her old one')}")

    for name in ("nobody", "old", "off", "ann", "x"):
        assert bench.work_of(name, "wrong") == [4, _Argon2()], name
    bench.accounts.sign_in("ann", "her old one")
    assert bench.hasher.work == [4, _Argon2(), 4, _Argon2()]
    bench.clock.advance(60)
    assert bench.work_of("nobody", "x") == [_Argon2()], "the last one has signed in"


def test_the_work_of_bcrypt_is_the_same_whatever_hash_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spent: list[int] = []

    def count(typed: bytes, salt: bytes) -> bytes:
        spent.append(2 ** int(salt[4:6]))
        return b""

    monkeypatch.setattr(bcrypt, "hashpw", count)
    monkeypatch.setattr(bcrypt, "checkpw", lambda typed, stored: bool(count(typed, stored)))
    hasher, stored = Argon2Hasher("p"), hashed_with(6)
    for given in (None, hashed_with(4), stored, hashed_with(10), "damaged", hashed_with(31)):
        spent.clear()
        assert not hasher.verify_bcrypt("x", given, level=10)
        assert sum(spent) == 2**10, given
    spent.clear()
    assert not hasher.verify_bcrypt("x", None, level=0)
    assert not spent


def hashed_with(cost: int) -> str:
    return f"$2y${cost:02d}${'a' * 21}.{'a' * 31}"


def test_hostile_costs_are_never_computed(bench: ImportBench) -> None:
    with pytest.raises(InputError):
        bench.accounts.take_over("ann", hashed_with(htpasswd.MAX_COST + 1))
    bench.load(f"ann:{hashed(b'x')}")
    record = bench.stored("ann")
    record["metadata"][KEY]["hash"] = hashed_with(31)
    bench.store.hset(HKEY, "ann", json.dumps(record))
    bench.clock.advance(60)

    assert not bench.accounts.get("ann").active
    assert bench.work_of("ann", "x") == [_Argon2()]


@pytest.mark.parametrize(("old", "typed", "fits"), [
    ("x" * 72, "x" * 72, True), ("x" * 80, "x" * 80, True), ("x" * 71, "x" * 72, False),
    ("é" * 36, "é" * 40, True), ("pässword", "pässword", True), ("ab", "ab\0c", False),
    ("a", "a\0a", False), ("ab", "a", False), ("ab", "\ud83d", False), ("ab", "ab" * 600, False),
])
def test_bcrypt_looks_at_72_bytes_as_the_old_server_did(
    bench: ImportBench, old: str, typed: str, fits: bool
) -> None:
    bench.load(f"ann:{hashed(old.encode())}")
    if fits:
        assert bench.accounts.sign_in("ann", typed)
        assert bench.accounts.sign_in("ann", typed)
    else:
        with pytest.raises(SignInFailed):
            bench.accounts.sign_in("ann", typed)


@pytest.mark.parametrize("change", ["reset", "deactivated", "elsewhere", "password elsewhere"])
def test_the_waiting_hash_is_gone_once_the_account_changes(
    bench: ImportBench, change: str
) -> None:
    bench.load(f"ann:{hashed(b'her old one')}")
    match change:
        case "reset":
            bench.accounts.reset("ann")
        case "deactivated":
            bench.accounts.deactivate("ann")
        case "elsewhere":  # another program deactivates it: null already, a new time
            bench.rewrite("ann", updatedAt="2027-01-01T00:00:00.000Z")
        case _:  # another program set a password, and later took it away
            bench.rewrite("ann", password=None, updatedAt="2027-01-02T00:00:00.000Z")

    with pytest.raises(SignInFailed):
        bench.accounts.sign_in("ann", "her old one")
    assert not bench.accounts.get("ann").imported
    assert bench.accounts.get("ann").active is (change == "reset")


def test_a_deactivated_account_stays_deactivated(bench: ImportBench) -> None:
    bench.accounts.create("ann", "her password")
    bench.accounts.deactivate("ann")
    bench.load(f"ann:{hashed(b'her password')}")

    with pytest.raises(SignInFailed):
        bench.accounts.sign_in("ann", "her password")


def test_role_and_metadata_can_change_while_the_hash_waits(bench: ImportBench) -> None:
    bench.load(f"ann:{hashed(b'her old one')}")
    bench.clock.advance(5)
    bench.accounts.update("ann", role="admin", metadata={"name": "Ann"})

    assert bench.accounts.get("ann").metadata == {"name": "Ann"}
    assert bench.accounts.sign_in("ann", "her old one")[1].user.role == "admin"
    assert bench.stored("ann")["metadata"] == {"name": "Ann"}


def test_two_first_sign_ins_at_once_both_hold(bench: ImportBench) -> None:
    bench.load(f"ann:{hashed(b'her old one')}")
    with ThreadPoolExecutor(4) as pool:
        tokens = [token for token, _ in pool.map(
            lambda _: bench.accounts.sign_in("ann", "her old one"), range(4))]
    bench.clock.advance(timedelta(seconds=10).total_seconds())
    assert all(bench.accounts.verify(token).user.name == "ann" for token in tokens)


class NodeBench(ImportBench):
    """On a node, whose neighbours write the store too."""

    def restarted(self) -> Accounts:
        return Accounts(store=self.store, desk=self.store, clock=self.clock, hasher=self.hasher,
                        signer=self.signer, hkey=HKEY, seal=Seal("of all replicas"))


def test_on_a_node_an_imported_person_signs_in_at_any_replica() -> None:
    bench = NodeBench()
    bench.load(f"ann:{hashed(b'her old one')}")
    bench.clock.advance(5)
    bench.accounts.update("ann", metadata={"name": "Ann"})
    assert bench.restarted().sign_in("ann", "her old one")[1].user.role == "user"


@pytest.mark.parametrize("forged", ["a hash of their own", "another role", "of somebody else"])
def test_a_neighbours_bcrypt_hash_opens_no_account(forged: str) -> None:
    bench, theirs = NodeBench(), hashed(b"neighbour")
    bench.load(f"ann:{hashed(b'her old one')}\nbob:{hashed(b'neighbour')}")
    record, at = bench.stored("ann"), "2026-12-01T12:00:00.000Z"
    match forged:
        case "a hash of their own":
            record["metadata"] = {KEY: {"algo": "bcrypt", "hash": theirs, "at": at}}
        case "another role":
            record["role"] = "admin"
        case _:
            record["metadata"] = bench.stored("bob")["metadata"]
    bench.store.hset(HKEY, "ann", json.dumps(record))

    for password in ("neighbour", "her old one"):
        with pytest.raises(SignInFailed):
            bench.restarted().sign_in("ann", password)
    assert not bench.accounts.get("ann").active


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", b"x" * (4 * 1024 * 1024 + 1)])
def test_what_is_no_text_is_no_password_file(bench: ImportBench, content: bytes) -> None:
    with pytest.raises(InputError):
        import_accounts(bench.accounts, content, apply=True)
