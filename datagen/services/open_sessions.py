"""Which sessions were opened on this replica: for their owner, who may end them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from datagen.domain.errors import StoreError
from datagen.domain.users import Session
from datagen.ports import Clock, Desk
from datagen.protocol import keys
from datagen.protocol.fields import dumps, from_iso, load_object, text_of, to_iso
from datagen.protocol.revoked import mark_of

_LOG = logging.getLogger(__name__)
MAX_KEPT = 50  # of one user; a script may sign in every minute
MAX_AGENT = 200  # characters


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    """One session, without what could open it."""

    id: str
    username: str
    opened_at: datetime
    expires_at: datetime
    address: str
    agent: str  # what the browser called itself: hostile text


class OpenSessions:
    """Raises StoreError, but for ``opened``: a full disk keeps nobody out."""

    def __init__(self, *, desk: Desk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock

    def opened(self, session: Session, address: str, agent: str) -> None:
        """Somebody signed in here."""
        text = dumps({
            "user": session.user.name, "at": to_iso(session.issued_at),
            "until": to_iso(session.expires_at), "address": address[:64],
            "agent": agent[:MAX_AGENT]})
        try:
            self._desk.keep(keys.DESK_SESSIONS, mark_of(session.id), text)
            for old in self.of(session.user.name)[MAX_KEPT:]:
                self._desk.drop(keys.DESK_SESSIONS, old.id)
        except StoreError as exc:
            _LOG.warning("A session that was opened is not listed: %s", exc)

    def of(self, username: str) -> list[OpenSession]:
        """A user's, newest first; whether they still hold is another question."""
        found = [one for one in self._all() if one.username == username]
        return sorted(found, key=lambda one: one.opened_at, reverse=True)

    def _all(self) -> Iterator[OpenSession]:
        now = self._clock.now()
        for mark, text in self._desk.notes(keys.DESK_SESSIONS).items():
            try:
                record = load_object(text)
                until = from_iso(record.get("until"))
                one = OpenSession(
                    id=mark, username=text_of(record, "user"), expires_at=until,
                    opened_at=from_iso(record.get("at")), address=text_of(record, "address"),
                    agent=text_of(record, "agent"))
            except ValueError as exc:
                _LOG.error("What is noted of a session can't be read: %s", exc)
                self._desk.drop(keys.DESK_SESSIONS, mark)
                continue
            if until > now:
                yield one
            else:
                self._desk.drop(keys.DESK_SESSIONS, mark)
