"""Accounts and sessions: the CStore auth client, byte-compatible with the npm library.

A session is a signed token; what a token can't say (signed out, account gone, password
changed) is asked here, from memory that is at most ``FRESH`` seconds old, so that the gate
costs no store read per request.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datagen.domain import htpasswd
from datagen.domain.errors import Conflict, InputError, Problem
from datagen.domain.passwords import MIN_CHOSEN, password_problems
from datagen.domain.users import USER_NAME, Account, Role, Session, User
from datagen.ports import Clock, Desk, HashStore, PasswordHasher, TokenSigner
from datagen.protocol.foreign import Foreign
from datagen.protocol.seal import Seal
from datagen.services.account_records import MARKS, MUST_CHANGE, AccountRecords, blank
from datagen.services.contact import Contact
from datagen.services.patience import Patience
from datagen.services.sessions import Sessions
from datagen.services.signing_in import SigningIn
from datagen.services.waiting import Level, Waiting

ADMIN = "admin"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_NAME_RULE = "A user name has 3 to 64 letters (a-z), digits, dots, dashes or underscores."


@dataclass(frozen=True, kw_only=True)
class Made:
    """A new account, and its password, which nothing shows again."""

    account: Account
    password: str = field(repr=False)


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
        self._clock, self._hasher, self._draw = clock, hasher, draw
        self._hkey = hkey
        patience = patience or Patience(None, clock=clock)
        self._waiting = Waiting(hkey, seal)
        self._level = Level(store=store, clock=clock, hkey=hkey, waiting=self._waiting)
        self._records = AccountRecords(store=store, desk=desk, clock=clock, hkey=hkey,
                                       waiting=self._waiting, foreign=foreign or Foreign())
        self._sessions = Sessions(desk=desk, clock=clock, signer=signer, contact=contact,
                                  read=self._records.read, patience=patience)
        self._records.on_write = self._sessions.forget
        self._signing_in = SigningIn(
            records=self._records, sessions=self._sessions, level=self._level, clock=clock,
            hasher=hasher, signer=signer, draw=draw, patience=patience)

    def init(self, password: str | None) -> str | None:
        """Create ``admin`` when there is none; an existing one is never rewritten.

        Dated 1970, so that any other copy of the account wins over it (DATA.md, rule 11), and
        the same on all replicas that start at once with one password: what crosses is equal,
        so a session of one holds on the others.
        Returns the password that was made up, to be shown once, or None. One process of
        a replica calls this. Raises InputError for a password nobody could sign in with.
        """
        if self._records.is_taken(ADMIN):
            return None
        made = None if password else made_up(self._draw)
        first = password or made or ""
        if problems := password_problems("password", first):
            raise InputError("The first password of admin can't be used.", problems)
        purpose = f"first {ADMIN} of {self._hkey}"
        self._records.write(ADMIN, self._new(first, "admin", {}, BEGINNING, purpose))
        return made

    def sign_in(self, name: str, password: str) -> tuple[str, Session]:
        """A session token and what it says. Raises SignInFailed."""
        return self._signing_in.sign_in(canonical(name), password)

    def verify(self, token: str) -> Session:
        """The session of a token. Raises SessionEnded, CutOff; may read the store."""
        return self._sessions.verify(token)

    def remembered(self, token: str) -> Session | None:
        """As ``verify``, but None where the store would have to be read first."""
        return self._sessions.remembered(token)

    def session_alive(self, session_id: str, username: str, expires_at: datetime) -> bool:
        """Whether a session that was verified when a page opened still holds. Raises CutOff."""
        return self._sessions.alive(session_id, username, expires_at)

    def present(self, name: str) -> Account | None:
        """The account as it is, from memory mostly. Raises CutOff."""
        return self._sessions.account(name)

    def end_session(self, mark: str, until: datetime) -> None:
        """End one session by what it is called where its token must not appear."""
        self._sessions.end_mark(mark, until)

    def is_ended(self, mark: str) -> bool:
        """Whether this session was ended by itself; as far as is remembered."""
        return self._sessions.is_ended(mark)

    def sign_out(self, token: str) -> None:
        """End the session of a token, for good; a token that is none is left alone."""
        self._sessions.end(token)

    def signed_out(self, token: str) -> bool:
        """Whether this token's session was ended by signing out."""
        return self._sessions.was_ended(token)

    def create(
        self,
        name: str,
        password: str | None = None,
        *,
        role: Role = "user",
        metadata: Mapping[str, Any] | None = None,
    ) -> Made:
        """A new account; without a ``password``, with one that its owner has to change.

        Raises InputError, or Conflict for a name that is taken.
        """
        name, made = canonical(name), made_up(self._draw) if password is None else password
        problems = [] if USER_NAME.fullmatch(name) else [Problem(path="name", message=_NAME_RULE)]
        problems += password_problems("password", made)
        problems += _role_problems(role)
        if problems:
            raise InputError("This account can't be made as it is.", problems)
        self._must_be_free(name)
        marks = {MARKS: {MUST_CHANGE: True}} if password is None else {}
        self._records.write(
            name, self._new(made, role, {**(metadata or {}), **marks}, self._clock.now()))
        return Made(account=self.get(name), password=made)

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
        self._must_be_free(name)
        waits = blank("user", {}, self._clock.now())
        self._records.write(name, self._waiting.put_in(name, waits, bcrypt))
        self._level.forget()
        return self.get(name)

    def taken(self) -> frozenset[str]:
        """All names that are in use, those of accounts that can't be read too."""
        return self._records.taken()

    def get(self, name: str) -> Account:
        """Raises NotThere."""
        return self._records.known(canonical(name)).account

    def list(self) -> list[Account]:
        """All readable accounts, by name."""
        return [record.account for record in self._records.all()]

    def update(
        self, name: str, *, role: Role | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Account:
        """Change what is given. Raises NotThere, InputError."""
        record = self._records.known(canonical(name))
        if role is not None and (problems := _role_problems(role)):
            raise InputError("This role does not exist.", problems)
        changes: dict[str, Any] = {} if role is None else {"role": role}
        if metadata is not None:
            changes["metadata"] = dict(metadata)
        self._records.change(record, changes)
        return self.get(name)

    def change_password(self, user: User, current: str, new: str) -> tuple[str, Session]:
        """Set a new password; all sessions of the account end, and this one begins.

        Raises InputError.
        """
        record = self._records.known(user.name)
        if problems := password_problems("newPassword", new, least=MIN_CHOSEN):
            raise InputError("The new password can't be used.", problems)
        if not self._hasher.verify(current, record.password):
            message = "The current password is not right."
            raise InputError(message, [Problem(path="currentPassword", message=message)])
        if new == current:
            message = "Choose a password that is not the current one."
            raise InputError(message, [Problem(path="newPassword", message=message)])
        self._records.change(record, {"password": self._hasher.hash(new)}, {MUST_CHANGE: None})
        return self._signing_in.open(self._records.known(user.name))

    def end_sessions(self, user: User) -> None:
        """End every session of the account, wherever it was opened."""
        self._records.end_sessions(self._records.known(user.name))

    def reset(self, name: str, *, must_change: bool = False) -> str:
        """A new random password; sessions and personal tokens end.

        A deactivated account is active again. ``must_change``: whether its owner has to choose
        another. ``admin`` is made if it is missing. Raises NotThere for other names.
        """
        made = made_up(self._draw)
        if canonical(name) == ADMIN and self._records.read(ADMIN) is None:
            self._records.write(ADMIN, self._new(made, "admin", {}, self._clock.now()))
        else:
            self._records.change(self._records.known(canonical(name)),
                                 {"password": self._hasher.hash(made)},
                                 {MUST_CHANGE: must_change or None}, ends_tokens=True)
        return made

    def deactivate(self, name: str) -> Account:
        """The account, which nobody can sign in with until ``reset``; sessions and tokens end.

        Raises NotThere.
        """
        self._records.change(self._records.known(canonical(name)), {"password": None},
                             ends_tokens=True)
        return self.get(name)

    def password_mark(self, name: str) -> str:
        """Names the account's present password without telling it. Raises NotThere."""
        return self._records.known(name).stamp

    def _must_be_free(self, name: str) -> None:
        if self._records.is_taken(name):
            raise Conflict(f"There is an account named {name} already. Choose another name.")

    def _new(
        self, password: str, role: Role, metadata: Mapping[str, Any], at: datetime,
        purpose: str | None = None,
    ) -> dict[str, Any]:
        hashed = self._hasher.hash(password, purpose=purpose)
        return {**blank(role, metadata, at), "password": hashed}


def made_up(draw: Callable[[int], bytes]) -> str:
    """Four groups of five letters and digits that can be read aloud: 100 bits."""
    text = base64.b32encode(draw(15)).decode().lower()[:20]
    return "-".join(text[start:start + 5] for start in range(0, 20, 5))


def _role_problems(role: str) -> list[Problem]:
    known = role in {"admin", "user"}
    return [] if known else [Problem(path="role", message="A role is admin or user.")]
