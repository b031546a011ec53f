"""Values in our keys that are not ours: anyone on a node may write them.

Whoever reads a key leaves them out and says so here.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import defaultdict
from collections.abc import Mapping

_LOG = logging.getLogger(__name__)
MAX_COUNTED = 10_000  # fields told apart by one process
MAX_LOGGED = 200  # fields told in the log
_OF_SOMEBODY = re.compile(r"datagen:(job|user):.*:(\w+)", re.DOTALL)


class Foreign:
    """Counts them by kind of key, and logs each field once. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fields: dict[str, set[str]] = defaultdict(set)
        self._counted = 0

    def ignored(self, key: str, field: str, exc: Exception) -> None:
        """A value was left out because of ``exc``, whose text may be hostile too."""
        name = f"{key[:100]}/{field[:100]}"
        kind = _OF_SOMEBODY.sub(r"datagen:\1:*:\2", key)[:100]
        with self._lock:
            if self._counted >= MAX_COUNTED or name in self._fields[kind]:
                return
            self._fields[kind].add(name)
            self._counted += 1
            number = self._counted
        if number <= MAX_LOGGED:
            _LOG.warning("Ignored a value that is not ours: %r (%s)", name, type(exc).__name__)
        if number == MAX_LOGGED:
            _LOG.warning("More such values are ignored without a line here.")

    def counts(self) -> Mapping[str, int]:
        """Fields that were left out so far, by kind of key: ``datagen:job:*:peers``."""
        with self._lock:
            return {kind: len(fields) for kind, fields in self._fields.items()}
