"""The CStore adapter against a scripted node on loopback: what it sends, and what it survives."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from datagen.adapters.clock import HandClock, SystemClock
from datagen.adapters.cstore import CStore
from datagen.adapters.foreign import VALUE_LIMIT
from datagen.adapters.turns import Turns
from datagen.domain.errors import NotThere, StoreError, StoreUnconfirmed
from tests.adapters.odd_node import RESET, Asked, OddNode, Reply, odd_node, raw, told

PEERS = ("0xai_A", "0xai_B")
FAILS = told({"error": "a write goes on"})


@pytest.fixture
def node() -> Iterator[OddNode]:
    with odd_node() as serving:
        yield serving


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def store(node: OddNode, clock: HandClock, naps: list[float]) -> Iterator[CStore]:
    store = CStore(node.url, peers=PEERS, clock=clock, nap=naps.append, chance=lambda: 0.5)
    yield store
    store.close()


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


# What is sent.


def test_every_write_names_all_peers_and_its_value(store: CStore, node: OddNode) -> None:
    node.answers(told(True))
    store.set("k", '{"ü":1}')
    store.hset("h", "f", "v")
    assert [asked.json for asked in node.asked] == [
        {"key": "k", "value": '{"ü":1}', "chainstore_peers": ["0xai_A", "0xai_B"]},
        {"hkey": "h", "key": "f", "value": "v", "chainstore_peers": ["0xai_A", "0xai_B"]},
    ]
    assert node.calls == ["set", "hset"]
    assert {asked.headers["Content-Type"] for asked in node.asked} == {"application/json"}


def test_a_deletion_sends_null_in_words(store: CStore, node: OddNode) -> None:
    node.answers(told(True))
    store.hset("h", "f", None)
    assert b'"value":null' in node.asked[0].body


def test_without_peers_an_empty_list_is_sent(node: OddNode, clock: HandClock) -> None:
    node.answers(told(True))
    store = CStore(node.url, peers=(), clock=clock)
    store.set("k", "v")
    store.close()
    assert node.asked[0].json["chainstore_peers"] == []


@pytest.mark.parametrize("name", ["a b&c=d", "ü☃", "a/b?c#d", "%41", "+", "\x00", ""], ids=repr)
def test_any_name_arrives_in_a_query(store: CStore, node: OddNode, name: str) -> None:
    store.hget(name, name)
    store.get(name)
    assert [asked.query for asked in node.asked] == [{"hkey": name, "key": name}, {"key": name}]


def test_neither_the_environments_proxy_nor_its_netrc_is_used(
    store: CStore, node: OddNode, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", closed_port())
    assert store.get("k") is None
    assert "Authorization" not in node.asked[0].headers


def test_a_redirect_is_not_followed(store: CStore, node: OddNode) -> None:
    node.answers(Reply(b"", 307, {"Location": f"{node.url}/elsewhere"}))
    with pytest.raises(StoreError, match=r"did not accept the request \(307\)"):
        store.set("k", "v")
    assert node.calls == ["set"]


def test_a_cookie_is_not_sent_back(store: CStore, node: OddNode) -> None:
    node.answers(Reply(b'{"result":null}', headers={"Set-Cookie": "a=b; Path=/"}))
    store.get("k")
    store.get("k")
    assert "Cookie" not in node.asked[1].headers


# What a read gives.


@pytest.mark.parametrize("form", [told, raw])
def test_reads_understand_both_envelopes(store: CStore, node: OddNode, form) -> None:
    node.answers(form("v"), form("w"), form({"a": "1", "gone": None}))
    assert store.get("k") == "v"
    assert store.hget("h", "f") == "w"
    assert store.hgetall("h") == {"a": "1"}


def test_a_404_of_the_store_is_an_absent_value(store: CStore, node: OddNode) -> None:
    node.answers(raw({"error": {"status": 404, "message": "no such key"}}, 404))
    assert store.get("k") is None
    assert store.hget("h", "f") is None
    assert store.hgetall("h") == {}


def test_an_unknown_path_is_not_an_empty_store(store: CStore, node: OddNode) -> None:
    node.answers(raw({"detail": "Not Found"}, 404))
    with pytest.raises(StoreError, match="EE_CHAINSTORE_API_URL"):
        store.hgetall("h")


FOREIGN = [5, 1.5, True, {"a": 1}, ["x"], "x" * (VALUE_LIMIT + 1), "ü" * (VALUE_LIMIT // 2 + 1),
           "\ud83e"]


@pytest.mark.parametrize("value", FOREIGN, ids=lambda v: repr(v)[:20])
def test_a_foreign_value_is_absent_counted_and_told_once_without_it(
    store: CStore, node: OddNode, caplog: pytest.LogCaptureFixture, value: object
) -> None:
    node.answers(told(value), told(value), told({"a": "1", "f": value}), told({"f": value}))
    assert store.get("k") is None
    assert store.hget("h", "f") is None
    assert store.hgetall("h") == {"a": "1"}
    assert store.hgetall("h") == {}
    assert store.foreign == 2
    assert [message.split(" that ")[0] for message in caplog.messages] == [
        "The shared store holds 1 value(s) in k", "The shared store holds 1 value(s) in h"
    ]
    assert repr(value)[:20] not in caplog.text


def test_a_hostile_hash_name_stays_on_its_line_of_the_log(
    store: CStore, node: OddNode, caplog: pytest.LogCaptureFixture
) -> None:
    node.answers(told(5))
    store.get("a\nERROR faked")
    assert "\n" not in caplog.messages[0]


def test_a_field_whose_name_nothing_can_write_down_is_left_out(
    store: CStore, node: OddNode
) -> None:
    node.answers(Reply(b'{"result":{"a":"1","\\ud83e":"2"}}'))
    assert store.hgetall("h") == {"a": "1"}


# Trouble while reading.


@pytest.mark.parametrize("trouble", [
    told({"error": "x"}), Reply(b"Internal Server Error", 500), Reply(b"", 502),
    raw({"detail": {"error": "x"}}, 503), Reply(b"not JSON"), RESET,
    Reply(b'{"result"', promised=50), raw({"detail": [{"msg": "x"}]}, 422), Reply(b"", 504),
], ids=lambda reply: f"{reply.status} {reply.body[:20]!r}")
def test_a_read_is_said_again_where_that_can_help(
    store: CStore, node: OddNode, naps: list[float], trouble: Reply
) -> None:
    node.answers(trouble, trouble, told({"a": "1"}))
    assert store.hgetall("h") == {"a": "1"}
    assert naps == [pytest.approx(0.1), pytest.approx(0.2)]


def test_a_read_gives_up_after_seven_tries(
    store: CStore, node: OddNode, naps: list[float]
) -> None:
    node.answers(FAILS)
    with pytest.raises(StoreError, match="look at the node's log"):
        store.hgetall("h")
    assert [asked.call for asked in node.asked].count("hgetall") == 7
    assert naps == [pytest.approx(pause) for pause in (0.1, 0.2, 0.4, 0.4, 0.4, 0.4)]


def test_a_node_that_took_long_to_give_up_is_not_asked_again(
    store: CStore, node: OddNode, clock: HandClock
) -> None:
    def long(asked: Asked) -> Reply:
        clock.advance(6)
        return Reply(b"", 504)

    node.script = long
    with pytest.raises(StoreError, match="did not answer in time") as caught:
        store.hget("h", "f")
    assert not isinstance(caught.value, NotThere)
    assert len(node.asked) == 1


def test_all_tries_together_keep_to_the_time_of_one_read(
    node: OddNode, clock: HandClock, naps: list[float]
) -> None:
    def slow(asked: Asked) -> Reply:
        clock.advance(25)
        return FAILS

    store = CStore(node.url, peers=PEERS, clock=clock, nap=naps.append, read_timeout=40)
    node.script = slow
    with pytest.raises(StoreError):
        store.get("k")
    store.close()
    assert len(node.asked) == 2


def test_a_node_that_hangs_is_left_after_the_timeout_and_not_asked_again(node: OddNode) -> None:
    over = threading.Event()

    def hang(asked: Asked) -> Reply:
        over.wait(10)
        return told(None)

    node.script = hang
    store = CStore(node.url, peers=PEERS, clock=SystemClock(), read_timeout=0.1)
    with pytest.raises(StoreError, match="did not answer in time"):
        store.get("k")
    over.set()
    store.close()
    assert len(node.asked) == 1


def test_an_answer_that_drips_can_not_outlast_the_timeout(
    store: CStore, node: OddNode, clock: HandClock
) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            clock.advance(15)
            yield b" "

    node.script = lambda asked: Reply(drip())
    with pytest.raises(StoreError, match="did not answer in time"):
        store.get("k")
    assert len(node.asked) == 1


def test_an_endless_answer_is_cut_off(store: CStore, node: OddNode) -> None:
    node.script = lambda asked: Reply(iter(lambda: b" " * 1_000_000, b""))
    with pytest.raises(StoreError, match="more than DataGen takes"):
        store.hgetall("h")


def test_a_node_that_is_not_there_is_told_with_what_to_do(naps: list[float]) -> None:
    store = CStore(closed_port(), peers=PEERS, clock=HandClock(), nap=naps.append)
    with pytest.raises(StoreError, match="can't be reached"):
        store.get("k")
    with pytest.raises(StoreError, match="can't be reached"):
        store.set("k", "v")
    store.close()


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://host", "http://[", "http://a b"])
def test_an_address_that_is_none_is_a_store_error(url: str) -> None:
    store = CStore(url, peers=PEERS, clock=HandClock(), nap=lambda _: None)
    with pytest.raises(StoreError, match="EE_CHAINSTORE_API_URL"):
        store.get("k")
    store.close()


def test_a_password_in_the_address_is_sent_and_never_told(node: OddNode) -> None:
    url = node.url.replace("http://", "http://me:hidden@")
    store = CStore(url, peers=PEERS, clock=HandClock(), nap=lambda _: None)
    assert store.get("k") is None
    assert node.asked[0].headers["Authorization"].startswith("Basic ")
    for trouble in (RESET, FAILS, Reply(b"", 400)):
        node.answers(trouble)
        with pytest.raises(StoreError) as caught:
            store.get("k")
        assert "hidden" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    store.close()


# Writing.


def test_a_quick_false_means_that_there_was_nobody_to_send_to(
    store: CStore, node: OddNode
) -> None:
    node.answers(told(False))
    with pytest.raises(StoreError, match="Check R1EN_CHAINSTORE_PEERS") as caught:
        store.set("k", "v")
    assert not isinstance(caught.value, StoreUnconfirmed)


@pytest.mark.parametrize("form", [told, raw])
def test_a_false_after_a_wait_means_that_only_this_node_has_it(
    store: CStore, node: OddNode, clock: HandClock, form
) -> None:
    def lonely(asked: Asked) -> Reply:
        clock.advance(30)
        return form(False)

    node.script = lonely
    with pytest.raises(StoreUnconfirmed, match="no other node has confirmed"):
        store.hset("h", "f", "v")


@pytest.mark.parametrize("trouble", [
    FAILS, Reply(b"", 500), RESET, Reply(b"", 504), Reply(b"no"), told(None), told("true"),
    told(1), raw({"error": {"status": 404, "message": "x"}}, 404),
], ids=lambda reply: f"{reply.status} {reply.body[:20]!r}")
def test_a_write_is_never_said_again_with_the_same_bytes(
    store: CStore, node: OddNode, trouble: Reply
) -> None:
    node.answers(trouble)
    with pytest.raises(StoreError) as caught:
        store.hset("h", "f", "v")
    assert not isinstance(caught.value, (StoreUnconfirmed, NotThere))
    assert len(node.asked) == 1


@pytest.mark.parametrize(("trouble", "took", "passing"), [
    (FAILS, 0, True), (Reply(b"", 422), 0, True), (Reply(b"", 504), 0, True), (RESET, 0, True),
    (Reply(b"", 504), 30, False), (told(False), 0, False),
], ids=lambda value: str(getattr(value, "status", value)))
def test_a_failed_write_tells_whether_other_bytes_may_go_well_at_once(
    store: CStore, node: OddNode, clock: HandClock, trouble: Reply, took: int, *, passing: bool
) -> None:
    def answer(asked: Asked) -> Reply:
        clock.advance(took)
        return trouble

    node.script = answer
    with pytest.raises(StoreError) as caught:
        store.hset("h", "f", "v")
    assert caught.value.passing is passing


def test_a_write_that_found_no_node_is_tried_once_more(
    naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CStore(closed_port(), peers=PEERS, clock=HandClock(), nap=naps.append)
    with pytest.raises(StoreError):
        store.set("k", "v")
    store.close()
    assert len(naps) == 1


def test_a_value_that_nodes_would_not_pass_on_is_refused(store: CStore, node: OddNode) -> None:
    with pytest.raises(StoreError, match="1 MiB"):
        store.set("k", "x" * (VALUE_LIMIT + 1))
    assert node.asked == []


def test_a_name_that_would_spoil_the_whole_hash_is_refused(store: CStore, node: OddNode) -> None:
    node.answers(told(True))
    with pytest.raises(StoreError, match="status_code"):
        store.hset("h", "status_code", "v")
    store.hset("h", "status_code", None)  # who has one gets rid of it
    assert len(node.asked) == 1


def test_no_message_holds_what_was_written(store: CStore, node: OddNode) -> None:
    node.script = lambda asked: Reply(asked.body, 500)  # a node that repeats it
    with pytest.raises(StoreError) as caught:
        store.hset("h-name", "f-name", "v-secret")
    assert not any(word in str(caught.value) for word in ("h-name", "f-name", "v-secret"))


def test_writes_go_one_at_a_time_and_reads_pass_them(store: CStore, node: OddNode) -> None:
    arrived, go_on, seen = threading.Event(), threading.Event(), []

    def script(asked: Asked) -> Reply:
        if asked.method == "GET":
            return told("read")
        seen.append(json.loads(asked.body)["key"])
        arrived.set()
        go_on.wait(10)
        return told(True)

    node.script = script
    first = threading.Thread(target=store.set, args=("first", "v"))
    first.start()
    assert arrived.wait(10)
    second = threading.Thread(target=store.set, args=("second", "v"))
    second.start()
    assert store.get("k") == "read"
    assert seen == ["first"]
    go_on.set()
    first.join()
    second.join()
    assert seen == ["first", "second"]


def test_turns_come_in_the_order_of_arrival() -> None:
    turns, order, waiting = Turns(), [], threading.Semaphore(0)

    def take(number: int) -> None:
        with turns:
            order.append(number)

    with turns:
        threads = []
        for number in range(20):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            while len(turns._waiting) < number + 2:  # until it stands in line
                waiting.acquire(timeout=0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(20))


# Fetching a hash from one peer; status.


def test_hsync_asks_the_one_peer_and_tells_whether_it_answered(
    store: CStore, node: OddNode
) -> None:
    node.answers(told({"hkey": "h", "source_peer": "0xai_B", "merged_fields": 3}))
    assert store.hsync("h", "0xai_B") is True
    assert node.asked[0].json == {"hkey": "h", "chainstore_peers": ["0xai_B"]}


@pytest.mark.parametrize("reply", [
    told({"hkey": "h", "source_peer": "0xai_C", "merged_fields": 3}),
    told({"hkey": "h", "source_peer": None, "merged_fields": 0}),
    told({"error": "no peer answered"}), raw({"detail": "Not Found"}, 404), Reply(b"", 504),
    told(True), told([]),
], ids=lambda reply: repr(reply.body[:40]))
def test_hsync_without_an_answer_of_that_peer_is_false(
    store: CStore, node: OddNode, reply: Reply
) -> None:
    node.answers(reply)
    assert store.hsync("h", "0xai_B") is False


def test_hsync_with_no_answer_of_this_node_is_an_error(store: CStore, node: OddNode) -> None:
    node.answers(RESET)
    with pytest.raises(StoreError):
        store.hsync("h", "0xai_B")


@pytest.mark.parametrize("body", [b"", b"anything", b'{"result":{"error":"x"}}'])
def test_any_200_is_a_status(store: CStore, node: OddNode, body: bytes) -> None:
    node.answers(Reply(body))
    store.status()


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_an_http_error_is_no_status(store: CStore, node: OddNode, status: int) -> None:
    node.answers(raw({"error": "x"}, status))
    with pytest.raises(StoreError):
        store.status()


def test_nothing_is_logged_of_what_goes_well(
    store: CStore, node: OddNode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    node.answers(told(True))
    store.set("k", "v")
    assert caplog.messages == []
