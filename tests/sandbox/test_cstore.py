"""CStore as it really is: replication, confirmation, divergence, blocking, hsync."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.lab import Lab


def replicas(lab: Lab, key: str = "f", hkey: str = "h") -> list[Any]:
    """A field's value on each node, read without a call."""
    return [lab.network.dump(node)["hashes"].get(hkey, {}).get(key)
            for node in range(len(lab.peers))]


# Writing and confirmation.


def test_a_kind_write_is_everywhere_when_it_is_answered() -> None:
    lab = Lab(3)
    assert lab.seconds(0, "set", key="k", value="1", chainstore_peers=lab.peers) == 0.1
    assert lab.hset(0, "f", "v") is True
    assert replicas(lab) == ["v"] * 3
    assert [lab.ask(node, "get", key="k").result for node in range(3)] == ["1"] * 3


def test_a_write_goes_only_to_the_peers_it_names() -> None:
    lab = Lab(3)
    lab.hset(0, "f", "v", peers=[lab.peers[1]])
    assert replicas(lab) == ["v", "v", None]


def test_default_targets_get_every_write() -> None:
    lab = Lab(3)
    lab.network.set(0, default_targets=[0, 2])
    assert lab.hset(0, "f", "v", peers=[]) is True
    assert replicas(lab) == ["v", None, "v"]


def test_a_replica_lags_by_the_replication_delay() -> None:
    lab = Lab(replication_delay=5)
    write = lab.begin(0, "hset", hkey="h", key="f", value="v", chainstore_peers=lab.peers)
    lab.time.advance(4.9)
    assert (write, lab.hget(1, "f")) == ([], None)
    lab.time.advance(0.2)
    assert (write[0].result, lab.hget(1, "f")) == (True, "v")


def test_jitter_makes_replicas_lag_unequally() -> None:
    lab = Lab(3, replication_jitter=10)
    lab.begin(0, "hset", hkey="h", key="f", value="v", chainstore_peers=lab.peers)
    seen = set()
    for _ in range(1_000):
        lab.time.advance(0.01)
        seen.add(tuple(replicas(lab)))
    assert len(seen) == 3
    assert ("v", "v", "v") in seen


def test_true_means_that_one_other_node_has_it() -> None:
    lab = Lab(3, witness=False)
    lab.network.stop(2)
    assert lab.hset(0, "f", "v") is True
    assert replicas(lab) == ["v", "v", None]


def test_one_confirmation_is_enough_and_comes_with_the_first() -> None:
    lab = Lab(replication_delay=20)  # the witness is as far away
    assert lab.seconds(0, "set", key="k", value="v", chainstore_peers=lab.peers) == 20
    lab = Lab(2, witness=False)
    lab.network.set(0, replication_delay=40)  # the other gets it, but too late to be counted
    assert lab.hset(0, "f", "v") is False
    lab.settle()
    assert replicas(lab) == ["v", "v"]


def test_the_silent_witness_confirms_alone() -> None:
    lab = Lab(1)
    assert lab.hset(0, "f", "v", peers=[]) is True
    lab.network.set(witness=False)
    assert lab.hset(0, "f", "w", peers=[]) is False


def test_without_targets_a_write_is_false_at_once_and_stored_nowhere() -> None:
    lab = Lab(witness=False)
    own = {"chainstore_peers": [lab.peers[0]]}
    assert lab.seconds(0, "hset", hkey="h", key="f", value="v", **own) == 0
    assert lab.ask(0, "set", key="k", value="v").result is False
    assert lab.hset(0, "f", "v", peers=[lab.peers[0]]) is False
    assert lab.network.dump(0)["hashes"] == {}
    assert lab.network.dump(0)["keys"] == {}


def test_an_unconfirmed_write_is_false_after_30_seconds_and_stays() -> None:
    lab = Lab(witness=False)
    lab.network.stop(1)
    peers = {"chainstore_peers": lab.peers}
    assert lab.seconds(0, "hset", hkey="h", key="f", value="v", **peers) == 30
    assert lab.hset(0, "g", "v") is False
    assert lab.hget(0, "f") == "v"
    lab.network.set(confirm_seconds=2)
    assert lab.seconds(0, "hset", hkey="h", key="f", value="w", **peers) == 2


def test_a_peer_that_nobody_has_is_an_unreachable_target() -> None:
    lab = Lab(witness=False)
    assert lab.hset(0, "f", "v", peers=["0xai_nobody"]) is False
    assert lab.time.now() == 30
    assert lab.hget(0, "f") == "v"


