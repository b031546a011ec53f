"""Accounts and sessions over the memory store, with time turned by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import Argon2Hasher, JwtSigner
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import (
    Conflict,
    CutOff,
    InputError,
    NotThere,
    SessionEnded,
    SignInFailed,
    StoreError,
)
from datagen.domain.users import User
from datagen.protocol import keys
from datagen.protocol.fields import to_iso
from datagen.protocol.revoked import Revoked, mark_of
from datagen.services.accounts import Accounts
from datagen.services.contact import CUT_OFF_AFTER, Contact
from datagen.services.sessions import FRESH, SESSION_LIFE

HKEY = "datagen:auth"
VECTORS = Path(__file__).parents[1] / "vectors"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SECRET = "peerbed-session-secret"


class PlainHasher:
    """A hasher that hashes nothing and counts."""

    def __init__(self) -> None:
        self.made = 0
        self.verified: list[bool] = []  # whether there was a record, call by call

    def hash(self, password: str, *, purpose: str | None = None) -> dict[str, Any]:
        self.made += 1
        return {"algo": "plain", "hash": password, "salt": str(self.made), "version": 1,
                "params": {}}

    def verify(self, password: str, record: Mapping[str, Any] | None) -> bool:
        self.verified.append(record is not None)
        return record is not None and record["hash"] == password


class CountingStore(MemoryStore):
    """Counts every read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def _check(self) -> None:
        self.calls += 1
        super()._check()


class Bench:
    """Accounts with everything around them in reach."""

    def __init__(self) -> None:
        self.store = CountingStore()
        self.clock = HandClock(NOW)
        self.hasher = PlainHasher()
        self.signer = JwtSigner(SECRET, self.clock)
        self.accounts = self.restarted()

    def restarted(self) -> Accounts:
        """A new process over the same stores."""
        return Accounts(store=self.store, desk=self.store, clock=self.clock,
                        hasher=self.hasher, signer=self.signer, hkey=HKEY)

    def stored(self, name: str) -> dict[str, Any]:
        text = self.store.hget(HKEY, name)
        assert text is not None
        record: dict[str, Any] = json.loads(text)
        return record

    def rewrite(self, name: str, **changes: object) -> None:
        """As another process would."""
        self.store.hset(HKEY, name, json.dumps({**self.stored(name), **changes}))


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.accounts.create("ann", "her password")
    bench.hasher.made = 0
    return bench


# -- the bootstrap admin


def test_init_makes_admin_once_and_tells_its_password_once(bench: Bench) -> None:
    password = bench.accounts.init(None)

    assert password is not None
    assert len(password.replace("-", "")) * 5 >= 96  # bits: base32 letters
    token, session = bench.accounts.sign_in("admin", password)
    assert session.user == User(name="admin", role="admin")
    assert bench.accounts.init(None) is None
    assert bench.accounts.init("another") is None
    assert bench.accounts.verify(token)


def test_init_takes_the_given_password_and_returns_none(bench: Bench) -> None:
    assert bench.accounts.init("given") is None
    assert bench.accounts.sign_in("admin", "given")


def test_the_bootstrap_admin_is_dated_1970_so_that_any_other_copy_wins(bench: Bench) -> None:
    bench.accounts.init("given")

    assert bench.stored("admin")["createdAt"] == "1970-01-01T00:00:00.000Z"
    assert bench.stored("admin")["updatedAt"] == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("text", ["not json", '{"type":"other"}'])
def test_init_never_rewrites_an_admin_it_cannot_read(bench: Bench, text: str) -> None:
    bench.store.hset(HKEY, "admin", text)

    assert bench.accounts.init("given") is None
    assert bench.store.hget(HKEY, "admin") == text


def test_init_refuses_a_password_nobody_could_sign_in_with(bench: Bench) -> None:
    with pytest.raises(InputError):
        bench.accounts.init("x" * 1025)


# -- records


