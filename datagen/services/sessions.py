"""What a session token means now: read accounts and revocations, remembered for a moment.

Revocations live on the desk, where they survive a restart and the worker puts those of other
replicas (protocol/revoked.py).
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from datagen.domain.errors import SessionEnded, StoreError
from datagen.domain.users import Account, Session, User
from datagen.ports import Clock, Desk, TokenSigner
from datagen.protocol.revoked import Revoked, mark_of
from datagen.services.account_records import AccountRecord
from datagen.services.contact import Contact
from datagen.services.patience import Patience

_LOG = logging.getLogger(__name__)

SESSION_LIFE = timedelta(days=7)
FRESH = 5.0  # seconds for which accounts and revocations are remembered
CALM = 15.0  # seconds up to which nobody waits for an account to be read again
KEPT = 600.0  # seconds for which an account counts that can't be read again
MAX_PROOFS = 10_000  # sessions whose tokens' claims are kept for open pages

_OLD_CLAIMS = frozenset({"username", "role", "iat", "exp"})  # the earlier application's
_YEAR_9999 = 253_370_764_800  # seconds; what a datetime can hold
_ENDED = "Your session ended. Sign in again."


@dataclass(frozen=True, kw_only=True)
class _Remembered:
    record: AccountRecord | None
    read_at: float  # monotonic seconds


@dataclass(frozen=True, kw_only=True)
class _Proof:
    """What a token says that may not hold any more."""

    stamp: str  # of the account's password; "" in a token of the earlier application
    issued: int  # seconds since 1970
    end: int  # likewise


def session_id(token: str) -> str:
    """What a session is called where its token must not appear."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


