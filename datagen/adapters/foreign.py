"""Values of a shared store that can't be DataGen's: anybody in a node's network may write."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from threading import Lock
from typing import Any

_LOG = logging.getLogger(__name__)

VALUE_LIMIT = 1024 * 1024  # bytes; nodes don't pass on messages over 2 MB
_MANY_PLACES = 10_000  # that are counted
_MANY_HASHES = 1_000  # of which each is told of once


class Foreign:
    """Tells DataGen's values from others, counts those and tells of them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._places: set[tuple[str, str]] = set()
        self._told: set[str] = set()

    @property
    def count(self) -> int:
        return len(self._places)

    def sifted(self, hkey: str, fields: Mapping[str, Any]) -> dict[str, str]:
        """Without what is absent (null) and what is strange; that is told once per hash."""
        kept = {name: value for name, value in fields.items() if _is_ours(name, value)}
        strange = {(hkey, name) for name, value in fields.items()
                   if value is not None and name not in kept}
        if strange:
            self._note(hkey, strange)
        return kept

    def _note(self, hkey: str, strange: set[tuple[str, str]]) -> None:
        with self._lock:
            if len(self._places) < _MANY_PLACES:
                self._places |= strange
            tell = hkey not in self._told and len(self._told) < _MANY_HASHES
            if tell:
                self._told.add(hkey)
        if tell:
            _LOG.warning(
                "The shared store holds %d value(s) in %s that are not DataGen's: not text, or "
                "more than 1 MiB. They are left out.", len(strange), printable(hkey)
            )


def _is_ours(name: str, value: Any) -> bool:
    if not isinstance(value, str) or len(value) > VALUE_LIMIT:
        return False
    try:
        return len(value.encode()) <= VALUE_LIMIT and name.encode() is not None
    except UnicodeEncodeError:  # half a surrogate pair: nothing could write it down
        return False


def printable(name: str) -> str:
    """A hash's name, fit for one line of a log."""
    return re.sub(r"[^\w.:-]", "_", name)[:120]
