"""Sessions that were ended before their time, as every replica comes to know them.

Each replica has a set of them on its desk. It tells it in its beats and adds what the beats of
others tell: a set that only grows, until a session would be over anyway (DATA.md, rule 13).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from datagen.ports import Clock, Desk
from datagen.protocol import keys
from datagen.protocol.fields import from_iso, to_iso

_LOG = logging.getLogger(__name__)

# A session goes by the beginning of its token's hash: too much for two to be alike by chance,
# and nothing that anybody could sign in with.
_MARK = re.compile(r"[0-9a-f]{24}")
_MARK_LENGTH = 24  # 96 bits
MAX_TOLD = 400  # in one beat, of 38 bytes each: it stays below 16 KB
_LATEST = datetime(2999, 12, 31, tzinfo=UTC)  # that a stored time may say


def mark_of(session_id: str) -> str:
    """What a session is called where it was ended."""
    return session_id[:_MARK_LENGTH]


class Revoked:
    """The set of one replica, shared by its processes. Raises StoreError."""

    def __init__(self, *, desk: Desk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock

    def add(self, mark: str, until: datetime) -> None:
        """``until``: when the session would have ended by itself."""
        self._desk.put_once(keys.DESK_REVOKED, mark, to_iso(min(until, _LATEST)))

    def known(self) -> dict[str, datetime]:
        """By mark, when each would be over; those noted last come last. Others are forgotten."""
        now, found = self._clock.now(), {}
        for key, text in self._desk.notes(keys.DESK_REVOKED).items():
            try:
                until = from_iso(text)
            except ValueError as exc:
                _LOG.error("What is noted of an ended session can't be read: %s", exc)
                until = now
            if until > now:
                found[mark_of(key)] = until
            else:
                self._desk.drop(keys.DESK_REVOKED, key)
        return found


def worth_telling(known: Mapping[str, datetime], turn: int) -> dict[str, datetime]:
    """What fits into beat number ``turn``: all, or those noted last and some others in turn.

    So what is new is told at once and what is old in the end, however many there are.
    """
    if len(known) <= MAX_TOLD:
        return dict(known)
    half, marks = MAX_TOLD // 2, list(known)
    older = marks[:-half]
    start = turn * half % len(older)
    in_turn = [*older[start:], *older[:start]][:half]
    return {mark: known[mark] for mark in (*in_turn, *marks[-half:])}


def revoked_record(revoked: Mapping[str, datetime]) -> dict[str, int]:
    """As a beat carries them: ends in seconds since 1970."""
    return {mark: int(until.timestamp()) for mark, until in revoked.items()}


def load_revoked(record: object) -> dict[str, datetime]:
    """Raises ValueError for anything that ``revoked_record`` does not make."""
    if not isinstance(record, dict):
        raise ValueError("revoked is not an object")  # noqa: TRY004 - one error kind for unreadable records
    most = _LATEST.timestamp()
    for mark, seconds in record.items():
        if not _MARK.fullmatch(mark) or type(seconds) is not int or not 0 <= seconds <= most:
            raise ValueError("not the end of a session")
    return {mark: datetime.fromtimestamp(seconds, UTC) for mark, seconds in record.items()}
