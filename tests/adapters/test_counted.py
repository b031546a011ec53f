"""Calls of a store are counted and its last error is told."""

from __future__ import annotations

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.counted import CountedStore
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.domain.peers import Vitals


def test_calls_and_errors_are_counted_and_the_last_errors_words_kept() -> None:
    inner, clock = MemoryStore(), HandClock()
    store = CountedStore(inner, clock)
    store.set("k", "1")
    store.hset("h", "f", "2")
    assert (store.get("k"), store.hget("h", "f"), store.hgetall("h")) == ("1", "2", {"f": "2"})
    assert store.hsync("h", "peer")
    assert store.vitals() == Vitals(store_calls=6)

    inner.fail_next(1, StoreError("x" * 500))
    with pytest.raises(StoreError):
        store.get("k")
    assert store.vitals() == Vitals(store_calls=7, store_errors=1, trouble="x" * 200,
                                    trouble_at=clock.now())


def test_a_write_that_nobody_confirmed_yet_is_no_error() -> None:
    inner = MemoryStore()
    store = CountedStore(inner, HandClock())
    inner.fail_next(1, StoreUnconfirmed("nobody yet"))
    with pytest.raises(StoreUnconfirmed):
        store.set("k", "1")
    assert store.vitals() == Vitals(store_calls=1)