class Sessions:
    """Verifies tokens for ``Accounts``. Safe to call from any thread."""

    def __init__(
        self,
        *,
        desk: Desk,
        clock: Clock,
        signer: TokenSigner,
        patience: Patience,
        read: Callable[[str], AccountRecord | None],
        contact: Contact | None = None,
    ) -> None:
        """``contact``: without which no session holds; None = they do all the same."""
        self._revoked = Revoked(desk=desk, clock=clock)
        self._contact = contact
        self._clock = clock
        self._signer = signer
        self._patience = patience
        self._read = read
        self._accounts: dict[str, _Remembered] = {}
        self._ended: dict[str, datetime] = {}  # mark -> end of the session's life
        self._ended_read_at: float | None = None  # monotonic seconds
        self._proofs: dict[str, _Proof] = {}  # session id -> what its token said
        self._writes = 0  # by this process, to any account
        self._failing = False  # accounts could not be read at the last try
        self._lock = threading.Lock()

    def verify(self, token: str) -> Session:
        """Raises SessionEnded, CutOff; StoreError only where nothing was ever read."""
        claims = self._claims(token)
        record = self._account(claims["username"])
        self._check_contact()
        return self._session(token, claims, record)

    def remembered(self, token: str) -> Session | None:
        """The session, or None where something must be read first.

        Raises SessionEnded, CutOff.
        """
        claims = self._claims(token)
        known, now = self._accounts.get(claims["username"]), self._clock.monotonic()
        if known is None or self._is_old(known.read_at, now) or self._is_old(
            self._ended_read_at, now
        ):
            return None
        self._check_contact()
        return self._session(token, claims, known.record)

    def opened(self, token: str, record: AccountRecord) -> Session:
        """The session of a token just signed for an account just read."""
        claims = self._claims(token)
        with self._lock:
            self._accounts[record.account.name] = _Remembered(
                record=record, read_at=self._clock.monotonic()
            )
        return self._session(token, claims, record)

    def alive(self, identity: str, username: str, expires_at: datetime) -> bool:
        """Whether a session verified earlier by this process still holds. Raises CutOff."""
        if self._clock.now() >= expires_at:
            return False
        record = self._account(username)
        self._check_contact()
        return self._holds(identity, record, self._proofs.get(identity))

    def end(self, token: str) -> None:
        """Revoke: in memory at once, then on the desk."""
        try:
            claims = self._claims(token)
        except SessionEnded:
            return
        self.end_mark(mark_of(session_id(token)), datetime.fromtimestamp(claims["exp"], UTC))

    def end_mark(self, mark: str, until: datetime) -> None:
        """The same, of a session that goes by ``mark``."""
        with self._lock:
            self._ended = {**self._ended, mark: until}
        self._revoked.add(mark, until)

    def was_ended(self, token: str) -> bool:
        """Whether the token's session was revoked; as far as is remembered."""
        return mark_of(session_id(token)) in self._ended

    def is_ended(self, mark: str) -> bool:
        """The same, of a session that goes by ``mark``."""
        return mark in self._ended

    def account(self, username: str) -> Account | None:
        """The account, at most ``FRESH`` seconds old while the store answers. Raises CutOff."""
        record = self._account(username)
        self._check_contact()
        return record.account if record else None

    def forget(self, username: str) -> None:
        """Read the account again at the next question."""
        with self._lock:
            self._accounts.pop(username, None)
            self._writes += 1

    def _check_contact(self) -> None:
        if self._contact is not None:
            self._contact.check()

    def _claims(self, token: str) -> dict[str, Any]:
        """Claims of a session token, ours or the earlier application's. Raises SessionEnded."""
        claims = self._signer.read(token)
        ours = claims.get("typ") == "session"
        fits = (
            (ours or claims.keys() == _OLD_CLAIMS)
            and isinstance(claims.get("username"), str)
            and type(claims.get("iat")) is int
            and 0 <= claims["iat"] <= claims["exp"] < _YEAR_9999
        )
        if not fits:
            raise SessionEnded(_ENDED)
        return claims

    def _session(
        self, token: str, claims: Mapping[str, Any], record: AccountRecord | None
    ) -> Session:
        identity = session_id(token)
        proof = _Proof(stamp=str(claims.get("pwd", "")), issued=claims["iat"], end=claims["exp"])
        if record is None or not self._holds(identity, record, proof):
            raise SessionEnded(_ENDED)
        self._keep_proof(identity, proof)
        return Session(
            user=User(name=record.account.name, role=record.account.role),
            must_change=record.account.must_change,
            id=identity,
            issued_at=datetime.fromtimestamp(claims["iat"], UTC),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )

    def _holds(self, identity: str, record: AccountRecord | None, proof: _Proof | None) -> bool:
        if mark_of(identity) in self._ended or record is None or not record.account.active:
            return False
        if proof is None:
            return True
        ended = record.account.ended_at
        if not proof.stamp:  # the earlier application's: its token says when, to the second
            return ended is None or proof.issued > ended.timestamp()
        return proof.stamp == record.stamp

    def _keep_proof(self, identity: str, proof: _Proof) -> None:
        with self._lock:
            if len(self._proofs) >= MAX_PROOFS:
                now = self._clock.now().timestamp()
                self._proofs = {i: kept for i, kept in self._proofs.items() if kept.end > now}
            if len(self._proofs) < MAX_PROOFS:
                self._proofs[identity] = proof

    @staticmethod
    def _is_old(read_at: float | None, now: float) -> bool:
        return read_at is None or now - read_at >= FRESH

    def _account(self, username: str) -> AccountRecord | None:
        """The account, read if it is older than FRESH; revocations are then no older either.

        While the store is slow or away, what is known stands, for ``KEPT`` at most.
        """
        now = self._clock.monotonic()
        if self._is_old(self._ended_read_at, now):
            self._refresh_ended(now)
        known = self._accounts.get(username)
        age = math.inf if known is None else now - known.read_at
        if known is not None and age < FRESH:
            return known.record
        try:
            return self._patience.ask(("account", username), partial(self._look_up, username),
                                      wait=age >= CALM)
        except StoreError:
            if known is None or age >= KEPT:
                raise
            return known.record

    def _look_up(self, username: str) -> AccountRecord | None:
        """Read an account and remember it; the first failure of a row is told in the log."""
        now, writes = self._clock.monotonic(), self._writes
        try:
            record = self._read(username)
        except StoreError as exc:
            if not self._failing:
                _LOG.warning("Accounts can't be read; sessions go on as last known. %s", exc)
            self._failing = True
            raise
        self._failing = False
        with self._lock:
            if self._writes == writes:  # else what was read may be older than the write
                self._accounts[username] = _Remembered(record=record, read_at=now)
        return record

    def _refresh_ended(self, now: float) -> None:
        present = self._clock.now()
        known: dict[str, datetime] = {}
        try:
            known = self._revoked.known()
            if self._contact is not None:
                self._contact.look()
        except StoreError as exc:
            if self._ended_read_at is None:
                raise
            _LOG.warning("Ended sessions can't be read; those last known count. %s", exc)
        with self._lock:
            merged = {**self._ended, **known}
            self._ended = {mark: until for mark, until in merged.items() if until > present}
            self._ended_read_at = now