def test_a_record_is_byte_compatible_with_the_npm_librarys(bench: Bench) -> None:
    example = json.loads(json.loads((VECTORS / "auth_vectors.json").read_text("utf-8"))[1]["raw"])
    bench.accounts.create(" Bob.Admin ", "P@ssw0rd!", role="admin",
                          metadata={"email": "bob@example.com", "name": "Bøb"})

    text = bench.store.hget(HKEY, "bob.admin")
    assert text is not None
    record = json.loads(text)
    assert list(record) == list(example)
    assert text == json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    assert record["createdAt"] == record["updatedAt"] == "2026-12-01T12:00:00.000Z"
    assert (record["type"], record["role"]) == ("simple", "admin")


def test_every_vector_record_reads_as_the_account_it_is() -> None:
    bench = Bench()
    for vector in json.loads((VECTORS / "auth_vectors.json").read_text("utf-8")):
        bench.store.hset(HKEY, vector["username"], vector["raw"])
        account, raw = bench.accounts.get(vector["username"]), json.loads(vector["raw"])

        assert account.active is (raw["password"] is not None)
        assert (account.role, account.metadata) == (raw["role"], raw["metadata"])


def test_a_record_the_npm_library_made_signs_in_whatever_the_names_case() -> None:
    vector = json.loads((VECTORS / "auth_vectors.json").read_text("utf-8"))[1]
    store, clock = MemoryStore(), HandClock(NOW)
    store.hset(HKEY, vector["username"], vector["raw"])
    accounts = Accounts(store=store, desk=store, clock=clock, hkey=HKEY,
                        hasher=Argon2Hasher(vector["pepper"]), signer=JwtSigner(SECRET, clock))

    _, session = accounts.sign_in(f" {vector['username_input'].upper()} ", vector["password"])

    assert session.user == User(name="bob.admin", role="admin")


@pytest.mark.parametrize("name", ["", "ab", "x" * 65, "a b c", "ann@x", "änn", "../ann", "ann\0"])
def test_a_name_outside_the_rule_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(InputError) as caught:
        bench.accounts.create(name, "password")

    assert [problem.path for problem in caught.value.problems] == ["name"]


@pytest.mark.parametrize("password", ["", "x" * 1025, "half a pair \ud83d"])
def test_a_password_outside_the_rule_is_refused(bench: Bench, password: str) -> None:
    with pytest.raises(InputError) as caught:
        bench.accounts.create("bob", password)

    assert [problem.path for problem in caught.value.problems] == ["password"]


def test_a_taken_name_is_a_conflict_even_if_its_record_cannot_be_read(bench: Bench) -> None:
    bench.store.hset(HKEY, "bob", "torn")

    for name in ("ann", "ANN", "bob"):
        with pytest.raises(Conflict):
            bench.accounts.create(name, "password")


def test_accounts_are_listed_by_name_and_unreadable_ones_left_out(bench: Bench) -> None:
    bench.accounts.create("aaron", "password")
    bench.store.hset(HKEY, "torn", "{")
    bench.store.hset(HKEY, "deep", "[" * 100_000)

    assert [account.name for account in bench.accounts.list()] == ["aaron", "ann"]


