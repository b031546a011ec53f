"""Keys and hashes: the earlier application's SDK and our CStore adapter, over one store."""

from __future__ import annotations

import json

import pytest

from datagen.ports import HashStore
from datagen.protocol.fields import dumps
from tests.npm.npm_driver import Npm

TEXTS = ["plain", "", "null", "0", '{"a":[1,null,"ü"]}', "Zoë 🐻 \u202e \\ \" \n \t", "x" * 100_000]
KEYS = ["k", "datagen:job:job_1_abc:peers", "ü/&=?+# %20", "🐻"]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_written_by_either_is_read_by_the_other(
    npm: Npm, store: HashStore, text: str
) -> None:
    npm.cstore("setValue", key="theirs", value=text)
    npm.cstore("hset", hkey="h", key="theirs", value=text)
    store.set("ours", text)
    store.hset("h", "ours", text)

    assert store.get("theirs") == store.hget("h", "theirs") == text
    assert npm.cstore("getValue", key="ours") == text
    assert npm.cstore("hget", hkey="h", key="ours") == text
    assert store.hgetall("h") == npm.cstore("hgetall", hkey="h") == {"theirs": text, "ours": text}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_means_the_same_to_both(npm: Npm, store: HashStore, key: str) -> None:
    npm.cstore("setValue", key=key, value="theirs")
    npm.cstore("hset", hkey=key, key=key, value="theirs")
    assert store.get(key) == store.hget(key, key) == "theirs"

    store.set(key, "ours")
    store.hset(key, key, "ours")
    assert npm.cstore("getValue", key=key) == npm.cstore("hget", hkey=key, key=key) == "ours"


def test_what_is_not_there_is_null_to_both(npm: Npm, store: HashStore) -> None:
    assert store.get("none") is store.hget("none", "none") is None
    assert npm.cstore("getValue", key="none") is None
    assert npm.cstore("hget", hkey="none", key="none") is None
    assert store.hgetall("none") == npm.cstore("hgetall", hkey="none") == {}


def test_what_either_deletes_is_gone_for_both(npm: Npm, store: HashStore) -> None:
    for name in ("theirs", "ours"):
        npm.cstore("setValue", key=name, value="here")
        npm.cstore("hset", hkey="h", key=name, value="here")

    npm.cstore("setValue", key="theirs", value=None)
    npm.cstore("hset", hkey="h", key="theirs", value=None)
    store.set("ours", None)
    store.hset("h", "ours", None)

    for name in ("theirs", "ours"):
        assert store.get(name) is store.hget("h", name) is None
        assert npm.cstore("getValue", key=name) is None
        assert npm.cstore("hget", hkey="h", key=name) is None
    assert store.hgetall("h") == {}
    assert set(npm.cstore("hgetall", hkey="h").values()) <= {None}  # a node may show the fields


def test_the_last_writer_wins_whoever_it_is(npm: Npm, store: HashStore) -> None:
    store.hset("h", "f", "1")
    npm.cstore("hset", hkey="h", key="f", value="2")
    assert store.hget("h", "f") == "2"

    store.hset("h", "f", "3")
    assert npm.cstore("hget", hkey="h", key="f") == "3"


def test_a_record_of_ours_is_the_json_that_the_earlier_application_parses(
    npm: Npm, store: HashStore
) -> None:
    record = {"id": "job_1700000000000_a1b2c3", "title": "Zoë's tickets 🐻", "totalRecords": 7}

    store.hset("datagen:jobs", record["id"], dumps(record))

    read = npm.cstore("hget", hkey="datagen:jobs", key=record["id"])
    assert json.loads(read) == record
