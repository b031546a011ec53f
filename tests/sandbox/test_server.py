"""The sandbox over HTTP: its ports, its errors on the wire, its bounds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from datagen.domain.errors import DatagenError
from datagen.sandbox import Plan, Sandbox, running
from datagen.sandbox import app as app_module
from datagen.sandbox.behaviour import CSTORE_FORMS, R1FS_FORMS

NODE_FIELDS = {"server_node_addr", "evm_network", "ee_node_alias", "ee_node_address",
               "ee_node_eth_address", "ee_node_network", "ee_node_ver"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with running(Plan(nodes=2, scale=100)) as made:
        yield made


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    """Two kind nodes; what a test does to them ends with it, what it stores stays."""
    yield shared
    shared.network.heal()
    shared.network.clear_log()


def get(url: str, path: str, **query: str) -> requests.Response:
    return requests.get(f"{url}/{path}", params=query, timeout=20)


def post(url: str, path: str, **body: Any) -> requests.Response:
    return requests.post(f"{url}/{path}", json=body, timeout=20)


def test_a_write_on_one_node_is_read_on_another(sandbox: Sandbox) -> None:
    first, second = sandbox.nodes
    peers = [node.peer_id for node in sandbox.nodes]
    written = post(first.cstore_url, "hset", hkey="ab", key="f", value="é", chainstore_peers=peers)
    assert written.json()["result"] is True
    assert get(second.cstore_url, "hgetall", hkey="ab").json()["result"] == {"f": "é"}
    assert get(second.cstore_url, "hget", hkey="ab", key="f").json()["result"] == "é"


def test_a_file_added_on_one_node_is_streamed_by_another(sandbox: Sandbox) -> None:
    first, second = sandbox.nodes
    sent = {"file": ("ä.bin", b"\x00\xff" * 400_000), "body": (None, '{"secret": "s"}')}
    added = requests.post(first.r1fs_url + "/add_file", files=sent, timeout=20).json()["result"]
    got = get(second.r1fs_url, "get_file", cid=added["cid"], secret="s")
    assert got.content == b"\x00\xff" * 400_000
    assert got.headers["content-type"] == "application/octet-stream"
    assert '"filename": "\\u00e4.bin"' in got.headers["x-meta"]


def test_by_default_the_result_stands_beside_the_nodes_fields(sandbox: Sandbox) -> None:
    body = get(sandbox.nodes[0].cstore_url, "get_status").json()
    assert set(body) == {"result"} | NODE_FIELDS
    assert body["server_node_addr"] == sandbox.nodes[0].peer_id


def test_raw_merges_an_object_and_leaves_the_rest_under_result(sandbox: Sandbox) -> None:
    url = sandbox.nodes[0].cstore_url
    sandbox.network.set(raw=True)
    assert post(url, "hset", hkey="raw", key="f", value="v", chainstore_peers=[]).json() == (
        {"result": True} | {name: get(url, "get", key="-").json()[name] for name in NODE_FIELDS})
    assert set(get(url, "hgetall", hkey="raw").json()) == {"f"} | NODE_FIELDS


def looks(form: str, body: Any, text: str, op: str) -> bool:
    """Whether a failure has its form; WIRE.md draws them."""
    return {
        "result": lambda: set(body["result"]) == {"error"},
        "detail": lambda: set(body["detail"]) == {"error"},
        "validation": lambda: isinstance(body["detail"], list),
        "error": lambda: {"status", "message"} <= set(body["error"]),
        "text": lambda: body is None and "Error" in text,
        "timeout": lambda: body is None and "timeout" in text,
        "null": lambda: body["result"] == {"cid": None} if op == "add_json"
        else set(body["result"]) == {"error"},
    }[form]()


STATUSES = {"result": {200}, "null": {200}, "detail": {400, 429, 500, 502, 503},
            "validation": {422}, "error": {500, 502, 503}, "text": {500, 502, 503},
            "timeout": {504}}


@pytest.mark.parametrize("form", [form for form in R1FS_FORMS if form != "reset"])
@pytest.mark.parametrize("op", ["get", "add_json", "get_yaml"])
def test_each_failure_has_its_form_on_the_wire(sandbox: Sandbox, form: str, op: str) -> None:
    if op == "get" and form not in CSTORE_FORMS:
        form = "result"
    sandbox.network.set(**{"cstore_errors" if op == "get" else "r1fs_errors": {form: 1}})
    node = sandbox.nodes[0]
    answer = {"get": lambda: get(node.cstore_url, "get", key="k"),
              "add_json": lambda: post(node.r1fs_url, "add_json", data={}, fn="x"),
              "get_yaml": lambda: get(node.r1fs_url, "get_yaml", cid="x")}[op]()
    is_json = answer.headers["content-type"] == "application/json"
    assert answer.status_code in STATUSES[form]
    assert looks(form, answer.json() if is_json else None, answer.text, op)


def test_a_connection_can_be_reset_before_any_answer(sandbox: Sandbox) -> None:
    sandbox.network.set(cstore_errors={"reset": 1}, r1fs_errors={"reset": 1})
    for url in (sandbox.nodes[0].cstore_url, sandbox.nodes[0].r1fs_url):
        with pytest.raises(requests.ConnectionError, match="reset"):
            get(url, "get_status")
    assert [entry["form"] for entry in sandbox.network.log()] == ["reset", "reset"]


def test_latency_delays_an_answer(sandbox: Sandbox) -> None:
    sandbox.network.set(latency=20)  # at scale 100
    assert get(sandbox.nodes[0].cstore_url, "get_status").elapsed.total_seconds() >= 0.2


def connects(url: str) -> bool:
    try:
        socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_stopped_node_refuses_connections_and_comes_back_on_its_ports(sandbox: Sandbox) -> None:
    node, other = sandbox.nodes
    peers = [node.peer_id, other.peer_id]
    post(node.cstore_url, "set", key="kept", value="1", chainstore_peers=peers)
    sandbox.network.stop(0)
    assert [connects(url) for url in (node.cstore_url, node.r1fs_url, other.cstore_url)] == [
        False, False, True]
    sandbox.network.start(0)
    assert get(node.cstore_url, "get", key="kept").json()["result"] == "1"


def test_stopping_a_node_breaks_the_connections_it_had(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        url = sandbox.nodes[0].cstore_url
        session.get(url + "/get_status", timeout=20)
        sandbox.network.stop(0)
        with pytest.raises(requests.ConnectionError):
            session.get(url + "/get_status", timeout=20)


def test_a_node_that_hangs_takes_the_connection_and_never_answers(sandbox: Sandbox) -> None:
    sandbox.network.stop(0, hang=True)
    with pytest.raises(requests.ReadTimeout):
        requests.get(sandbox.nodes[0].cstore_url + "/get_status", timeout=0.2)
    sandbox.network.start(0)
    assert get(sandbox.nodes[0].cstore_url, "get_status").ok


def test_a_call_goes_on_when_its_client_gives_up(sandbox: Sandbox) -> None:
    sandbox.network.set(0, witness=False, write_seconds=20)
    node, other = sandbox.nodes
    with pytest.raises(requests.ReadTimeout):
        requests.post(node.cstore_url + "/set", timeout=0.05, json={
            "key": "left", "value": "v", "chainstore_peers": [other.peer_id]})
    assert get(node.cstore_url, "get", key="left").json()["result"] == "v"  # waits its turn
    log = [entry for entry in sandbox.network.log() if entry["key"] == "left"]
    assert [(entry["op"], entry["status"]) for entry in log] == [("set", 200), ("get", 200)]
    assert min(entry["ms"] for entry in log) > 10_000


@pytest.mark.parametrize(("op", "body"), [
    ("set", b"{"), ("set", b"[]"), ("set", b'{"key": "k"}'), ("set", b'{"value": 1}'),
    ("set", b'{"key": "", "value": 1}'), ("set", b'{"key": 5, "value": 1}'),
    ("set", b'{"key": "k", "value": NaN}'), ("set", b'{"key":"k","value":' + b"[" * 5_000),
    ("set", b'{"key":"k","value":' + b"[" * 200 + b"]" * 200 + b"}"), ("set", b"\xff"),
    ("hset", b'{"hkey": "h", "key": "k", "value": 1, "chainstore_peers": "all"}'),
    ("hsync", b"{}"),
])
def test_what_is_no_call_is_a_422_and_stands_in_the_log(
    sandbox: Sandbox, op: str, body: bytes
) -> None:
    answer = requests.post(f"{sandbox.nodes[0].cstore_url}/{op}", data=body, timeout=20)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], list)
    assert [entry["status"] for entry in sandbox.network.log()] == [422]


@pytest.mark.parametrize("request_form", [
    {"data": b"no form"}, {"json": {"file": "x"}}, {"files": {"other": ("a", b"b")}},
    {"files": {"file": ("a", b"b"), "body": (None, "[1]")}},
    {"files": {"file": ("a", b"b"), "body": (None, "{")}},
    {"files": [("file", ("a", b"b")), ("file", ("c", b"d"))]},
])
def test_an_upload_that_is_none_is_a_422(sandbox: Sandbox, request_form: dict[str, Any]) -> None:
    answer = requests.post(sandbox.nodes[0].r1fs_url + "/add_file", timeout=20, **request_form)
    assert answer.status_code == 422


def test_there_are_no_other_routes_and_methods(sandbox: Sandbox) -> None:
    url = sandbox.nodes[0].cstore_url
    assert (get(url, "flush").status_code, get(url, "flush").json()) == (
        404, {"detail": "Not Found"})
    assert get(url, "set").status_code == 405


def test_a_larger_body_than_the_limit_is_a_413(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.network.set(base64_limit=1_000)
    monkeypatch.setattr(app_module, "MAX_CSTORE_BODY", 1_000)
    monkeypatch.setattr(app_module, "MAX_BODY", 0)
    monkeypatch.setattr(app_module, "MAX_FORM_FIELD", 1_000)
    node, large = sandbox.nodes[0], "x" * 1_000
    answers = [
        post(node.r1fs_url, "add_file_base64", file_base64_str=large),
        post(node.cstore_url, "set", key="k", value=large),
        requests.post(node.r1fs_url + "/add_file", files={"file": ("a", large)}, timeout=20),
    ]
    assert [answer.status_code for answer in answers] == [413, 413, 413]


def test_ports_follow_the_first_one_and_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DatagenError, match=f"Port {port} is in use"), running(
                Plan(first_port=port)):
            pass


def test_two_sandboxes_never_share_a_port(free_ports: Callable[[int], int]) -> None:
    first = free_ports(3)
    with running(Plan(first_port=first)) as sandbox:
        urls = [sandbox.nodes[0].cstore_url, sandbox.nodes[0].r1fs_url, sandbox.control_url]
        assert [urlsplit(url).port for url in urls] == [first, first + 1, first + 2]
        for state in ("up", "down"):
            if state == "down":
                sandbox.network.stop(0)
            with pytest.raises(DatagenError, match="in use"), running(Plan(first_port=first)):
                pass


def test_it_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with running(Plan(nodes=3)) as sandbox:
        sandbox.network.stop(1)
    assert threading.active_count() == before