def test_an_update_keeps_fields_it_does_not_know_and_is_later_than_before(bench: Bench) -> None:
    ahead = (NOW + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    bench.rewrite("ann", updatedAt=ahead, theirs=[1])

    account = bench.accounts.update("ann", role="admin", metadata={"a": 1})

    assert (account.role, account.metadata) == ("admin", {"a": 1})
    assert account.updated_at == NOW + timedelta(hours=1, milliseconds=1)
    assert bench.stored("ann")["theirs"] == [1]
    bench.clock.advance(7200)
    assert bench.accounts.update("ann").updated_at == NOW + timedelta(hours=2)


def test_missing_accounts_are_not_there(bench: Bench) -> None:
    for call in (bench.accounts.get, bench.accounts.reset, bench.accounts.update):
        with pytest.raises(NotThere):
            call("nobody")


# -- signing in


def test_a_wrong_sign_in_costs_one_hash_whatever_is_wrong(bench: Bench) -> None:
    bench.accounts.create("gone", "password")
    bench.rewrite("gone", password=None)
    bench.store.hset(HKEY, "torn", "{")
    attempts = [("ann", "wrong"), ("nobody", "x"), ("gone", "password"), ("torn", "x"),
                ("not a name!", "x"), ("ann", ""), ("ann", "x" * 5000), ("", "")]

    messages = set()
    for name, password in attempts:
        bench.hasher.verified.clear()
        with pytest.raises(SignInFailed) as caught:
            bench.accounts.sign_in(name, password)
        assert len(bench.hasher.verified) == 1, name
        messages.add(str(caught.value))

    assert len(messages) == 1
    assert bench.hasher.made == 1  # of ``create`` alone


def test_passwords_are_neither_trimmed_nor_normalised(bench: Bench) -> None:
    bench.accounts.create("bob", " pass ")

    assert bench.accounts.sign_in("bob", " pass ")
    with pytest.raises(SignInFailed):
        bench.accounts.sign_in("bob", "pass")


def test_a_token_says_what_the_api_promises(bench: Bench) -> None:
    token, session = bench.accounts.sign_in("ANN", "her password")
    claims = bench.signer.read(token)

    assert claims["username"] == "ann"
    assert (claims["role"], claims["typ"]) == ("user", "session")
    assert claims["exp"] - claims["iat"] == 7 * 24 * 3600
    assert session == bench.accounts.verify(token)
    assert session.issued_at == NOW
    assert session.expires_at == NOW + SESSION_LIFE
    assert len(session.id) == 64
    assert "her password" not in json.dumps(claims)


def test_two_sign_ins_at_once_are_two_sessions(bench: Bench) -> None:
    first, _ = bench.accounts.sign_in("ann", "her password")
    second, _ = bench.accounts.sign_in("ann", "her password")
    bench.accounts.sign_out(first)

    assert bench.accounts.verify(second)


# -- the life of a session


def test_a_session_ends_at_its_time(bench: Bench) -> None:
    token, session = bench.accounts.sign_in("ann", "her password")

    bench.clock.advance(SESSION_LIFE.total_seconds() - 1)
    assert bench.accounts.verify(token)
    assert bench.accounts.session_alive(session.id, "ann", session.expires_at)
    bench.clock.advance(1)
    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)
    assert not bench.accounts.session_alive(session.id, "ann", session.expires_at)


def test_signing_out_ends_a_session_at_once_and_after_a_restart(bench: Bench) -> None:
    token, session = bench.accounts.sign_in("ann", "her password")
    assert not bench.accounts.signed_out(token)
    bench.accounts.sign_out(token)

    for accounts in (bench.accounts, bench.restarted()):
        with pytest.raises(SessionEnded):
            accounts.verify(token)
        assert not accounts.session_alive(session.id, "ann", session.expires_at)
        assert accounts.signed_out(token)


def test_signing_out_elsewhere_is_seen_within_seconds(bench: Bench) -> None:
    token, _ = bench.accounts.sign_in("ann", "her password")
    bench.accounts.verify(token)
    bench.restarted().sign_out(token)

    bench.clock.advance(FRESH)
    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)


def test_a_session_that_ended_on_another_replica_ends_here_within_seconds(bench: Bench) -> None:
    token, session = bench.accounts.sign_in("ann", "her password")
    bench.accounts.verify(token)
    # The worker heard of it.
    heard = Revoked(desk=bench.store, clock=bench.clock)
    heard.add(mark_of(session.id), session.expires_at)

    bench.clock.advance(FRESH)
    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)
    assert not bench.accounts.session_alive(session.id, "ann", session.expires_at)


