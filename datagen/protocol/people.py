"""Typed reads of what is stored about people; foreign values are left out and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

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
    whole,
)
from datagen.protocol.foreign import Foreign

T = TypeVar("T")
_EMAIL = re.compile(r"(?=.{3,200}\Z)[^\s@<>\"'\x00-\x1f\x7f]+@[^\s@<>\"'\x00-\x1f\x7f]+")


class People:
    """The user index, its e-mail index and the mails that did not leave. Raises StoreError."""

    def __init__(self, store: HashStore, foreign: Foreign) -> None:
        self._store, self._foreign = store, foreign

    def users(self) -> dict[str, UserIndex]:
        """What was said at sign-up, by user name."""
        return dict(self._readable(keys.USERS, load_user))

    def emails(self) -> dict[str, str]:
        """User name by e-mail: a hint, where ``users`` says nothing else."""
        return dict(self._readable(keys.EMAILS, _load_hint))

    def mail_failures(self) -> dict[str, MailFailure]:
        """Sign-up mails that did not leave, by e-mail."""
        return dict(self._readable(keys.MAIL_FAILURES, load_mail_failure))

    def _readable(self, hkey: str, load: Callable[[str, str], T]) -> Iterator[tuple[str, T]]:
        for field, text in self._store.hgetall(hkey).items():
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
    )


def _load_hint(email: str, text: str) -> str:
    """The user name, as such or as a JSON text. Raises ValueError."""
    name = json.loads(text) if text[:1] == '"' and len(text) < 1_000 else text
    if not _EMAIL.fullmatch(email) or not isinstance(name, str) or not USER_NAME.fullmatch(name):
        raise ValueError("not a user name")
    return name
