"""What the earlier application stored about people."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from datagen.adapters.memory import MemoryStore
from datagen.domain.people import MailFailure, UserIndex
from datagen.protocol import keys
from datagen.protocol.foreign import Foreign
from datagen.protocol.people import People
from tests import golden

STORED = golden.vector("user_settings_users_index_session")
BEA = UserIndex(username="bea_3ff5", email="bea@example.com", name="Bea Test", country="RO",
                created_at=datetime(2026, 11, 22, 7, 21, 10, 237000, UTC))


class Bench:
    def __init__(self) -> None:
        self.store, self.foreign = MemoryStore(), Foreign()
        self.people = People(self.store, self.foreign)
        for hkey, name in ((keys.USERS, "users"), (keys.EMAILS, "email_index"),
                           (keys.MAIL_FAILURES, "mail_failures")):
            for field, text in STORED[name].items():
                self.store.hset(hkey, field, text)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_was_stored_reads_as_it_was(bench: Bench) -> None:
    assert bench.people.users() == {"bea_3ff5": BEA}
    assert bench.people.emails() == {"bea@example.com": "bea_3ff5"}
    assert bench.people.mail_failures() == {"bea@example.com": MailFailure(
        email="bea@example.com", username="bea_3ff5", attempts=1, status="pending",
        failed_at=datetime(2026, 11, 22, 7, 21, 10, 261000, UTC),
        sealed="q1d2Mm68wmJy1Po_.8KXPPisz7aCfz0fWYN8uWQ.4PgMnzgoiHSaCoXrgk9ZWQ")}
    assert bench.foreign.counts() == {}


def test_the_password_of_a_mail_is_not_even_read(bench: Bench) -> None:
    assert "q1d2Mm68" not in repr(bench.people.mail_failures())


def test_a_hint_may_be_json(bench: Bench) -> None:
    bench.store.hset(keys.EMAILS, "ann@example.com", '"ann"')
    assert bench.people.emails()["ann@example.com"] == "ann"


@pytest.mark.parametrize("text", [
    "", "[]", "{", '"', '"<b>"', "Ann Smith", "../../x", "[" * 5_000, "x" * 1_000_000,
    json.dumps({"username": "bea_3ff5", "createdAt": "2026-11-22T07:21:10.237Z"}),
])
def test_what_is_not_about_that_person_is_left_out_and_counted(bench: Bench, text: str) -> None:
    for hkey in (keys.USERS, keys.EMAILS, keys.MAIL_FAILURES):
        bench.store.hset(hkey, "eve@example.com" if hkey != keys.USERS else "eve", text)
    assert set(bench.people.users()) == {"bea_3ff5"}
    assert set(bench.people.emails()) == {"bea@example.com"}
    assert set(bench.people.mail_failures()) == {"bea@example.com"}
    assert bench.foreign.counts() == {keys.USERS: 1, keys.EMAILS: 1, keys.MAIL_FAILURES: 1}


def test_an_optional_field_may_be_missing(bench: Bench) -> None:
    bench.store.hset(keys.USERS, "ann",
                     '{"username":"ann","createdAt":"2026-11-22T07:21:10Z","jobCount":3}')
    found = bench.people.users()["ann"]
    assert (found.email, found.name, found.job_count) == (None, None, 3)