def test_without_contact_no_session_holds_where_that_is_wanted(bench: Bench) -> None:
    contact = Contact(desk=bench.store, clock=bench.clock)
    accounts = Accounts(store=bench.store, desk=bench.store, clock=bench.clock,
                        hasher=bench.hasher, signer=bench.signer, hkey=HKEY, contact=contact)
    token, session = bench.accounts.sign_in("ann", "her password")

    def holds(seconds: float) -> bool:
        """Once the worker's note is so old, as everybody asks who can."""
        bench.store.keep(keys.DESK_HEARD, "beat",
                         to_iso(bench.clock.now() - timedelta(seconds=seconds)))
        bench.clock.advance(FRESH)
        answers = set()
        for ask in (accounts.verify, accounts.remembered,
                    lambda _: accounts.session_alive(session.id, "ann", session.expires_at)):
            try:
                answers.add(bool(ask(token)))
            except CutOff:
                answers.add(False)
        (answer,) = answers
        return answer

    limit = CUT_OFF_AFTER.total_seconds() - FRESH
    assert holds(0)
    assert holds(limit)
    assert not holds(limit + 1)
    assert not holds(-3600)  # the clock was set back
    assert holds(0)
    bench.store.fail_next(1000)  # what was known ages
    bench.clock.advance(CUT_OFF_AFTER.total_seconds())
    with pytest.raises(CutOff):
        accounts.verify(token)


def test_a_revocation_is_dropped_once_the_session_would_be_over(bench: Bench) -> None:
    token, _ = bench.accounts.sign_in("ann", "her password")
    bench.accounts.sign_out(token)
    assert len(bench.store.notes(keys.DESK_REVOKED)) == 1

    bench.clock.advance(SESSION_LIFE.total_seconds() + 1)
    later, _ = bench.accounts.sign_in("ann", "her password")
    bench.accounts.verify(later)

    assert bench.store.notes(keys.DESK_REVOKED) == {}
    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é" * 50])
def test_signing_out_with_something_else_is_left_alone(bench: Bench, text: str) -> None:
    bench.accounts.sign_out(text)

    assert bench.store.notes(keys.DESK_REVOKED) == {}


def test_signing_out_holds_here_even_if_it_cannot_be_kept(bench: Bench) -> None:
    token, _ = bench.accounts.sign_in("ann", "her password")
    bench.accounts.verify(token)
    bench.store.fail_next()
    with pytest.raises(StoreError):
        bench.accounts.sign_out(token)

    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)


@pytest.mark.parametrize("change", ["deactivated", "gone", "torn", "another password"])
def test_a_session_ends_with_its_account(bench: Bench, change: str) -> None:
    token, session = bench.accounts.sign_in("ann", "her password")
    match change:
        case "deactivated":
            bench.rewrite("ann", password=None)
        case "gone":
            bench.store.hset(HKEY, "ann", None)
        case "torn":
            bench.store.hset(HKEY, "ann", "{")
        case _:
            bench.restarted().reset("ann")

    bench.clock.advance(FRESH)

    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)
    assert not bench.accounts.session_alive(session.id, "ann", session.expires_at)


def test_the_role_is_the_accounts_not_the_tokens(bench: Bench) -> None:
    token, _ = bench.accounts.sign_in("ann", "her password")
    bench.accounts.update("ann", role="admin")

    assert bench.accounts.verify(token).user.role == "admin"


def test_a_verified_session_costs_no_store_read_for_five_seconds(bench: Bench) -> None:
    token, session = bench.accounts.sign_in("ann", "her password")
    bench.accounts.verify(token)
    bench.store.calls = 0

    for _ in range(100):
        bench.clock.advance(FRESH / 101)
        assert bench.accounts.remembered(token) == session
        bench.accounts.verify(token)
        bench.accounts.session_alive(session.id, "ann", session.expires_at)
    assert bench.store.calls == 0

    bench.clock.advance(FRESH)
    assert bench.accounts.remembered(token) is None
    bench.accounts.verify(token)
    assert bench.store.calls == 2  # the revocations, the account


