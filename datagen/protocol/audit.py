"""The audit log: events on the desk, and each peer's last ones in pages in the store.

A page is one field that the peer's worker writes; the pages form two rings, one for what admins
did. So the log has a bound, and however much happens, it costs two writes in a while.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, cast

from datagen.domain.audit import OF_ADMINS, WHATS, Event, What
from datagen.ports import Desk
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.fields import (
    MAX_TEXT,
    dumps,
    from_iso,
    load_object,
    objects,
    text_of,
    to_iso,
    whole,
)

_LOG = logging.getLogger(__name__)
PAGES, PER_PAGE = 10, 50  # of a peer's ring: its last 450 to 500 events
COUNTED = "counted "  # a key on the desk that begins so is of a note whose count may grow
_RINGS = ("", "admins ")  # what the names of their pages begin with
MAX_NOTES = 1_000  # that wait on the desk; older ones are dropped


class AuditBook:
    """One replica's. All methods block; raises StoreError."""

    def __init__(
        self, *, board: Board, desk: Desk, peer_id: str,
        new_id: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        self._board, self._desk = board, desk
        self._peer_id, self._new_id = peer_id, new_id
        self._pages: dict[str, tuple[int, tuple[Event, ...]]] = {}  # the worker's: number, events

    def note(self, event: Event, key: str | None = None) -> None:
        """Leave it for the worker; under a ``key``, in place of what that has."""
        self._desk.keep(keys.DESK_AUDIT, key or self._new_id(), dumps(_record(event)))

    def waiting(self) -> dict[str, Event]:
        """What lies on the desk, by key, oldest first; what is too much is dropped."""
        notes, found = self._desk.notes(keys.DESK_AUDIT), {}
        for key, text in notes.items():
            try:
                found[key] = _load(load_object(text))
            except ValueError as exc:
                _LOG.error("An entry of the audit log can't be read: %s", exc)
                self._desk.drop(keys.DESK_AUDIT, key)
        for key in list(found)[:-MAX_NOTES]:
            self._desk.drop(keys.DESK_AUDIT, key)
            del found[key]
        return found

    def publish(self, noted: dict[str, Event]) -> None:
        """Write these to the store, and take them from the desk; the worker alone does."""
        for ring in _RINGS:
            own = {key: event for key, event in noted.items()
                   if (event.what in OF_ADMINS) == bool(ring)}
            if own:
                self._publish(ring, own.values())
            for key in own:
                self._desk.drop(keys.DESK_AUDIT, key)

    def _publish(self, ring: str, noted: Iterable[Event]) -> None:
        number, before = self._pages.get(ring) or self._last_page(ring)
        events = (*before, *noted)
        while True:
            page, events = events[:PER_PAGE], events[PER_PAGE:]
            self._board.put_record(
                keys.audit(self._peer_id), f"{ring}{number % PAGES}",
                {"number": number, "events": [_record(event) for event in page]},
                is_repeated=True)
            self._pages[ring] = (number, page)
            if not events:
                break
            number += 1

    def of(self, peers: Iterable[str]) -> list[Event]:
        """What these peers told, and what waits here."""
        found = [replace(event, peer=self._peer_id) for event in self.waiting().values()]
        for peer in peers:
            for _, events in self._board.sealed(keys.audit(peer), load_page).values():
                found += (replace(event, peer=peer) for event in events)
        return found

    def _last_page(self, ring: str) -> tuple[int, tuple[Event, ...]]:
        pages = self._board.sealed(keys.audit(self._peer_id), load_page).items()
        own = [page for field, page in pages
               if field.startswith(ring) and field[len(ring):].isdecimal()]
        return max(own, key=lambda page: page[0], default=(0, ()))


def _record(event: Event) -> dict[str, Any]:
    record: dict[str, Any] = {"at": to_iso(event.at), "what": event.what, "who": event.who}
    for name, value in (("about", event.about), ("address", event.address)):
        if value:
            record[name] = value[:200]
    return record | ({"times": event.times} if event.times > 1 else {})


def _load(record: dict[str, Any]) -> Event:
    what = record.get("what")
    if not isinstance(what, str) or what not in WHATS:
        raise ValueError("not an event")
    return Event(
        at=from_iso(record.get("at")), what=cast("What", what), who=text_of(record, "who", 200),
        about=text_of({"about": "", **record}, "about", MAX_TEXT),
        address=text_of({"address": "", **record}, "address", MAX_TEXT),
        times=whole(record, "times", 1))


def load_page(text: str) -> tuple[int, tuple[Event, ...]]:
    """Number and events of a page. Raises ValueError for what is none."""
    record = load_object(text)
    events = objects(record, "events")
    if len(events) > PER_PAGE:
        raise ValueError("too many")
    return whole(record, "number"), tuple(_load(event) for event in events)
