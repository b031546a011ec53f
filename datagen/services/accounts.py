"""Accounts and sessions: the CStore auth client, byte-compatible with the npm library.

An account is one field of the auth hash (WIRE.md, 5). A session is a signed token; what a
token can't say (signed out, account gone, password changed) is asked here, from memory that
is at most ``FRESH`` seconds old, so that the gate costs no store read per request.
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from datagen.domain import htpasswd
from datagen.domain.errors import (
    Conflict,
    InputError,
    NotThere,
    Problem,
    SignInFailed,
    StoreError,
    StoreUnconfirmed,
)
from datagen.domain.users import USER_NAME, Account, Role, Session, User
from datagen.ports import Clock, Desk, HashStore, PasswordHasher, TokenSigner
from datagen.protocol import keys
from datagen.protocol.fields import dumps, to_iso
from datagen.protocol.foreign import Foreign
from datagen.protocol.seal import Seal
from datagen.services.contact import Contact
from datagen.services.patience import Patience
from datagen.services.sessions import (
    SESSION_LIFE,
    AccountRecord,
    Sessions,
    load_account,
    password_stamp,
)
from datagen.services.waiting import Level, Waiting

_LOG = logging.getLogger(__name__)

ADMIN = "admin"
MAX_PASSWORD = 1024  # characters
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_WRONG = "The user name or the password is wrong."
_NAME_RULE = "A user name has 3 to 64 letters (a-z), digits, dots, dashes or underscores."
_PASSWORD_RULE = f"A password has 1 to {MAX_PASSWORD:,} characters."


def canonical(name: str) -> str:
    """The one spelling of a user name; whether it is allowed is another question."""
    return name.strip().lower()


class Accounts:
    """Who may sign in, and who is signed in. Methods raise StoreError besides their own."""

    def __init__(
        self,
        *,
        store: HashStore,
        desk: Desk,
        clock: Clock,
        hasher: PasswordHasher,
        signer: TokenSigner,
        hkey: str,
        draw: Callable[[int], bytes] = secrets.token_bytes,
        patience: Patience | None = None,
        foreign: Foreign | None = None,
        seal: Seal | None = None,
        contact: Contact | None = None,
    ) -> None:
        """``patience`` of who looks at a page; None = read on the spot.

        ``foreign``: where values that are no accounts are counted; ``seal``: None where nobody
        else writes; ``contact``: without which no session holds, None = they do all the same.
        """
        self._foreign = foreign or Foreign()
        self._store, self._desk = store, desk
        self._clock = clock
        self._hasher = hasher
        self._signer = signer
        self._hkey = hkey
        self._draw = draw
        self._upgrading = threading.Lock()
        self._waiting = Waiting(hkey, seal)
        self._level = Level(store=store, clock=clock, hkey=hkey, waiting=self._waiting)
        self._patience = patience or Patience(None, clock=clock)
        self._sessions = Sessions(desk=desk, clock=clock, signer=signer, read=self._read,
                                  patience=self._patience, contact=contact)

    def init(self, password: str | None) -> str | None:
        """Create ``admin`` when there is none; an existing one is never rewritten.

        Dated 1970, so that any other copy of the account wins over it (DATA.md, rule 11), and
        the same on all replicas that start at once with one password: what crosses is equal,
        so a session of one holds on the others.
        Returns the password that was made up, to be shown once, or None. One process of
        a replica calls this. Raises InputError for a password nobody could sign in with.
        """
        if self._store.hget(self._hkey, ADMIN) is not None:
            return None
        made = None if password else self._made_up()
        first = password or made or ""
        if problems := _password_problems("password", first):
            raise InputError("The first password of admin can't be used.", problems)
        purpose = f"first {ADMIN} of {self._hkey}"
        self._write(ADMIN, self._new(first, "admin", {}, BEGINNING, purpose))
        return made

    def sign_in(self, name: str, password: str) -> tuple[str, Session]:
        """A session token and what it says. Raises SignInFailed.

        The same work whatever is wrong: unknown user, deactivated or imported account, wrong
        password. An imported account gets its argon2id record here (``take_over``).
        """
        name, found = canonical(name), list[AccountRecord | None]()
        self._patience.together([
            lambda: found.append(self._read(name) if USER_NAME.fullmatch(name) else None),
            self._level.now,  # remembers it
        ])
        record = found[0]
        if not 0 < len(password) <= MAX_PASSWORD:
            password, record = "", None
        if (record := self._proven(record, password)) is None:
            raise SignInFailed(_WRONG)
        start = int(self._clock.now().timestamp())
        token = self._signer.sign({
            "username": name,
            "role": record.account.role,
            "iat": start,
            "exp": start + int(SESSION_LIFE.total_seconds()),
            "typ": "session",
            "jti": self._draw(12).hex(),
            "pwd": password_stamp(record.password),
        })
        return token, self._sessions.opened(token, record)

    def verify(self, token: str) -> Session:
        """The session of a token. Raises SessionEnded, CutOff; may read the store."""
        return self._sessions.verify(token)

    def remembered(self, token: str) -> Session | None:
        """As ``verify``, but None where the store would have to be read first."""
        return self._sessions.remembered(token)

    def session_alive(self, session_id: str, username: str, expires_at: datetime) -> bool:
        """Whether a session that was verified when a page opened still holds. Raises CutOff."""
        return self._sessions.alive(session_id, username, expires_at)

    def sign_out(self, token: str) -> None:
        """End the session of a token, for good; a token that is none is left alone."""
        self._sessions.end(token)

    def signed_out(self, token: str) -> bool:
        """Whether this token's session was ended by signing out."""
        return self._sessions.was_ended(token)

    def create(
        self,
        name: str,
        password: str,
        *,
        role: Role = "user",
        metadata: Mapping[str, Any] | None = None,
    ) -> Account:
        """The new account. Raises InputError, or Conflict for a name that is taken."""
        name = canonical(name)
        problems = [] if USER_NAME.fullmatch(name) else [Problem(path="name", message=_NAME_RULE)]
        problems += _password_problems("password", password)
        problems += _role_problems(role)
        if problems:
            raise InputError("This account can't be made as it is.", problems)
        if self._store.hget(self._hkey, name) is not None:
            raise Conflict(f"There is an account named {name} already. Choose another name.")
        self._write(name, self._new(password, role, metadata or {}, self._clock.now()))
        return self.get(name)

    def take_over(self, name: str, bcrypt: str) -> Account:
        """A new user who signs in with the password of a bcrypt hash, once; then with argon2id.

        Raises InputError, or Conflict for a name that is taken.
        """
        if not USER_NAME.fullmatch(name):
            raise InputError(_NAME_RULE, [Problem(path="name", message=_NAME_RULE)])
        try:
            htpasswd.cost(bcrypt)
        except ValueError as exc:
            raise InputError("This hash can't be taken over: it is no bcrypt hash, or one "
                             "that takes too long to compute.") from exc
        if self._store.hget(self._hkey, name) is not None:
            raise Conflict(f"There is an account named {name} already. Choose another name.")
        blank = _blank("user", {}, self._clock.now())
        self._write(name, self._waiting.put_in(name, blank, bcrypt))
        self._level.forget()
        return self.get(name)

    def taken(self) -> frozenset[str]:
        """All names that are in use, those of accounts that can't be read too."""
        return frozenset(self._store.hgetall(self._hkey))

    def get(self, name: str) -> Account:
        """Raises NotThere."""
        return self._known(name).account

    def list(self) -> list[Account]:
        """All readable accounts, by name."""
        found = (self._loaded(n, text) for n, text in self._store.hgetall(self._hkey).items())
        return sorted((r.account for r in found if r), key=lambda account: account.name)

    def update(
        self, name: str, *, role: Role | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Account:
        """Change what is given. Raises NotThere, InputError."""
        record = self._known(name)
        if role is not None and (problems := _role_problems(role)):
            raise InputError("This role does not exist.", problems)
        changes: dict[str, Any] = {} if role is None else {"role": role}
        if metadata is not None:
            changes["metadata"] = dict(metadata)
        self._change(record, changes)
        return self.get(name)

    def change_password(self, user: User, current: str, new: str) -> None:
        """Set a new password; all sessions of the account end. Raises InputError."""
        record = self._known(user.name)
        if problems := _password_problems("newPassword", new):
            raise InputError("The new password can't be used.", problems)
        if not self._hasher.verify(current, record.password):
            message = "The current password is not right."
            raise InputError(message, [Problem(path="currentPassword", message=message)])
        self._change(record, {"password": self._hasher.hash(new)})

    def reset(self, name: str) -> str:
        """A new random password; all sessions end and a deactivated account is active again.

        ``admin`` is made if it is missing. Raises NotThere for other names.
        """
        made = self._made_up()
        if canonical(name) == ADMIN and self._read(ADMIN) is None:
            self._write(ADMIN, self._new(made, "admin", {}, self._clock.now()))
        else:
            self._change(self._known(name), {"password": self._hasher.hash(made)})
        return made

    def deactivate(self, name: str) -> Account:
        """The account, which nobody can sign in with until ``reset``; its sessions end.

        Raises NotThere.
        """
        self._change(self._known(name), {"password": None})
        return self.get(name)

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
            record = self._read(before.account.name)
            if record is None or record.bcrypt != before.bcrypt:
                stored = record.password if record else None
                return record if self._hasher.verify(password, stored) else None
            self._change(record, {"password": self._hasher.hash(password)})
            return self._known(record.account.name)

    def _made_up(self) -> str:
        """Four groups of five letters and digits that can be read aloud: 100 bits."""
        text = base64.b32encode(self._draw(15)).decode().lower()[:20]
        return "-".join(text[start:start + 5] for start in range(0, 20, 5))

    def _new(
        self, password: str, role: Role, metadata: Mapping[str, Any], at: datetime,
        purpose: str | None = None,
    ) -> dict[str, Any]:
        hashed = self._hasher.hash(password, purpose=purpose)
        return {**_blank(role, metadata, at), "password": hashed}

    def _change(self, record: AccountRecord, changes: Mapping[str, Any]) -> None:
        """Rewrite an account, later than it was (DATA.md, rule 11), unknown fields kept."""
        account = record.account
        at = max(self._clock.now(), account.updated_at + timedelta(milliseconds=1))
        changed = {**record.raw, **changes, "updatedAt": to_iso(at)}
        kept = None if "password" in changes else record.bcrypt
        self._write(account.name, self._waiting.put_in(account.name, changed, kept))

    def _write(self, name: str, record: Mapping[str, Any]) -> None:
        text = dumps(record)
        try:
            self._store.hset(self._hkey, name, text)
        except StoreUnconfirmed as exc:  # it counts here at once
            _LOG.warning("The account %s was changed on this replica alone so far: %s", name, exc)
        finally:
            self._sessions.forget(name)
        try:
            self._desk.keep(keys.DESK_ACCOUNTS, name, text)  # to be said again by the worker
        except StoreError as exc:
            _LOG.warning("The account %s was changed, which is not repeated: %s", name, exc)

    def _read(self, name: str) -> AccountRecord | None:
        text = self._store.hget(self._hkey, name)
        return None if text is None else self._loaded(name, text)

    def _loaded(self, name: str, text: str) -> AccountRecord | None:
        """The account; None for a value that is none."""
        try:
            return load_account(name, text, self._waiting)
        except ValueError as exc:
            self._foreign.ignored(self._hkey, name, exc)
            return None

    def _known(self, name: str) -> AccountRecord:
        name = canonical(name)
        record = self._read(name) if USER_NAME.fullmatch(name) else None
        if record is None:
            raise NotThere(f"There is no account named {name[:64]!r}.")
        return record


def _blank(role: Role, metadata: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """A new record, its password yet to be set."""
    return {
        "type": "simple",
        "password": None,
        "role": role,
        "metadata": dict(metadata),
        "createdAt": to_iso(at),
        "updatedAt": to_iso(at),
    }


def _password_problems(path: str, password: str) -> list[Problem]:
    fits = 0 < len(password) <= MAX_PASSWORD
    try:
        password.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        fits = False
    return [] if fits else [Problem(path=path, message=_PASSWORD_RULE)]


def _role_problems(role: str) -> list[Problem]:
    known = role in {"admin", "user"}
    return [] if known else [Problem(path="role", message="A role is admin or user.")]
