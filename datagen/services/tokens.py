"""Personal tokens: make, list, revoke, and let scripts in with them."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from datagen.domain.errors import Conflict, InputError, NotThere, Problem, SessionEnded, StoreError
from datagen.domain.tokens import (
    MAX_DAYS,
    MAX_KNOWN,
    MAX_LIVE,
    MAX_NAME,
    PREFIX,
    Scope,
    Token,
    parts,
    spelled,
)
from datagen.domain.users import Account, Session, User
from datagen.ports import Clock
from datagen.protocol.tokens import TokenBook
from datagen.services.audit import Audit
from datagen.services.locks import Locks
from datagen.services.patience import Patience

_LOG = logging.getLogger(__name__)
FRESH = 5.0  # seconds for which a token that was looked up is remembered
USED_EVERY = timedelta(minutes=10)  # at most so often its last use is written down
MAX_REMEMBERED = 10_000
_NONE = "This token opens nothing: it was revoked, has expired, or never was one."


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """A new token, and its text, which nothing shows again."""

    token: Token
    text: str = field(repr=False)


def is_personal(text: str) -> bool:
    """Whether it claims to be a personal token."""
    return text.startswith(PREFIX)


class PersonalTokens:
    """Safe to call from any thread. Raises StoreError where the store can't be used."""

    def __init__(
        self, *, book: TokenBook, account: Callable[[str], Account | None], audit: Audit,
        clock: Clock, patience: Patience, draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """``account``: as it is now, from memory mostly; raises CutOff where nobody is let in."""
        self._book, self._account, self._audit = book, account, audit
        self._clock, self._patience, self._draw = clock, patience, draw
        self._changing = Locks()  # by user
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[Token, ...], float]] = {}  # by user; monotonic

    def list(self, user: User) -> tuple[Token, ...]:
        """The user's that still open something, newest first."""
        now = self._clock.now()
        tokens = self._patience.ask(("tokens", user.name), partial(self._book.of, user.name))
        return tuple(token for token in tokens if token.is_live(now))

    def create(self, user: User, name: object, scope: object, days: object = 90) -> Fresh:
        """A new one. Raises InputError, Conflict when there are too many."""
        title, kind, life = _checked(name, scope, days)
        now = self._clock.now()
        secret = base64.urlsafe_b64encode(self._draw(32)).decode().rstrip("=")  # 43 characters
        token = Token(id=self._draw(6).hex(), name=title, scope=kind, digest=_digest(secret),
                      created_at=now, expires_at=now + timedelta(days=life))
        with self._changing.of(user.name):
            known = self._lasting(user.name)
            if sum(one.is_live(now) for one in known) >= MAX_LIVE or len(known) >= MAX_KNOWN:
                raise Conflict(f"{MAX_LIVE} tokens are the most one person can have. Revoke one "
                               "that you don't use any more.")
            self._put(user.name, (token, *known))
        self._audit.note("token created", user, f"{title} ({kind})")
        return Fresh(token=token, text=spelled(token.id, secret, user.name))

    def revoke(self, user: User, token_id: str) -> None:
        """It opens nothing from now on. Raises NotThere."""
        with self._changing.of(user.name):
            known = self._lasting(user.name)
            found = next((one for one in known if one.id == token_id), None)
            if found is None or found.ended_at:
                raise NotThere("You have no such token.")
            ended = replace(found, ended_at=self._clock.now())
            self._put(user.name, tuple(ended if one is found else one for one in known))
        self._audit.note("token revoked", user, found.name)

    def verify(self, text: str) -> Session:
        """Whom a token lets in. Raises SessionEnded; may read the store."""
        claim = parts(text)
        if claim is None:
            raise SessionEnded(_NONE)
        token_id, secret, username = claim
        account = self._account(username)
        token = next((one for one in self._fresh(username) if one.id == token_id), None)
        if (token is None or not token.fits(_digest(secret)) or account is None
                or not account.active or not _counts(token, account, self._clock.now())):
            raise SessionEnded(_NONE)
        self._was_used(username, token)
        return Session(
            user=User(name=username, role="user"),  # whatever the account may do besides
            id=hashlib.sha256(text.encode()).hexdigest(), issued_at=token.created_at,
            expires_at=token.expires_at, scope=token.scope)

    def _fresh(self, username: str) -> tuple[Token, ...]:
        known, now = self._known.get(username), self._clock.monotonic()
        if known is not None and now - known[1] < FRESH:
            return known[0]
        try:
            found = self._book.of(username)
        except StoreError:
            if known is None:
                raise
            return known[0]
        with self._lock:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[username] = (found, now)
        return found

    def _was_used(self, username: str, token: Token) -> None:
        now = self._clock.now()
        if token.used_at is not None and now - token.used_at < USED_EVERY:
            return
        try:
            with self._changing.of(username):
                known = self._lasting(username)
                self._put(username, tuple(
                    replace(one, used_at=now) if one.id == token.id else one for one in known))
        except StoreError as exc:
            _LOG.warning("The last use of a token is not written down: %s", exc)

    def _lasting(self, username: str) -> tuple[Token, ...]:
        """All that have not expired: an end has to be known for as long."""
        now = self._clock.now()
        return tuple(one for one in self._book.of(username) if now < one.expires_at)

    def _put(self, username: str, tokens: tuple[Token, ...]) -> None:
        self._book.put(username, tokens)
        with self._lock:
            self._known[username] = (tokens, self._clock.monotonic())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _counts(token: Token, account: Account, now: datetime) -> bool:
    ended = account.tokens_ended_at
    return token.is_live(now) and (ended is None or token.created_at > ended)


def _checked(name: object, scope: object, days: object) -> tuple[str, Scope, int]:
    problems = []
    title = name.strip() if isinstance(name, str) else ""
    if not 0 < len(title) <= MAX_NAME or not title.isprintable():
        problems.append(Problem(path="name", message=f"A name has 1 to {MAX_NAME} characters."))
    kind: Scope = "run" if scope == "run" else "read"
    if scope not in ("read", "run"):
        problems.append(Problem(path="scope", message="A scope is read or run."))
    life = days if type(days) is int else 0
    if not 1 <= life <= MAX_DAYS:
        problems.append(Problem(path="days", message=f"A token lasts 1 to {MAX_DAYS} days."))
    if problems:
        raise InputError(problems[0].message, problems)
    return title, kind, life
