"""What is common to both APIs: failures by chance, the record, switches while it runs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from datagen.domain.errors import InputError
from datagen.sandbox import Behaviour
from datagen.sandbox.behaviour import CSTORE_FORMS, R1FS_FORMS
from datagen.sandbox.record import LOG_SIZE, MAX_PREFIXES, prefix
from tests.sandbox.lab import Lab


def test_failures_come_at_their_rate_in_each_form() -> None:
    lab = Lab(cstore_errors=0.05, r1fs_errors={"null": 0.2, "text": 0.1})
    forms = Counter(lab.ask(0, "get", key="k").form for _ in range(2_000))
    assert set(forms) == {"ok", *CSTORE_FORMS}
    assert all(60 < forms[form] < 140 for form in CSTORE_FORMS)
    forms = Counter(lab.ask(0, "add_json", data=1).form for _ in range(1_000))
    assert (set(forms), 150 < forms["null"] < 250, 60 < forms["text"] < 140) == (
        {"ok", "null", "text"}, True, True)


def test_a_failing_write_may_have_been_carried_out() -> None:
    for share, stored in ((0, 0), (1, 100), (0.5, pytest.approx(50, abs=20))):
        lab = Lab(cstore_errors={"detail": 1}, errors_applied=share)
        for number in range(100):
            assert lab.hset(0, str(number), "v") is None
        assert len(lab.network.dump(1)["hashes"].get("h", {})) == stored


def test_a_504_may_take_as_long_as_on_a_real_node_and_blocks_it() -> None:
    lab = Lab(cstore_errors={"timeout": 1}, timeout_after=120)
    assert lab.seconds(0, "get", key="k") == 120
    lab.begin(0, "get", key="k")
    assert lab.seconds(0, "get", key="k") == 240


def test_latency_delays_an_answer_and_blocks_nothing() -> None:
    lab = Lab(latency=2)
    answers = [lab.begin(0, "get", key="k") for _ in range(3)]
    lab.time.advance(1.9)
    assert answers == [[], [], []]
    lab.time.advance(0.2)
    assert [len(each) for each in answers] == [1, 1, 1]


def story(seed: int) -> list[Any]:
    """Everything that is seen of an unkind network."""
    lab = Lab(3, seed=seed, loss=0.3, replication_jitter=5, reorder=True, cstore_errors=0.05,
              r1fs_errors=0.05, dead_files=0.3)
    for number in range(30):
        lab.begin(number % 3, "hset", hkey="h", key=str(number % 5), value=number,
                  chainstore_peers=lab.peers)
        lab.begin(number % 3, "hgetall", hkey="h")
        lab.begin(number % 2, "add_json", data=number)
    lab.settle()
    return [lab.network.log(), *(lab.network.dump(node) for node in range(3))]


def test_everything_repeats_by_its_seed() -> None:
    assert story(1) == story(1)
    assert story(1) != story(2)


def test_switches_change_one_node_or_all_while_it_runs() -> None:
    lab = Lab(3)
    lab.network.set(latency=1)
    lab.network.set(1, latency=2, raw=True)
    assert [lab.network.behaviour(node).latency for node in range(3)] == [1, 2, 1]
    with pytest.raises(InputError, match="loss takes a number from 0 to 1"):
        lab.network.set(latency=5, loss=2)
    assert lab.network.behaviour(0).latency == 1  # all or nothing


@pytest.mark.parametrize("node", [-1, 2, "0", True, None])
def test_a_node_that_is_not_there_is_told(node: Any) -> None:
    with pytest.raises(InputError, match="0 to 1"):
        Lab().network.stop(node)


# The record.


def test_the_log_says_what_was_asked_without_values_and_secrets() -> None:
    lab = Lab()
    lab.hset(1, "field", "the value", hkey="hash")
    lab.ask(0, "set", key="key", value="the value")
    lab.ask(0, "add_json", data="the value", fn="the value", secret="the secret")
    lab.ask(0, "get_file", cid="Qm", secret="the secret")
    log = lab.network.log()
    assert [(entry["node"], entry["api"], entry["op"], entry["key"], entry["field"])
            for entry in log] == [
        (1, "cstore", "hset", "hash", "field"), (0, "cstore", "set", "key", None),
        (0, "r1fs", "add_json", None, None), (0, "r1fs", "get_file", "Qm", None)]
    assert [entry["status"] for entry in log] == [200, 200, 200, 404]
    assert [entry["ms"] for entry in log] == [100, 100, 0, 0]
    assert "the value" not in json.dumps(log)
    assert "the secret" not in json.dumps(log)


def test_log_and_counters_are_bounded_and_can_be_cleared() -> None:
    lab = Lab()
    for number in range(LOG_SIZE + 10):
        lab.begin(0, "get", key=f"{number}:{'x' * 1_000}")
    log, counters = lab.network.log(), lab.network.counters()["cstore"]
    assert len(log) == LOG_SIZE
    assert max(len(entry["key"]) for entry in log) == 300
    assert len(counters) == MAX_PREFIXES + 1
    assert counters["…"]["get"] == LOG_SIZE + 10 - MAX_PREFIXES
    lab.network.clear_log()
    assert lab.network.log() == []
    assert lab.network.counters() == {
        "cstore": {}, "r1fs": {}, "messages": {"sent": 0, "lost": 0, "too_large": 0}}


def test_calls_are_counted_by_key_prefix_and_op() -> None:
    lab = Lab()
    for job in "12":
        lab.hset(0, "peer", "v", hkey=f"datagen:job:{job}:peers")
    lab.ask(1, "hgetall", hkey="datagen:job:1:peers")
    lab.ask(1, "get", key="datagen:metrics")
    lab.ask(1, "add_json", data=1)
    counters = lab.network.counters()
    assert counters["cstore"] == {"datagen:job": {"hset": 2, "hgetall": 1},
                                  "datagen:metrics": {"get": 1}}
    assert counters["r1fs"] == {"add_json": 1}
    assert lab.network.counters(0)["cstore"] == {"datagen:job": {"hset": 2}}
    assert lab.network.counters(1)["r1fs"] == {"add_json": 1}


@pytest.mark.parametrize(("key", "expected"), [
    ("datagen:jobs", "datagen:jobs"), ("datagen:job:7:peers", "datagen:job"), ("k", "k"), ("", "")])
def test_a_prefix_is_the_first_two_parts_of_a_key(key: str, expected: str) -> None:
    assert prefix(key) == expected


def test_what_is_dumped_is_a_copy() -> None:
    lab = Lab()
    lab.hset(0, "f", "v")
    lab.network.dump(0)["hashes"]["h"]["f"] = "changed"
    assert lab.hget(0, "f") == "v"


def test_a_dump_shows_files_without_their_bytes_and_secrets() -> None:
    lab = Lab()
    cid = lab.ask(0, "add_json", data="content", fn="n.json", secret="hidden").result["cid"]
    dump = lab.network.dump(0)
    assert dump["files"] == {cid: {"name": "n.json", "bytes": 9}}
    assert "hidden" not in json.dumps(dump)


def test_every_form_of_failure_can_be_asked_for() -> None:
    assert Behaviour(cstore_errors=0.1).cstore_errors == dict.fromkeys(CSTORE_FORMS, 0.1)
    assert Behaviour(r1fs_errors=0.1).r1fs_errors == dict.fromkeys(R1FS_FORMS, 0.1)