def test_lost_messages_leave_replicas_apart() -> None:
    lab = Lab(3, loss=0.5, confirm_seconds=1)
    for number in range(200):
        lab.hset(0, str(number), "v")
    counts = [len(lab.network.dump(node)["hashes"]["h"]) for node in range(3)]
    assert counts[0] == 200
    assert all(70 < count < 130 for count in counts[1:])
    assert lab.network.counters()["messages"] == {
        "sent": 600, "lost": pytest.approx(300, abs=60), "too_large": 0}


def test_a_phantom_true_reached_nobody() -> None:
    lab = Lab(phantom=1)
    assert lab.hset(0, "f", "v") is True
    lab.settle()
    assert replicas(lab) == ["v", None]


def test_a_write_takes_at_least_its_time() -> None:
    lab = Lab(write_seconds=3)
    assert lab.seconds(0, "set", key="k", value="v", chainstore_peers=lab.peers) == 3


def test_an_equal_rewrite_is_true_and_sends_nothing() -> None:
    lab = Lab()
    lab.network.stop(1)
    lab.hset(0, "f", "v")
    lab.network.start(1)
    lab.network.clear_log()
    assert lab.hset(0, "f", "v") is True  # so that a plain retry repairs nothing
    assert replicas(lab) == ["v", None]
    assert lab.network.counters()["messages"]["sent"] == 0
    lab.hset(0, "f", "v ")
    assert replicas(lab) == ["v ", "v "]


def test_crossed_writes_leave_two_nodes_with_each_others_value_for_good() -> None:
    lab = Lab(replication_delay=1)
    for node in (0, 1):
        lab.begin(node, "hset", hkey="h", key="f", value=f"of {node}", chainstore_peers=lab.peers)
    lab.settle()
    assert replicas(lab) == ["of 1", "of 0"]
    lab.time.advance(1e6)
    assert replicas(lab) == ["of 1", "of 0"]
    lab.hset(0, "f", "agreed")  # a rewrite by one agreed writer converges
    lab.settle()
    assert replicas(lab) == ["agreed", "agreed"]


def burst(lab: Lab) -> list[str]:
    """What node 1 saw of ten quick writes of node 0, in its order."""
    lab.network.set(write_seconds=0, serial=False)
    for number in range(10):
        lab.begin(0, "hset", hkey="h", key="f", value=number, chainstore_peers=lab.peers)
    seen: list[Any] = []
    while lab.time.step():
        if (value := replicas(lab)[1]) is not None and value not in seen:
            seen.append(value)
    return seen


def test_messages_between_two_nodes_keep_their_order_unless_they_may_reorder() -> None:
    assert burst(Lab(replication_jitter=5)) == list(range(10))
    shuffled = burst(Lab(replication_jitter=5, reorder=True))
    assert shuffled != sorted(shuffled)


def test_values_over_the_message_limit_stay_here() -> None:
    lab = Lab()
    large = "x" * 2_000_001
    assert lab.hset(0, "f", large) is False
    assert replicas(lab) == [large, None]
    assert lab.hset(0, "g", "x" * 1_999_000) is True
    lab.network.set(message_limit=10)
    assert lab.hset(0, "h", "x" * 10) is False
    assert lab.network.counters()["messages"]["too_large"] == 2


# Reading.


@pytest.mark.parametrize("value", ["text", 1, 1.5, True, [1, None], {"a": {"b": []}}])
def test_any_json_value_is_kept_as_it_was(value: Any) -> None:
    lab = Lab()
    lab.hset(0, "f", value)
    assert lab.hget(1, "f") == value
    lab.ask(0, "set", key="k", value=value, chainstore_peers=lab.peers)
    assert lab.ask(1, "get", key="k").result == value


def test_what_is_missing_is_null_or_an_empty_object() -> None:
    lab = Lab()
    assert [lab.ask(0, "get", key="k").result, lab.hget(0, "f"),
            lab.ask(0, "hgetall", hkey="h").result] == [None, None, {}]


def test_null_deletes_and_hgetall_leaves_it_out_or_shows_it() -> None:
    lab = Lab()
    for key, value in (("f", "v"), ("g", "v"), ("f", None)):
        assert lab.hset(0, key, value) is True
    assert lab.hget(1, "f") is None
    assert lab.ask(1, "hgetall", hkey="h").result == {"g": "v"}
    lab.network.set(show_nulls=True)
    assert lab.ask(1, "hgetall", hkey="h").result == {"g": "v", "f": None}


def test_keys_and_fields_of_hashes_are_apart() -> None:
    lab = Lab()
    lab.ask(0, "set", key="h", value="plain", chainstore_peers=lab.peers)
    assert lab.ask(0, "hgetall", hkey="h").result == {}


def test_the_fields_of_a_hash_come_in_any_order() -> None:
    lab = Lab()
    names = [str(number) for number in range(10)]
    for name in names:
        lab.hset(0, name, "v")
    orders = {tuple(lab.ask(0, "hgetall", hkey="h").result) for _ in range(10)}
    assert len(orders) > 5
    assert all(sorted(order) == names for order in orders)
    lab.network.set(shuffle_fields=False)
    assert list(lab.ask(0, "hgetall", hkey="h").result) == names


