"""Fields on their way from the web process over the desk to the store."""

from __future__ import annotations

import json
import logging

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import StoreError
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.handed import Handed
from datagen.protocol.said import Said
from datagen.protocol.seal import Seal

HKEY = "datagen:users"


class Bench:
    def __init__(self) -> None:
        self.store, self.desk = MemoryStore(), MemoryStore()
        self.said = Said(desk=self.desk, clock=HandClock())
        self.seal = Seal("pepper")
        self.handed = Handed(
            board=Board(self.store, seal=self.seal, said=self.said), desk=self.desk)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_lies_on_the_desk_counts_over_what_the_store_shows(bench: Bench) -> None:
    bench.handed.put(HKEY, "ada", {"n": 1})
    bench.handed.put(HKEY, "ada", {"n": 2})
    bench.handed.put(HKEY, "ben", None)
    bench.handed.put("another", "eve", {"n": 3})
    shown = bench.handed.over(HKEY, {"ada": "{}", "ben": "{}", "cle": "{}"})
    assert {field: json.loads(text) for field, text in shown.items()} == {
        "ada": {"n": 2}, "cle": {}}


def test_the_worker_writes_them_sealed_in_their_order_and_says_them_again(bench: Bench) -> None:
    for number in (1, 2):
        bench.handed.put(HKEY, "ada", {"n": number})
    bench.handed.put("datagen:user-email-index", "a@example.com", "ada")
    bench.handed.tell()

    text = bench.store.hget(HKEY, "ada")
    assert text is not None
    assert json.loads(text)["n"] == 2
    assert bench.seal.holds(HKEY, "ada", text)
    assert bench.store.hget("datagen:user-email-index", "a@example.com") == "ada"
    assert bench.desk.notes(keys.DESK_HANDED) == {}
    assert [place.field for place in bench.said.due(())] == []
    assert not bench.said.is_empty()


def test_what_is_not_to_be_repeated_is_not(bench: Bench) -> None:
    bench.handed.put(HKEY, "ada", {"n": 1}, is_repeated=False)
    bench.handed.tell()
    assert bench.said.is_empty()


def test_a_field_is_taken_away(bench: Bench) -> None:
    bench.handed.put(HKEY, "ada", {"n": 1})
    bench.handed.tell()
    bench.handed.put(HKEY, "ada", None)
    bench.handed.tell()
    assert bench.store.hgetall(HKEY) == {}
    assert bench.said.is_empty()


def test_a_store_that_fails_leaves_the_rest_for_later(bench: Bench) -> None:
    for name in ("ada", "ben"):
        bench.handed.put(HKEY, name, {"n": 1})
    bench.store.fail_next()
    with pytest.raises(StoreError):
        bench.handed.tell()
    bench.handed.tell()
    assert set(bench.store.hgetall(HKEY)) == {"ada", "ben"}


def test_a_damaged_note_costs_only_itself(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.desk.put_once(keys.DESK_HANDED, "nonsense", "{}")
    bench.desk.put_once(keys.DESK_HANDED, "a\nb\nc", "not JSON")
    bench.handed.put(HKEY, "ada", {"n": 1})
    with caplog.at_level(logging.ERROR):
        bench.handed.tell()
    assert set(bench.store.hgetall(HKEY)) == {"ada"}
    assert len(caplog.records) == 2
    assert bench.desk.notes(keys.DESK_HANDED) == {}
