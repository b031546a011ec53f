"""What every HashStore does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from datagen.ports import HashStore
from tests.contracts.nodes import PLAN

OTHER_PEER = PLAN.peer_id(1)
ODD_TEXTS = [
    "",
    " ",
    "a" * 20_000,
    "naïve ☃ 🧪 \u202e",
    "line\nbreak\tand \x00 nothing",
    "'; DROP TABLE hashes; --",
    '{"a":[1,null]}',
    "%_*?[",
]


def test_what_was_never_written_is_absent(store: HashStore) -> None:
    assert store.get("key") is None
    assert store.hget("hash", "field") is None
    assert store.hgetall("hash") == {}


def test_a_key_gives_back_its_newest_value(store: HashStore) -> None:
    store.set("key", "old")
    store.set("key", "new")
    assert store.get("key") == "new"


def test_none_deletes_a_key(store: HashStore) -> None:
    store.set("key", "value")
    store.set("key", None)
    assert store.get("key") is None


def test_a_field_gives_back_its_newest_value(store: HashStore) -> None:
    store.hset("hash", "field", "old")
    store.hset("hash", "field", "new")
    assert store.hget("hash", "field") == "new"
    assert store.hgetall("hash") == {"field": "new"}


def test_none_deletes_a_field_and_leaves_the_others(store: HashStore) -> None:
    store.hset("hash", "gone", "1")
    store.hset("hash", "kept", "2")
    store.hset("hash", "gone", None)
    assert store.hget("hash", "gone") is None
    assert store.hgetall("hash") == {"kept": "2"}


def test_deleting_what_is_absent_is_no_error(store: HashStore) -> None:
    store.set("key", None)
    store.hset("hash", "field", None)
    assert store.get("key") is None
    assert store.hgetall("hash") == {}


def test_hashes_with_similar_names_do_not_mix(store: HashStore) -> None:
    for hkey in ("datagen:job:1:peers", "datagen:job:1", "DATAGEN:JOB:1", "datagen:job:10"):
        store.hset(hkey, "field", hkey)
    assert store.hgetall("datagen:job:1") == {"field": "datagen:job:1"}


def test_fields_differ_by_case(store: HashStore) -> None:
    store.hset("hash", "0xai_A", "upper")
    store.hset("hash", "0xai_a", "lower")
    assert store.hgetall("hash") == {"0xai_A": "upper", "0xai_a": "lower"}


@pytest.mark.parametrize("text", ODD_TEXTS, ids=repr)
def test_any_text_comes_back_as_it_was(store: HashStore, text: str) -> None:
    store.set("key", text)
    store.hset("hash", f"field {text[:50]}", text)
    assert store.get("key") == text
    assert store.hgetall("hash") == {f"field {text[:50]}": text}


def test_half_a_character_is_refused_and_changes_nothing(store: HashStore) -> None:
    store.set("key", "value")
    with pytest.raises(UnicodeEncodeError):
        store.set("key", "\ud83e")
    with pytest.raises(UnicodeEncodeError):
        store.hset("hash", "field", "\ud83e")
    assert store.get("key") == "value"
    assert store.hgetall("hash") == {}


def test_the_answer_is_a_copy(store: HashStore) -> None:
    store.hset("hash", "field", "value")
    store.hgetall("hash").clear()
    assert store.hgetall("hash") == {"field": "value"}


def test_fetching_a_hash_from_another_replica_takes_nothing_away(store: HashStore) -> None:
    store.hset("hash", "field", "value")
    assert store.hsync("hash", OTHER_PEER) is True
    assert store.hgetall("hash") == {"field": "value"}


def test_threads_writing_at_once_lose_nothing(store: HashStore) -> None:
    def write(number: int) -> None:
        store.hset("hash", str(number), f"value {number}")
        assert store.hget("hash", str(number)) == f"value {number}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    assert store.hgetall("hash") == {str(n): f"value {n}" for n in range(200)}
