"""Fields that the web process wants written, on their way over the desk to the worker.

The worker is the one process that writes them, and says them again (DATA.md, rules 1 and 3).
Until it has, whoever reads here puts what lies on the desk over what the store shows.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datagen.ports import Desk
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.fields import dumps, load_object

_LOG = logging.getLogger(__name__)
_APART = "\n"  # between the parts of a note's name


@dataclass(frozen=True, kw_only=True)
class _Note:
    name: str
    hkey: str
    field: str
    value: str | None  # as it is to be stored; None = taken away
    is_repeated: bool


class Handed:
    """All methods block, and raise StoreError. Safe to call from any thread."""

    def __init__(
        self, *, board: Board, desk: Desk,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._board, self._desk, self._new_id = board, desk, new_id

    def put(
        self, hkey: str, field: str, value: Mapping[str, Any] | str | None, *,
        is_repeated: bool = True,
    ) -> None:
        """Have this written: an object, sealed, or a plain text. None takes the field away.

        ``is_repeated``: said again for a week, as long as nobody else writes there.
        """
        text = dumps(value) if isinstance(value, Mapping) else value
        self._desk.put_once(
            keys.DESK_HANDED, _APART.join((hkey, field, self._new_id())),
            dumps({"value": text, "isRepeated": is_repeated}))

    def pending(self, hkey: str) -> dict[str, str]:
        """What is to be written into a hash, by field."""
        return self.over(hkey, {})

    def over(self, hkey: str, stored: Mapping[str, str]) -> dict[str, str]:
        """What is in the store's hash, as it will be."""
        found = dict(stored)
        for note in self._notes():
            if note.hkey == hkey and note.value is None:
                found.pop(note.field, None)
            elif note.hkey == hkey and note.value is not None:
                found[note.field] = note.value
        return found

    def tell(self) -> None:
        """Write what lies on the desk, oldest first; for the worker."""
        for note in self._notes():
            record = _object(note.value)
            if record is None:
                self._board.put_plain(note.hkey, note.field, note.value)
            else:
                self._board.put_record(note.hkey, note.field, record,
                                       is_repeated=note.is_repeated)
            self._desk.drop(keys.DESK_HANDED, note.name)

    def _notes(self) -> Iterator[_Note]:
        for name, text in self._desk.notes(keys.DESK_HANDED).items():
            try:
                hkey, field, _ = name.split(_APART)
                record = load_object(text)
                value = record["value"]
            except (ValueError, KeyError) as exc:  # our own disk: damaged, or another version's
                _LOG.error("What was to be written can't be read: %s", exc)
                self._desk.drop(keys.DESK_HANDED, name)
                continue
            yield _Note(name=name, hkey=hkey, field=field,
                        value=value if isinstance(value, str) else None,
                        is_repeated=record.get("isRepeated") is True)


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text) if text is not None else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
