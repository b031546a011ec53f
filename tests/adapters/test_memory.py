"""The in-memory stores: what they add for tests, and that they behave as the local ones."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from datagen.adapters.local import LocalStore
from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.domain.errors import StoreError, StoreFull


def test_a_planned_fault_hits_the_next_calls_only_and_changes_nothing() -> None:
    store = MemoryStore()
    store.set("key", "before")
    store.fail_next(2)
    with pytest.raises(StoreError):
        store.set("key", "during")
    with pytest.raises(StoreError):
        store.hgetall("hash")
    assert store.get("key") == "before"


def test_a_planned_fault_may_be_any_error_of_a_store() -> None:
    files = MemoryFiles()
    files.fail_next(error=StoreFull("full"))
    with pytest.raises(StoreFull):
        files.add(io.BytesIO(b"content"), "a.txt")
    with files.open(files.add(io.BytesIO(b"content"), "a.txt")) as stream:
        assert stream.read() == b"content"


NAMES = st.sampled_from(["", "a", "A", "a ", "ä", "a\x00b", "x" * 300])
VALUES = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))


class SameStore(RuleBasedStateMachine):
    """Whatever is done to both stores, both answer the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = MemoryStore()
        self.local = LocalStore(self.folder / "store.sqlite3")

    def teardown(self) -> None:
        self.local.close()
        shutil.rmtree(self.folder)

    @rule(key=NAMES, value=VALUES)
    def set(self, key: str, value: str | None) -> None:
        self.memory.set(key, value)
        self.local.set(key, value)
        assert self.local.get(key) == self.memory.get(key)

    @rule(hkey=NAMES, field=NAMES, value=VALUES)
    def hset(self, hkey: str, field: str, value: str | None) -> None:
        self.memory.hset(hkey, field, value)
        self.local.hset(hkey, field, value)
        assert self.local.hget(hkey, field) == self.memory.hget(hkey, field)

    @rule(topic=NAMES, key=NAMES, value=VALUES.filter(bool))
    def put_once(self, topic: str, key: str, value: str) -> None:
        expected = self.memory.put_once(topic, key, value)
        assert self.local.put_once(topic, key, value) == expected

    @rule(topic=NAMES, key=NAMES, value=VALUES.filter(bool))
    def keep(self, topic: str, key: str, value: str) -> None:
        self.memory.keep(topic, key, value)
        self.local.keep(topic, key, value)
        assert self.memory.note(topic, key) == self.local.note(topic, key) == value

    @rule(topic=NAMES, key=NAMES)
    def drop(self, topic: str, key: str) -> None:
        self.memory.drop(topic, key)
        self.local.drop(topic, key)

    @rule()
    def start_again(self) -> None:
        self.local.close()
        self.local = LocalStore(self.folder / "store.sqlite3")

    @rule(name=NAMES)
    def look(self, name: str) -> None:
        assert self.local.get(name) == self.memory.get(name)
        assert self.local.hgetall(name) == self.memory.hgetall(name)

    @invariant()
    def notes_come_in_the_same_order(self) -> None:
        for topic in ("", "a"):
            expected = list(self.memory.notes(topic).items())
            assert list(self.local.notes(topic).items()) == expected


TestSameStore = SameStore.TestCase
TestSameStore.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