def test_sessions_go_on_as_last_known_while_the_store_fails(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    token, session = bench.accounts.sign_in("ann", "her password")
    bench.accounts.verify(token)
    bench.clock.advance(60)
    bench.store.fail_next(2)

    assert bench.accounts.verify(token) == session
    assert "as last known" in caplog.text


def test_a_store_that_was_never_read_is_reported(bench: Bench) -> None:
    token, _ = bench.accounts.sign_in("ann", "her password")
    fresh = bench.restarted()
    bench.store.fail_next(2)

    with pytest.raises(StoreError):
        fresh.verify(token)
    with pytest.raises(StoreError):
        fresh.sign_in("ann", "her password")


# -- tokens of others


def test_a_session_of_the_earlier_application_is_accepted() -> None:
    golden = json.loads(
        (VECTORS / "job_vectors" / "user_settings_users_index_session.json").read_text("utf-8")
    )
    token = golden["cookie"].removeprefix("datagen_session=")
    store, clock = MemoryStore(), HandClock(datetime(2026, 11, 23, tzinfo=UTC))
    for name, text in golden["auth"].items():
        store.hset(HKEY, name, text)
    accounts = Accounts(store=store, desk=store, clock=clock, hkey=HKEY, hasher=PlainHasher(),
                        signer=JwtSigner(golden["session_secret"], clock))

    session = accounts.verify(token)

    assert session.user == User(name="admin", role="admin")
    accounts.sign_out(token)
    with pytest.raises(SessionEnded):
        accounts.verify(token)


@pytest.mark.parametrize("extra", [
    {"typ": "draft", "owner": "ann", "draftId": "d"},
    {"typ": "session", "username": None},
    {"typ": "session", "iat": "now"},
    {"typ": "session", "exp": 10**15},
    {"typ": "session", "iat": -5},
    {"typ": None},
    {"typ": ["session"]},
    {"more": 1},
    {"username": "nobody"},
])
def test_no_other_token_is_a_session(bench: Bench, extra: dict[str, Any]) -> None:
    start = int(NOW.timestamp())
    claims = {"username": "ann", "role": "admin", "iat": start, "exp": start + 60}
    assert bench.accounts.verify(bench.signer.sign(claims))

    with pytest.raises(SessionEnded):
        bench.accounts.verify(bench.signer.sign({**claims, **extra}))


# -- changing passwords


def test_changing_the_password_needs_the_current_one_and_ends_all_sessions(bench: Bench) -> None:
    token, session = bench.accounts.sign_in("ann", "her password")
    ann = session.user

    with pytest.raises(InputError) as caught:
        bench.accounts.change_password(ann, "wrong", "a new one")
    assert [problem.path for problem in caught.value.problems] == ["currentPassword"]
    with pytest.raises(InputError):
        bench.accounts.change_password(ann, "her password", "")
    assert bench.accounts.verify(token)

    bench.accounts.change_password(ann, "her password", "a new one")

    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)
    assert not bench.accounts.session_alive(session.id, "ann", session.expires_at)
    later, _ = bench.accounts.sign_in("ann", "a new one")
    assert bench.accounts.verify(later)


def test_signing_in_right_after_a_reset_elsewhere_works(bench: Bench) -> None:
    old, _ = bench.accounts.sign_in("ann", "her password")
    bench.accounts.verify(old)
    made = bench.restarted().reset("ann")

    token, _ = bench.accounts.sign_in("ann", made)

    assert bench.accounts.verify(token)
    with pytest.raises(SessionEnded):
        bench.accounts.verify(old)


def test_a_reset_makes_a_missing_admin_and_wakes_a_deactivated_account(bench: Bench) -> None:
    made = bench.accounts.reset("ADMIN")
    assert bench.accounts.sign_in("admin", made)[1].user.role == "admin"
    assert bench.accounts.get("admin").updated_at == NOW

    bench.rewrite("ann", password=None)
    assert not bench.accounts.get("ann").active
    assert bench.accounts.sign_in("ann", bench.accounts.reset("ann"))


def test_a_deactivated_account_has_no_session_and_no_way_in_until_a_reset(bench: Bench) -> None:
    token, _ = bench.accounts.sign_in("ann", "her password")
    assert not bench.accounts.deactivate("Ann").active
    assert bench.stored("ann")["password"] is None
    with pytest.raises(SessionEnded):
        bench.accounts.verify(token)
    with pytest.raises(SignInFailed):
        bench.accounts.sign_in("ann", "her password")
    assert bench.accounts.sign_in("ann", bench.accounts.reset("ann"))


def test_passwords_are_stored_only_by_the_hasher(bench: Bench) -> None:
    made = bench.accounts.reset("ann")
    record = bench.stored("ann")

    del record["password"]["hash"]  # the plain hasher's
    assert made not in json.dumps(record)
    assert made not in repr(bench.accounts.get("ann"))
