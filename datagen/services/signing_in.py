"""From a name and a password to a session token, at the same cost whatever is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable

from datagen.domain.errors import SignInFailed
from datagen.domain.passwords import MAX_PASSWORD
from datagen.domain.users import USER_NAME, Session
from datagen.ports import Clock, PasswordHasher, TokenSigner
from datagen.services.account_records import ENDED_AT, AccountRecord, AccountRecords
from datagen.services.patience import Patience
from datagen.services.sessions import SESSION_LIFE, Sessions
from datagen.services.waiting import Level

_WRONG = "The user name or the password is wrong."


class SigningIn:
    """Proves passwords and opens sessions. Safe to call from any thread."""

    def __init__(
        self, *, records: AccountRecords, sessions: Sessions, level: Level, clock: Clock,
        hasher: PasswordHasher, signer: TokenSigner, draw: Callable[[int], bytes],
        patience: Patience,
    ) -> None:
        self._records, self._sessions, self._level = records, sessions, level
        self._clock, self._hasher, self._signer = clock, hasher, signer
        self._draw, self._patience = draw, patience
        self._upgrading = threading.Lock()

    def sign_in(self, name: str, password: str) -> tuple[str, Session]:
        """A session token and what it says. Raises SignInFailed.

        The same work whatever is wrong: unknown user, deactivated or imported account, wrong
        password. An imported account gets its argon2id record here.
        """
        found = list[AccountRecord | None]()
        self._patience.together([
            lambda: found.append(self._records.read(name) if USER_NAME.fullmatch(name) else None),
            self._level.now,  # remembers it
        ])
        record = found[0]
        if not 0 < len(password) <= MAX_PASSWORD:
            password, record = "", None
        proven = self._proven(record, password)
        if proven is None:
            raise SignInFailed(_WRONG, account=found[0].account.name if found[0] else None)
        return self.open(proven)

    def open(self, record: AccountRecord) -> tuple[str, Session]:
        """A new session of an account as it was just read."""
        start = int(self._clock.now().timestamp())
        token = self._signer.sign({
            "username": record.account.name,
            "role": record.account.role,
            "iat": start,
            "exp": start + int(SESSION_LIFE.total_seconds()),
            "typ": "session",
            "jti": self._draw(12).hex(),
            "pwd": record.stamp,
        })
        return token, self._sessions.opened(token, record)

    def _proven(self, record: AccountRecord | None, password: str) -> AccountRecord | None:
        """The account as it is once this password has proven right; None = it has not."""
        level, stored = self._level.now(), record.bcrypt if record else None
        if (level or stored) and self._hasher.verify_bcrypt(password, stored, level=level):
            return self._upgraded(record, password) if record else None
        fits = self._hasher.verify(password, record.password if record else None)
        return record if fits else None

    def _upgraded(self, before: AccountRecord, password: str) -> AccountRecord | None:
        """The account with an argon2id record; the earlier one of two sign-ins at once stands."""
        with self._upgrading:
            record = self._records.read(before.account.name)
            if record is None or record.bcrypt != before.bcrypt:
                stored = record.password if record else None
                return record if self._hasher.verify(password, stored) else None
            new = {"password": self._hasher.hash(password)}  # the same one: no session ends
            self._records.change(record, new, {ENDED_AT: None})
            return self._records.known(record.account.name)
