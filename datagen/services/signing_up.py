"""Sign up: an account for an e-mail, its password by mail; and that mail once more.

Nobody learns from ``resend`` whether an e-mail is known: it answers before it looks.
"""

from __future__ import annotations

import base64
import logging
import math
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from datagen.domain import signing_up
from datagen.domain.errors import (
    Conflict,
    DatagenError,
    InputError,
    MailNotConfigured,
    MailRefused,
    Problem,
)
from datagen.domain.mail import welcome
from datagen.domain.people import MailFailure, UserIndex
from datagen.domain.signing_up import SignUp
from datagen.ports import Clock, Mailer, Vault
from datagen.protocol.people import People
from datagen.services.accounts import Accounts, Made
from datagen.services.locks import Locks
from datagen.services.people import Directory
from datagen.services.throttle import Pair

_LOG = logging.getLogger(__name__)
PENDING, EXPIRED = "pending", "expired"
LOOK_EVERY = 3600.0  # seconds between two looks for what waited too long
AT_ONCE = 4  # mails that are sent again at the same time
NAME_BYTES = 8  # of chance in a user name: no two replicas make the same (DATA.md, rule 11)
KNOWN = ("There is an account with this e-mail already. If you signed up just now, its password "
         "is on its way there; else sign in, or ask an admin for a new password.")


@dataclass(frozen=True, kw_only=True)
class Throttles:
    """How often one address, and one e-mail, may do what."""

    register: Pair
    resend: Pair


def in_background(work: Callable[[], None]) -> None:
    """Do it, and let nobody wait."""
    threading.Thread(target=work, daemon=True, name="mail").start()


class SigningUp:
    """What strangers may do. Safe to call from any thread; blocks."""

    def __init__(
        self, *, accounts: Accounts, people: People, mailer: Mailer, vault: Vault,
        clock: Clock, throttles: Throttles, kept: timedelta,
        draw: Callable[[int], bytes] = secrets.token_bytes,
        aside: Callable[[Callable[[], None]], None] = in_background,
    ) -> None:
        """``kept``: how long an undelivered password waits."""
        self._accounts, self._people, self._mailer = accounts, people, mailer
        self._directory, self._vault, self._clock = Directory(people), vault, clock
        self._throttles, self._kept, self._draw, self._aside = throttles, kept, draw, aside
        self._registering = Locks()  # by e-mail: a double click must not make two accounts
        self._look_at = -math.inf  # monotonic seconds
        self._sending = threading.BoundedSemaphore(AT_ONCE)

    @property
    def is_open(self) -> bool:
        """Whether anybody can sign up."""
        return self._mailer.is_ready

    def register(self, name: object, email: object, country: object, address: str) -> str:
        """The user name of a new account whose password is on its way.

        Raises InputError, MailNotConfigured, TooManyTries, Conflict for an e-mail that is
        known, StoreError, and MailRefused when there is an account now but no mail.
        """
        asked = signing_up.check(name, email, country)
        self._must_be_open()
        self._throttles.register.take(address, asked.email)
        with self._registering.of(asked.email):
            if self._directory.knows(asked.email, self._accounts.list()):
                raise Conflict(KNOWN)
            made = self._made(asked)
        try:
            self._mailer.send(welcome(asked.email, made.account.name, made.password))
        except MailRefused:
            self._keep(asked.email, made)
            raise
        return made.account.name

    def resend(self, email: object, address: str) -> None:
        """Send what did not leave, if there is something. Raises as ``register`` does."""
        text = email.strip().lower() if isinstance(email, str) else ""
        if message := signing_up.email_problem(text):
            raise InputError(message, [Problem(path="email", message=message)])
        self._must_be_open()
        self._throttles.resend.take(address, text)
        if self._sending.acquire(blocking=False):
            self._aside(partial(self._send_again, text))

    def _must_be_open(self) -> None:
        if not self._mailer.is_ready:
            raise MailNotConfigured

    def _made(self, asked: SignUp) -> Made:
        chance = base64.b32encode(self._draw(NAME_BYTES)).decode().lower().rstrip("=")
        said = {"name": asked.name, "email": asked.email, "country": asked.country}
        made = self._accounts.create(f"user-{chance}", metadata=said)
        self._people.add(UserIndex(
            username=made.account.name, email=asked.email, name=asked.name,
            country=asked.country, created_at=made.account.created_at))
        return made

    def _keep(self, email: str, made: Made) -> None:
        name = made.account.name
        self._people.keep_failure(MailFailure(
            email=email, username=name, attempts=1, status=PENDING,
            failed_at=self._clock.now(), sealed=self._vault.seal(made.password, (email, name)),
            mark=self._accounts.password_mark(name)))

    def _send_again(self, email: str) -> None:
        try:
            failure = self._people.mail_failures().get(email)
            if failure is not None and failure.status == PENDING:
                self._deliver(failure)
        except DatagenError as exc:
            _LOG.warning("A mail could not be sent again: %s", exc)
        finally:
            self._sending.release()

    def _deliver(self, failure: MailFailure) -> None:
        """Send the password, unless it is too old or not the account's any more."""
        place = (failure.email, failure.username)
        password = self._vault.open(failure.sealed, place) if failure.sealed else None
        is_old = self._clock.now() - failure.failed_at > self._kept
        if (password is not None and not is_old
                and failure.mark == self._accounts.password_mark(failure.username)):
            try:
                self._mailer.send(welcome(failure.email, failure.username, password))
            except MailRefused:
                self._people.keep_failure(replace(failure, attempts=failure.attempts + 1))
                raise
        self._people.drop_failure(failure.email)

    def forget_old(self) -> None:
        """Forget passwords that waited too long; the worker asks often. Raises StoreError."""
        now = self._clock.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        for failure in self._people.mail_failures().values():
            if failure.sealed and self._clock.now() - failure.failed_at > self._kept:
                self._people.keep_failure(replace(failure, sealed=None, status=EXPIRED))
