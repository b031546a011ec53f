"""Accounts, people, settings and totals among strangers' values."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import MAX_MEMORY, MAX_PASSES, Argon2Hasher, JwtSigner
from datagen.domain.errors import Conflict, InputError, NotThere, SessionEnded, SignInFailed
from datagen.domain.totals import Totals
from datagen.domain.users import USER_NAME
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.foreign import Foreign
from datagen.protocol.people import People
from datagen.services.accounts import Accounts
from datagen.services.people import Directory
from tests import golden
from tests.hostile.wicked import FRAGMENTS, NAMES, OpenStore, bent, changed, damaged

HKEY = "datagen:auth"
STORED = golden.vector("user_settings_users_index_session")
ACCOUNT = json.loads(STORED["auth"]["bea_3ff5"])
USER = {**json.loads(STORED["users"]["bea_3ff5"]), "username": "NAME", "jobCount": 1}
FAILURE = {**json.loads(STORED["mail_failures"]["bea@example.com"]), "email": "NAME@example.com",
           "username": "bea"}
SETTINGS = json.loads(STORED["settings_raw"])
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def named(texts: Iterator[str], form: str = "{}") -> Iterator[tuple[str, str]]:
    """Each value in a field of its own, which its text names."""
    for number, text in enumerate(texts):
        yield form.format(f"user-{number}"), text.replace("NAME", f"user-{number}")


def passwords() -> Iterator[str]:
    """Accounts whose password record is damaged in every field."""
    good = ACCOUNT["password"]
    for field in good:
        for fragment in FRAGMENTS:
            yield changed(ACCOUNT, "password", changed(good, field, fragment))
    for field in good["params"]:
        for fragment in FRAGMENTS:
            yield changed(ACCOUNT, "password",
                          changed(good, "params", changed(good["params"], field, fragment)))


def accounts() -> Iterator[tuple[str, str]]:
    yield from named(iter([*damaged(ACCOUNT), *bent(ACCOUNT)]))
    yield from ((name, json.dumps(ACCOUNT)) for name in NAMES)


class QuickHasher(Argon2Hasher):
    """Reads records as the real one does, notes what the work would be, and does none."""

    def __init__(self) -> None:
        super().__init__("p")
        self.work: list[Any] = []

    def _derive(self, scheme: Any, password: bytes, salt: bytes) -> bytes:
        self.work.append(scheme)
        return b"?" * int(scheme.length)


@pytest.fixture
def store() -> OpenStore:
    store = OpenStore()
    for name, text in accounts():
        store.plant(HKEY, name, text)
    store.plant(HKEY, "bea_3ff5", json.dumps(ACCOUNT))
    return store


def service(store: OpenStore, foreign: Foreign | None = None) -> Accounts:
    clock = HandClock(NOW)
    return Accounts(store=store, desk=store, clock=clock, hkey=HKEY, foreign=foreign,
                    hasher=QuickHasher(), signer=JwtSigner("s" * 32, clock))


def test_accounts_that_can_be_read_are_listed_with_clean_names(store: OpenStore) -> None:
    foreign = Foreign()
    found = service(store, foreign).list()
    assert "bea_3ff5" in {account.name for account in found}
    assert all(USER_NAME.fullmatch(account.name) for account in found)
    assert foreign.counts()[HKEY] > 100
    for account in found:
        json.dumps(dict(account.metadata), allow_nan=False).encode()
        assert account.updated_at + timedelta(milliseconds=1) < datetime(3001, 1, 1, tzinfo=UTC)


def test_a_sign_in_at_any_of_them_fails_as_for_a_wrong_password(store: OpenStore) -> None:
    bench = service(store)
    for name, _ in accounts():
        with pytest.raises(SignInFailed):
            bench.sign_in(name, "password")
    with pytest.raises(SignInFailed):
        bench.sign_in("bea_3ff5", "password")


def test_no_password_record_lets_anybody_in_or_asks_for_much_work() -> None:
    store, hasher = OpenStore(), QuickHasher()
    for name, text in named(passwords()):
        store.plant(HKEY, name, text)
    readable = [account.name for account in service(store).list() if account.active]
    assert len(readable) > 100
    for name in readable:
        assert not hasher.verify("x", json.loads(store.hgetall(HKEY)[name])["password"])
    assert len(hasher.work) == len(readable)  # the same number of runs, whatever is wrong
    for scheme in hasher.work:
        assert scheme.memory <= MAX_MEMORY
        assert scheme.memory * scheme.passes <= MAX_PASSES


def test_sessions_of_such_accounts_end_or_hold_but_never_break(store: OpenStore) -> None:
    clock = HandClock(NOW)
    signer = JwtSigner("s" * 32, clock)
    bench = Accounts(store=store, desk=store, clock=clock, hkey=HKEY, signer=signer,
                     hasher=QuickHasher())
    start = int(NOW.timestamp())
    for name, _ in accounts():
        claims = {"username": name, "role": "user", "iat": start, "exp": start + 60}
        token = signer.sign(claims)
        with suppress(SessionEnded):
            session = bench.verify(token)
            assert USER_NAME.fullmatch(session.user.name)
            assert session.user.role in {"admin", "user"}


def test_an_administrator_can_mend_or_end_every_one_of_them(store: OpenStore) -> None:
    bench = service(store)
    for name in [name for name, _ in accounts()][::25]:
        for act in (bench.get, bench.deactivate):
            with suppress(NotThere):
                act(name)
        with suppress(Conflict, InputError):
            bench.take_over(name, "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC")


# ------------------------------------------------------------------ people, settings, totals


def test_people_are_left_out_or_sound(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    store, foreign = OpenStore(), Foreign()
    planted: dict[str, Mapping[str, str]] = {
        keys.USERS: dict(named(iter([*damaged(USER), *bent(USER)]))),
        keys.MAIL_FAILURES: dict(named(iter([*damaged(FAILURE), *bent(FAILURE)]),
                                       "{}@example.com")),
        keys.EMAILS: dict(named(iter(FRAGMENTS), "{}@example.com")) | {
            f"{name}@example.com": "ann" for name in NAMES},
    }
    for hkey, fields in planted.items():
        for field, text in fields.items():
            store.plant(hkey, field, text)
        for name in NAMES:
            store.plant(hkey, name, json.dumps({**USER, "username": name}))
        assert len(store.hgetall(hkey)) > 100
    people = People(store, foreign)
    users, emails, failures = people.users(), people.emails(), people.mail_failures()
    assert users
    assert failures
    for user in users.values():
        assert USER_NAME.fullmatch(user.username)
        assert user.email is None or not set(user.email) & set("<>\"' \n")
        assert len(user.name or "") <= 1_000
    assert all(USER_NAME.fullmatch(name) for name in emails.values())
    assert all(USER_NAME.fullmatch(failure.username) for failure in failures.values())
    assert set(foreign.counts()) == set(planted)
    found = Directory(people).known(service(store).list())
    assert json.dumps([str(person) for person in found.values()])
    assert all(line.isprintable() for line in caplog.messages)


def test_settings_and_totals_are_nothing_or_sound() -> None:
    totals = {"totalJobs": 1, "totalRecordsRequested": 2, "totalRecordsGenerated": 2,
              "activeJobs": 0, "failedJobs": 0, "lastJobAt": "2026-01-01T00:00:00.000Z"}
    values = {keys.METRICS_BASELINE: [*damaged(totals), *bent(totals)],
              keys.user_settings("ann"): [
                  *damaged({**SETTINGS, **SETTINGS["profiles"][0]}), *bent(SETTINGS)]}
    store = OpenStore()
    board = Board(store)
    read: list[Any] = []
    for key, texts in values.items():
        assert len(texts) > 100
        for text in texts:
            store.plant_key(key, text)
            found = board.metrics_baseline() if key == keys.METRICS_BASELINE \
                else board.earlier_profiles("ann")
            read.append(found)
            if isinstance(found, Totals):
                assert min(found.jobs, found.requested, found.generated) >= 0
                assert found.last_at is None or 1970 <= found.last_at.year < 3000
            else:
                assert len(found.all) <= 100
                assert all(isinstance(profile.base_url, str) for profile in found.all)
    assert len(read) > 200
    assert set(board._foreign.counts()) == {keys.METRICS_BASELINE, "datagen:user:*:settings"}