@pytest.mark.parametrize(("code", "status"), [(404, 404), (200, 500), ("x", 500), (True, 500)])
def test_an_object_with_status_code_breaks_its_later_reading(code: Any, status: int) -> None:
    lab = Lab()
    assert lab.hset(0, "f", {"status_code": code}) is True
    for node in (0, 1):
        answer = lab.ask(node, "hget", hkey="h", key="f")
        assert (answer.form, answer.status) == ("detail", status)
    assert lab.ask(0, "hgetall", hkey="h").status == 200
    lab.hset(0, "status_code", "a field of that name")
    assert lab.ask(0, "hgetall", hkey="h").status == 500


def test_hgetall_may_fail_while_a_write_goes_on_here_or_arrives() -> None:
    lab = Lab(hgetall_500=1, replication_delay=3)
    assert lab.ask(0, "hgetall", hkey="h").status == 200
    lab.begin(0, "hset", hkey="h", key="f", value="v", chainstore_peers=lab.peers)
    answers = [lab.begin(node, "hgetall", hkey="h") for node in (0, 1)]
    assert [answer[0].status for answer in answers] == [500, 500]  # at once
    assert lab.begin(1, "hget", hkey="h", key="f")[0].status == 200
    lab.settle()
    assert lab.ask(1, "hgetall", hkey="h").result == {"f": "v"}


# One call at a time.


def test_one_slow_write_blocks_every_call_of_its_node_and_api_only() -> None:
    lab = Lab(witness=False)
    slow = lab.begin(0, "hset", hkey="h", key="f", value="v", chainstore_peers=["0xai_nobody"])
    blocked = [lab.begin(0, "get", key="k"), lab.begin(0, "get_status")]
    free = [lab.begin(1, "get", key="k"), lab.begin(0, "delete_file", cid="x")]
    lab.time.advance(29.9)
    assert [len(answers) for answers in [slow, *blocked, *free]] == [0, 0, 0, 1, 1]
    lab.time.advance(0.2)
    assert [len(answers) for answers in [slow, *blocked]] == [1, 1, 1]
    lab.network.set(serial=False)
    lab.begin(0, "hset", hkey="h", key="g", value="v", chainstore_peers=["0xai_nobody"])
    assert lab.begin(0, "get", key="k")


def test_thousands_of_calls_may_wait() -> None:
    lab = Lab()
    lab.begin(0, "set", key="k", value="v", chainstore_peers=lab.peers)
    waiting = [lab.begin(0, "get", key="k") for _ in range(5_000)]
    lab.settle()
    assert {answers[0].result for answers in waiting} == {"v"}


# Nodes that go and come back.


def test_a_node_that_was_offline_gets_no_replay() -> None:
    lab = Lab()
    lab.hset(0, "f", "before")
    lab.network.stop(1)
    assert lab.hset(0, "f", "meanwhile") is True  # the witness has it
    assert lab.ask(1, "get", key="k").form == "reset"
    lab.network.start(1)
    lab.time.advance(1e6)
    assert replicas(lab) == ["meanwhile", "before"]


def test_what_arrives_at_a_node_that_is_down_or_hangs_is_lost() -> None:
    for hang in (False, True):
        lab = Lab(replication_delay=5)
        lab.begin(0, "hset", hkey="h", key="f", value="v", chainstore_peers=lab.peers)
        lab.time.advance(1)
        lab.network.stop(1, hang=hang)
        lab.settle()
        lab.network.start(1)
        assert replicas(lab) == ["v", None]
        assert lab.network.counters()["messages"]["lost"] == 1


def test_calls_of_a_stopped_node_break_and_never_end_later() -> None:
    lab = Lab(witness=False)
    busy = lab.begin(0, "hset", hkey="h", key="f", value="v", chainstore_peers=["0xai_nobody"])
    waiting = lab.begin(0, "get", key="k")
    lab.network.stop(0)
    lab.network.start(0)
    assert lab.begin(0, "get", key="k")[0].form == "ok"
    lab.settle()
    assert [answer.form for answer in [*busy, *waiting]] == ["reset", "reset"]
    assert lab.hget(0, "f") == "v"


def test_a_node_that_hangs_never_answers_until_it_is_back() -> None:
    lab = Lab()
    lab.network.stop(0, hang=True)
    hanging = lab.begin(0, "get", key="k")
    lab.time.advance(1e6)
    assert hanging == []
    assert lab.network.log()[-1]["status"] is None
    lab.network.start(0)
    assert lab.ask(0, "get", key="k").form == "ok"


