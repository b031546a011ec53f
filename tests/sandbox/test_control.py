"""The control routes: see, change, stop, start, heal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from datagen.sandbox import Plan, Sandbox, running


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with running(Plan(nodes=2, scale=100)) as made:
        yield made


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.network.heal()
    shared.network.clear_log()


def call(sandbox: Sandbox, method: str, path: str, **more: Any) -> requests.Response:
    return requests.request(method, sandbox.control_url + path, timeout=20, **more)


def write(sandbox: Sandbox, node: int = 0) -> None:
    requests.post(sandbox.nodes[node].cstore_url + "/hset", timeout=20, json={
        "hkey": "a:b:c", "key": "f", "value": "v", "chainstore_peers": []})


def test_state_shows_one_node_or_all(sandbox: Sandbox) -> None:
    write(sandbox)
    one = call(sandbox, "GET", "/state?node=0").json()
    assert one["hashes"] == {"a:b:c": {"f": "v"}}
    assert one["behaviour"]["serial"] is True
    assert [node["state"] for node in call(sandbox, "GET", "/state").json()["nodes"]] == [
        "up", "up"]


def test_halves_of_characters_in_keys_and_values_harm_nothing(sandbox: Sandbox) -> None:
    odd, url = "\ud800\x00", sandbox.nodes[0].cstore_url
    body = json.dumps({"hkey": odd, "key": odd, "value": odd, "chainstore_peers": [odd]})
    assert requests.post(url + "/hset", data=body, timeout=20).json()["result"] is True
    state = json.loads(call(sandbox, "GET", "/state?node=0").text)
    assert state["hashes"][odd] == {odd: odd}
    assert call(sandbox, "GET", "/log").json()["log"][0]["key"] == odd
    named = json.dumps({"data": odd, "fn": odd, "secret": odd, "nonce": 1})
    added = requests.post(sandbox.nodes[0].r1fs_url + "/add_json", data=named, timeout=20)
    assert added.json()["result"]["cid"]


def test_log_and_counters_tell_what_was_asked_until_they_are_cleared(sandbox: Sandbox) -> None:
    write(sandbox)
    assert [entry["op"] for entry in call(sandbox, "GET", "/log").json()["log"]] == ["hset"]
    assert call(sandbox, "GET", "/counters").json()["cstore"] == {"a:b": {"hset": 1}}
    assert call(sandbox, "GET", "/counters?node=1").json()["cstore"] == {}
    assert call(sandbox, "DELETE", "/log").json() == {"ok": True}
    assert call(sandbox, "GET", "/log").json() == {"log": []}
    assert call(sandbox, "GET", "/counters").json()["cstore"] == {}


def test_set_changes_switches_of_one_node_or_all(sandbox: Sandbox) -> None:
    assert call(sandbox, "POST", "/set", json={"node": 1, "loss": 0.5}).ok
    assert call(sandbox, "POST", "/set", json={"raw": True}).ok
    assert [(sandbox.network.behaviour(node).loss, sandbox.network.behaviour(node).raw)
            for node in (0, 1)] == [(0, True), (0.5, True)]


@pytest.mark.parametrize("hang", [False, True])
def test_stop_and_start_take_a_node_offline_and_back(sandbox: Sandbox, hang: bool) -> None:
    assert call(sandbox, "POST", "/stop", json={"node": 1, "hang": hang}).ok
    with pytest.raises(requests.ReadTimeout if hang else requests.ConnectionError):
        requests.get(sandbox.nodes[1].cstore_url + "/get_status", timeout=0.2)
    assert call(sandbox, "POST", "/start", json={"node": 1}).ok
    assert requests.get(sandbox.nodes[1].cstore_url + "/get_status", timeout=20).ok


def test_heal_undoes_what_was_done(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/set", json={"loss": 1})
    call(sandbox, "POST", "/stop", json={"node": 0})
    assert call(sandbox, "POST", "/heal").ok
    assert requests.get(sandbox.nodes[0].cstore_url + "/get_status", timeout=20).ok
    assert sandbox.network.behaviour(0).loss == 0


def test_what_was_stored_elsewhere_can_be_loaded_with_its_ids(sandbox: Sandbox) -> None:
    cid, first = "7f06ce509171b208f6a99fb3c94a2618", sandbox.nodes[0]
    assert call(sandbox, "POST", "/load", json={
        "node": 0, "keys": {"k": "v"}, "hashes": {"h": {"f": "v"}},
        "files": {cid: {"name": "a.txt", "base64": "aGVsbG8="}}}).ok

    def result(url: str, **query: str) -> Any:
        return requests.get(url, query, timeout=20).json()["result"]

    assert result(first.cstore_url + "/get", key="k") == "v"
    assert result(first.cstore_url + "/hgetall", hkey="h") == {"f": "v"}
    assert result(sandbox.nodes[1].cstore_url + "/hgetall", hkey="h") == {}
    for node in sandbox.nodes:  # a file is fetched from where it is
        file = requests.get(node.r1fs_url + "/get_file", {"cid": cid}, timeout=20)
        assert file.content == b"hello"


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/set", b"["), ("POST", "/set", b"[]"), ("POST", "/set", b'{"los": 1}'),
    ("POST", "/set", b'{"self": 1}'),
    ("POST", "/set", b'{"loss": 2}'), ("POST", "/set", b'{"node": 9}'), ("POST", "/stop", b"{}"),
    ("POST", "/stop", b'{"node": "0"}'), ("POST", "/start", b'{"node": -1}'),
    ("POST", "/load", b'{"node": 0, "keys": []}'),
    ("POST", "/load", b'{"node": 0, "hashes": {"h": 1}}'),
    ("POST", "/load", b'{"node": 0, "files": {"Qm": {"name": "a", "base64": "?"}}}'),
    ("POST", "/load", b'{"node": 0, "files": {"Qm": "a"}}'), ("POST", "/load", b"{}"),
    ("POST", "/set", b" " * 17_000_000),
    ("GET", "/state?node=9", b""), ("GET", "/state?node=x", b""),
])
def test_what_does_not_fit_is_a_400_with_a_sentence(
    sandbox: Sandbox, method: str, path: str, body: bytes
) -> None:
    answer = call(sandbox, method, path, data=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_a_web_page_that_somebody_has_open_can_not_reach_it(sandbox: Sandbox) -> None:
    answer = call(sandbox, "POST", "/stop", json={"node": 0}, headers={"Origin": "http://x.test"})
    assert answer.status_code == 403
    assert sandbox.network.dump(0)["state"] == "up"
