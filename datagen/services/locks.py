"""One lock per name, for as long as anybody needs it."""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary


class Locks:
    """Safe to call from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    def of(self, name: str) -> threading.Lock:
        """The same lock for the same name, while the caller or another holds on to it."""
        with self._guard:
            lock = self._locks.get(name)
            if lock is None:
                lock = self._locks[name] = threading.Lock()
            return lock