def test_heal_brings_all_nodes_up_with_the_switches_of_the_start() -> None:
    lab = Lab(latency=1)
    lab.network.stop(0)
    lab.network.stop(1, hang=True)
    lab.network.set(1, loss=1, latency=3)
    lab.network.heal()
    assert [lab.network.dump(node)["state"] for node in (0, 1)] == ["up", "up"]
    assert (lab.network.behaviour(1).loss, lab.network.behaviour(1).latency) == (0, 1)


# hsync.


def missed(**switches: Any) -> Lab:
    """Three nodes; node 1 missed g, a change of f and the removal of d."""
    lab = Lab(3, **switches)
    lab.hset(0, "f", "old")
    lab.hset(0, "d", "deleted later")
    lab.network.stop(1)
    lab.hset(0, "f", "new")
    lab.hset(0, "g", "new")
    lab.hset(0, "d", None)
    lab.network.start(1)
    return lab


def test_hsync_copies_a_hash_from_a_peer_that_answers() -> None:
    lab = missed()
    answer = lab.ask(1, "hsync", hkey="h", chainstore_peers=[lab.peers[0]])
    assert answer.result == {"hkey": "h", "source_peer": lab.peers[0], "merged_fields": 3}
    assert lab.ask(1, "hgetall", hkey="h").result == {"f": "new", "g": "new"}


def test_hsync_takes_only_from_the_peers_it_names_else_from_any() -> None:
    lab = missed()
    lab.network.stop(0)
    assert lab.ask(1, "hsync", hkey="h", chainstore_peers=[lab.peers[0]]).form == "result"
    assert lab.ask(1, "hsync", hkey="h").result["source_peer"] == lab.peers[2]
    lab.network.start(0)
    sources = {lab.ask(1, "hsync", hkey="h").result["source_peer"] for _ in range(20)}
    assert sources == {lab.peers[0], lab.peers[2]}


def test_hsync_without_a_peer_that_answers_is_an_error_after_the_wait() -> None:
    lab = Lab()
    lab.network.stop(1)
    assert lab.ask(0, "hsync", hkey="h").form == "result"
    assert lab.time.now() == 30
    assert lab.ask(0, "hsync", hkey="h", chainstore_peers=[]).form == "result"


def test_hsync_overwrites_newer_values_and_resurrects_deletes() -> None:
    lab = missed()
    lab.ask(0, "hsync", hkey="h", chainstore_peers=[lab.peers[1]])  # from the one that missed it
    assert lab.ask(0, "hgetall", hkey="h").result == {
        "f": "old", "g": "new", "d": "deleted later"}


@pytest.mark.parametrize(("changes", "fields"), [
    (0, {"f": "new", "g": "new"}), (1, {"f": "new", "g": "new", "d": "deleted later"}),
    (3, {"f": "old", "d": "deleted later"}), (4, {"f": "old"}), (99, {}),
])
def test_a_stale_source_gives_its_hash_as_it_was(changes: int, fields: dict[str, str]) -> None:
    lab = Lab(stale_hsync=changes)
    for key, value in [("f", "old"), ("d", "deleted later"), ("f", "new"), ("g", "new"),
                       ("d", None)]:
        lab.hset(0, key, value, peers=[])  # the witness confirms, node 1 gets nothing
    lab.ask(1, "hsync", hkey="h")
    assert lab.ask(1, "hgetall", hkey="h").result == fields


def test_an_old_node_knows_no_hsync_and_gives_none() -> None:
    lab = missed()
    lab.network.set(1, old_node=True)
    assert (lab.ask(1, "hsync", hkey="h").status, lab.ask(1, "hsync", hkey="h").form) == (
        404, "unknown")
    lab.settle()
    assert replicas(lab) == ["new", "old", "new"]
    assert lab.ask(0, "hsync", hkey="h", chainstore_peers=[lab.peers[1]]).form == "result"


def test_plain_keys_are_not_synced() -> None:
    lab = Lab()
    lab.network.stop(1)
    lab.ask(0, "set", key="k", value="v", chainstore_peers=lab.peers)
    lab.network.start(1)
    lab.ask(1, "hsync", hkey="k")
    assert lab.ask(1, "get", key="k").result is None


def test_a_hash_over_the_message_limit_is_not_synced() -> None:
    lab = Lab()
    lab.network.stop(1)
    for number in range(3):
        lab.hset(0, str(number), "x" * 900_000)
    lab.network.start(1)
    assert lab.ask(1, "hsync", hkey="h").form == "result"


def test_hsync_takes_the_time_of_two_messages() -> None:
    lab = Lab(replication_delay=2)
    assert lab.seconds(0, "hsync", hkey="h") == 4


def test_status_is_an_object() -> None:
    assert Lab().ask(0, "get_status").result["ok"] is True
    assert json.dumps(Lab().ask(0, "get_status").result)
