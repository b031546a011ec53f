"""Sign-up over memory stores, with time turned by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.memory import MemoryMailer, MemoryStore
from datagen.adapters.vault import AesVault
from datagen.domain.errors import (
    Conflict,
    InputError,
    MailNotConfigured,
    MailRefused,
    StoreError,
    TooManyTries,
)
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.foreign import Foreign
from datagen.protocol.handed import Handed
from datagen.protocol.people import People
from datagen.services.accounts import Accounts
from datagen.services.people import Directory
from datagen.services.signing_up import SigningUp, Throttles
from datagen.services.throttle import Allowed, Pair, Throttle

HERE = "192.0.2.1"
ADA = ("Ada", "Ada@Example.com ", "Romania")
EMAIL = "ada@example.com"


class PlainHasher:
    def hash(self, password: str, *, purpose: str | None = None) -> dict[str, Any]:
        return {"algo": "plain", "hash": password, "salt": "", "version": 1, "params": {}}

    def verify(self, password: str, record: Any) -> bool:
        return record is not None and record["hash"] == password


class Bench:
    """Sign-up and what is around it."""

    def __init__(self, *, store: MemoryStore | None = None) -> None:
        self.store, self.clock = store or MemoryStore(), HandClock()
        self.desk = MemoryStore()
        self.mailer = MemoryMailer()
        self.accounts = Accounts(
            store=self.store, desk=self.desk, clock=self.clock, hasher=PlainHasher(),
            signer=JwtSigner("s" * 32, self.clock), hkey="datagen:auth")
        self.handed = Handed(board=Board(self.store), desk=self.desk)
        self.people = People(self.store, Foreign(), self.handed)
        self.waiting: list[Any] = []
        self.signing_up = SigningUp(
            accounts=self.accounts, people=self.people, mailer=self.mailer, clock=self.clock,
            vault=AesVault("s" * 32, purpose="mails"), kept=timedelta(days=1),
            throttles=Throttles(register=self._pair(), resend=self._pair()),
            aside=self.waiting.append)

    def _pair(self) -> Pair:
        return Pair(address=Throttle(Allowed(tries=10, seconds=900), self.clock),
                    email=Throttle(Allowed(tries=3, seconds=900), self.clock))

    def undelivered(self) -> str:
        """The name of an account whose mail did not leave."""
        self.mailer.refuses = True
        with pytest.raises(MailRefused):
            self.signing_up.register(*ADA, HERE)
        self.mailer.refuses = False
        account, = self.accounts.list()
        return account.name

    def resend(self, email: str = EMAIL) -> None:
        self.signing_up.resend(email, HERE)
        while self.waiting:
            self.waiting.pop()()

    def password(self) -> str:
        lines = self.mailer.sent[-1].text.splitlines()
        return next(line.split()[1] for line in lines if line.startswith("  Password"))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_who_signs_up_gets_a_name_and_a_password_that_must_be_changed(bench: Bench) -> None:
    name = bench.signing_up.register(*ADA, HERE)

    mail, = bench.mailer.sent
    assert mail.to == EMAIL
    assert name in mail.text
    _, session = bench.accounts.sign_in(name, bench.password())
    assert session.must_change
    assert session.user.role == "user"
    person = Directory(bench.people).known(bench.accounts.list())[name]
    assert (person.name, person.email, person.country) == ("Ada", EMAIL, "Romania")


def test_the_name_tells_nothing_of_the_person_and_is_no_other_replicas(bench: Bench) -> None:
    name = bench.signing_up.register(*ADA, HERE)
    assert len(name.removeprefix("user-")) * 5 >= 64  # bits


def test_nothing_that_a_stranger_typed_is_in_the_mail(bench: Bench) -> None:
    bench.signing_up.register("Buy at https://bad.example", EMAIL, "Nowhere", HERE)
    assert "bad.example" not in bench.mailer.sent[0].text
    assert "Nowhere" not in bench.mailer.sent[0].text


def test_the_worker_publishes_what_was_said_as_the_earlier_application_reads_it(
    bench: Bench
) -> None:
    name = bench.signing_up.register(*ADA, HERE)
    assert bench.store.hgetall(keys.USERS) == {}
    bench.handed.tell()

    assert bench.store.hget(keys.EMAILS, EMAIL) == name
    assert bench.people.users()[name].email == EMAIL
    assert bench.desk.notes(keys.DESK_HANDED) == {}
    assert bench.people.emails() == {EMAIL: name}


@pytest.mark.parametrize("published", [True, False])
def test_a_known_email_is_a_conflict_and_makes_nothing(bench: Bench, published: bool) -> None:
    bench.signing_up.register(*ADA, HERE)
    if published:
        bench.handed.tell()
    with pytest.raises(Conflict, match="already"):
        bench.signing_up.register("Eve", "ADA@example.COM", "Chile", HERE)
    assert len(bench.accounts.list()) == len(bench.mailer.sent) == 1


@pytest.mark.parametrize(("person", "paths"), [
    (("", EMAIL, "RO"), {"name"}), (("A" * 121, EMAIL, ""), {"name", "country"}),
    (("A", "no address", "RO"), {"email"}), ((None, 5, ["RO"]), {"name", "email", "country"}),
    (("A\r\nBcc: b@example.com", EMAIL, "RO"), {"name"}),
    (("A", "a@example.com\nBcc: b@example.com", "RO"), {"email"}),
    (("A", "a@example.com, b@example.com", "RO"), {"email"}),
    (("A", "<a@example.com>", "RO"), {"email"}), (("A", "a@b", "RO"), {"email"}),
    (("A", f"{'a' * 190}@example.com", "RO"), {"email"}), (("A\u202e", EMAIL, "RO"), {"name"}),
])
def test_what_does_not_fit_is_named_field_by_field(
    bench: Bench, person: tuple[Any, Any, Any], paths: set[str]
) -> None:
    with pytest.raises(InputError) as caught:
        bench.signing_up.register(*person, HERE)
    assert {problem.path for problem in caught.value.problems} == paths
    assert bench.accounts.list() == []


def test_without_a_mail_server_nothing_is_made(bench: Bench) -> None:
    bench.mailer.is_ready = False
    assert not bench.signing_up.is_open
    with pytest.raises(MailNotConfigured):
        bench.signing_up.register(*ADA, HERE)
    with pytest.raises(MailNotConfigured):
        bench.signing_up.resend(EMAIL, HERE)
    assert bench.accounts.list() == []


def test_too_many_tries_are_told_when_to_come_back(bench: Bench) -> None:
    bench.signing_up.register(*ADA, HERE)
    for _ in range(2):
        with pytest.raises(Conflict):
            bench.signing_up.register(*ADA, HERE)
    with pytest.raises(TooManyTries) as caught:
        bench.signing_up.register(*ADA, HERE)
    assert caught.value.retry_after == 900


def test_counting_writes_to_no_store(bench: Bench) -> None:
    bench.signing_up.register(*ADA, HERE)
    before = dict(bench.store._hashes), dict(bench.desk._notes)
    for number in range(3):
        with pytest.raises((Conflict, TooManyTries)):
            bench.signing_up.register(*ADA, f"192.0.2.{number}")
    assert (dict(bench.store._hashes), dict(bench.desk._notes)) == before


def test_a_mail_that_did_not_leave_can_be_sent_again_with_the_same_password(bench: Bench) -> None:
    name = bench.undelivered()
    bench.resend(" ADA@example.com")

    assert bench.accounts.sign_in(name, bench.password())[1].must_change
    bench.resend()
    assert len(bench.mailer.sent) == 1  # nothing waits any more


def test_another_replica_sends_it_too_once_it_was_told(bench: Bench) -> None:
    name = bench.undelivered()
    bench.handed.tell()
    other = Bench(store=bench.store)
    other.resend()
    assert other.accounts.sign_in(name, other.password())


def test_the_waiting_password_lies_nowhere_in_plain_text(bench: Bench) -> None:
    bench.undelivered()
    notes = dict(bench.desk.notes(keys.DESK_HANDED))
    bench.handed.tell()
    stored = bench.store.hgetall(keys.MAIL_FAILURES)
    bench.resend()
    for text in (*notes.values(), *stored.values()):
        assert bench.password() not in text
    assert "sealed1." in stored[EMAIL]


def test_resend_looks_only_after_it_has_answered(bench: Bench) -> None:
    bench.undelivered()
    bench.store.fail_next(99)  # whoever looked would notice
    bench.signing_up.resend(EMAIL, HERE)
    bench.signing_up.resend("nobody@example.com", HERE)
    assert len(bench.waiting) == 2


def test_a_password_that_was_changed_since_or_waited_too_long_is_not_sent(bench: Bench) -> None:
    name = bench.undelivered()
    bench.accounts.reset(name)
    bench.resend()
    assert bench.mailer.sent == []

    late = Bench()
    late.undelivered()
    late.clock.advance(86_401)
    late.resend()
    assert late.mailer.sent == []


def test_who_can_write_the_store_can_have_no_password_sent_to_themselves(bench: Bench) -> None:
    bench.undelivered()
    bench.handed.tell()
    text = bench.store.hget(keys.MAIL_FAILURES, EMAIL)
    assert text is not None
    bench.store.hset(keys.MAIL_FAILURES, "eve@example.com", text.replace(EMAIL, "eve@example.com"))
    bench.resend("eve@example.com")
    assert bench.mailer.sent == []


def test_a_mail_that_fails_again_waits_on_and_the_try_counts(bench: Bench) -> None:
    bench.undelivered()
    bench.mailer.refuses = True
    bench.resend()
    assert bench.people.mail_failures()[EMAIL].attempts == 2
    bench.mailer.refuses = False
    bench.resend()
    assert len(bench.mailer.sent) == 1


def test_the_worker_forgets_passwords_that_waited_too_long(bench: Bench) -> None:
    bench.undelivered()
    bench.signing_up.forget_old()
    assert bench.people.mail_failures()[EMAIL].sealed
    bench.clock.advance(86_401)
    bench.signing_up.forget_old()

    failure = bench.people.mail_failures()[EMAIL]
    assert (failure.sealed, failure.status) == (None, "expired")
    assert "sealed1." not in str(bench.desk.notes(keys.DESK_HANDED).popitem())


def test_no_more_mails_leave_at_once_than_a_few(bench: Bench) -> None:
    for number in range(9):
        bench.signing_up.resend(f"a{number}@example.com", HERE)
    assert len(bench.waiting) == 4


def test_a_store_that_fails_is_told_as_such(bench: Bench) -> None:
    bench.store.fail_next()
    with pytest.raises(StoreError):
        bench.signing_up.register(*ADA, HERE)
