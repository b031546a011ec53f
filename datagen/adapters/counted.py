"""A hash store whose calls are counted, and whose last error is remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.domain.peers import Vitals
from datagen.ports import Clock, HashStore

T = TypeVar("T")
MAX_TROUBLE = 200  # characters


class CountedStore:
    """The HashStore port over another one. Safe to call from any thread."""

    def __init__(self, store: HashStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._vitals = Vitals()

    def vitals(self) -> Vitals:
        """As of now."""
        return self._vitals

    def get(self, key: str) -> str | None:
        return self._counted(lambda: self._store.get(key))

    def set(self, key: str, value: str | None) -> None:
        self._counted(lambda: self._store.set(key, value))

    def hget(self, hkey: str, field: str) -> str | None:
        return self._counted(lambda: self._store.hget(hkey, field))

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        self._counted(lambda: self._store.hset(hkey, field, value))

    def hgetall(self, hkey: str) -> dict[str, str]:
        return self._counted(lambda: self._store.hgetall(hkey))

    def hsync(self, hkey: str, peer: str) -> bool:
        return self._counted(lambda: self._store.hsync(hkey, peer))

    def _counted(self, call: Callable[[], T]) -> T:
        trouble: StoreError | None = None
        try:
            return call()
        except StoreError as exc:
            trouble = exc
            raise
        finally:
            with self._lock:
                seen = replace(self._vitals, store_calls=self._vitals.store_calls + 1)
                if trouble is not None and not isinstance(trouble, StoreUnconfirmed):
                    seen = replace(seen, store_errors=seen.store_errors + 1,
                                   trouble=str(trouble)[:MAX_TROUBLE],
                                   trouble_at=self._clock.now())
                self._vitals = seen
