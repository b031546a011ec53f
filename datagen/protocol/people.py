"""What is stored about people; foreign values are left out and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from datagen.domain.errors import StoreError
from datagen.domain.people import MailFailure, UserIndex
from datagen.domain.users import USER_NAME
from datagen.ports import HashStore
from datagen.protocol import keys
from datagen.protocol.fields import (
    from_iso,
    id_of,
    load_object,
    optional_text,
    text_of,
    to_iso,
    whole,
)
from datagen.protocol.foreign import Foreign
from datagen.protocol.handed import Handed

T = TypeVar("T")
_EMAIL = re.compile(r"(?=.{3,200}\Z)[^\s@<>\"'\x00-\x1f\x7f]+@[^\s@<>\"'\x00-\x1f\x7f]+")


class People:
    """The user index, its e-mail index and the mails that did not leave. Raises StoreError."""

    def __init__(
        self, store: HashStore, foreign: Foreign, handed: Handed | None = None
    ) -> None:
        """``handed``: takes what is written; None where nobody signs up."""
        self._store, self._foreign, self._handed = store, foreign, handed

    def users(self) -> dict[str, UserIndex]:
        """What was said at sign-up, by user name."""
        return dict(self._readable(keys.USERS, load_user))

    def emails(self) -> dict[str, str]:
        """User name by e-mail: a hint, where ``users`` says nothing else."""
        return dict(self._readable(keys.EMAILS, _load_hint))

    def mail_failures(self) -> dict[str, MailFailure]:
        """Sign-up mails that did not leave, by e-mail."""
        return dict(self._readable(keys.MAIL_FAILURES, load_mail_failure))

    def add(self, user: UserIndex) -> None:
        """Somebody signed up."""
        self._put(keys.USERS, user.username, {
            "username": user.username, "name": user.name, "email": user.email,
            "country": user.country, "createdAt": to_iso(user.created_at)})
        if user.email:
            self._put(keys.EMAILS, user.email, user.username)

    def keep_failure(self, failure: MailFailure) -> None:
        """A mail did not leave. Not said again: whoever sends it takes this away."""
        at = to_iso(failure.failed_at)
        self._put(keys.MAIL_FAILURES, failure.email, {
            "email": failure.email, "username": failure.username,
            "passwordEncrypted": failure.sealed, "passwordMark": failure.mark,
            "attempts": failure.attempts, "status": failure.status, "failedAt": at,
            "updatedAt": at, "lastErrorCode": "delivery_failed"}, is_repeated=False)

    def drop_failure(self, email: str) -> None:
        """It left, or is of no use any more."""
        self._put(keys.MAIL_FAILURES, email, None)

    def _put(
        self, hkey: str, field: str, value: Mapping[str, Any] | str | None, *,
        is_repeated: bool = True,
    ) -> None:
        if self._handed is None:
            raise StoreError("Nothing about people is written here.")
        self._handed.put(hkey, field, value, is_repeated=is_repeated)

    def _readable(self, hkey: str, load: Callable[[str, str], T]) -> Iterator[tuple[str, T]]:
        stored = self._store.hgetall(hkey)
        shown = self._handed.over(hkey, stored) if self._handed else stored
        for field, text in shown.items():
            try:
                yield field, load(field, text)
            except ValueError as exc:
                self._foreign.ignored(hkey, field, exc)


def load_user(username: str, text: str) -> UserIndex:
    """Raises ValueError for anything that is not the UserIndex of ``username``."""
    record = load_object(text)
    if id_of(record, "username", USER_NAME) != username:
        raise ValueError("somebody else's")
    email = record.get("email")
    return UserIndex(
        username=username,
        email=id_of(record, "email", _EMAIL).lower() if email else None,
        name=optional_text(record, "name"),
        country=optional_text(record, "country"),
        created_at=from_iso(record.get("createdAt")),
        job_count=None if record.get("jobCount") is None else whole(record, "jobCount"),
    )


def load_mail_failure(email: str, text: str) -> MailFailure:
    """Raises ValueError for anything that is not the failure of a mail to ``email``."""
    record = load_object(text)
    if id_of(record, "email", _EMAIL).lower() != email:
        raise ValueError("somebody else's")
    return MailFailure(
        email=email,
        username=id_of(record, "username", USER_NAME),
        attempts=whole(record, "attempts", 0),
        status=text_of(record, "status"),
        failed_at=from_iso(record.get("failedAt")),
        sealed=optional_text(record, "passwordEncrypted"),
        mark=optional_text(record, "passwordMark"),
    )


def _load_hint(email: str, text: str) -> str:
    """The user name, as such or as a JSON text. Raises ValueError."""
    name = json.loads(text) if text[:1] == '"' and len(text) < 1_000 else text
    if not _EMAIL.fullmatch(email) or not isinstance(name, str) or not USER_NAME.fullmatch(name):
        raise ValueError("not a user name")
    return name
