"""A node's second form: handed in once, found again, and never paid for twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from datagen.adapters.chat import HttpChat
from datagen.adapters.chat_polled import MOST_TRIES, Polled, request_id
from datagen.adapters.clock import HandClock, SystemClock
from datagen.adapters.outgoing import Got, Outgoing
from datagen.domain.chat import ChatCall, Endpoint, Message
from datagen.domain.errors import ModelFailed, ModelOverloaded, ModelRefused, ModelUnreachable
from datagen.model.sample import Faults

Start = Callable[..., tuple[str, Any]]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
BODY = json.dumps({"messages": [{"role": "user", "content": "x"}], "authorization": "k"}).encode()


def call_of(number: int = 1, name: str = "job_1 0 0 1", again: int = 0) -> ChatCall:
    return ChatCall(messages=(Message(role="user", content=f"Record {number}"),), schema=SCHEMA,
                    name=name, again=again)


def endpoint_of(base_url: str, **more: Any) -> Endpoint:
    return Endpoint(base_url=base_url, path="/create_chat_completion", polled=True, **more)


def chat_for(endpoint: Endpoint, timeout: float = 5) -> HttpChat:
    return HttpChat(out=Outgoing(timeout=timeout), own=endpoint, clock=SystemClock())


@pytest.mark.parametrize("options", [{}, {"wrapped": False}, {"keeps_ids": False}])
async def test_an_answer_is_the_same_as_that_of_the_first_form(
    sample_server: Start, options: dict[str, Any]
) -> None:
    base_url, app = sample_server(**options)
    polled = endpoint_of(base_url)
    chat = chat_for(polled)
    try:
        handed_in = await chat.complete(polled, call_of())
        at_once = await chat.complete(replace(polled, polled=False), call_of())
    finally:
        await chat.aclose()
    assert handed_in == at_once
    assert app.state.calls == 2


async def test_a_persons_own_node_is_asked_in_that_form_too(sample_server: Start) -> None:
    base_url, app = sample_server()
    theirs = endpoint_of(base_url)
    chat = HttpChat(out=Outgoing(timeout=5, inside=(ip_network("127.0.0.0/8"),)),
                    own=Endpoint(base_url="http://127.0.0.1:9", path="/c"), clock=SystemClock())
    try:
        assert (await chat.complete(theirs, call_of())).text
    finally:
        await chat.aclose()
    assert app.state.calls == 1


async def test_after_a_restart_answers_that_were_paid_for_are_picked_up(
    sample_server: Start,
) -> None:
    base_url, app = sample_server(latency=0.3)
    endpoint = endpoint_of(base_url)
    first = chat_for(endpoint)
    calls = [asyncio.create_task(first.complete(endpoint, call_of(n))) for n in range(6)]
    async with asyncio.timeout(10):
        while app.state.calls < 6:
            await asyncio.sleep(0.01)
    for each in calls:  # the process ends; the node works on
        each.cancel()
    await asyncio.wait(calls)
    await first.aclose()

    again = chat_for(endpoint)
    replies = [await again.complete(endpoint, call_of(n)) for n in range(6)]
    await again.aclose()
    assert len({reply.text for reply in replies}) > 1
    assert app.state.calls == 6


async def test_an_answer_that_takes_too_long_is_asked_for_again_and_not_made_again(
    sample_server: Start,
) -> None:
    base_url, app = sample_server(latency=1.2)
    endpoint = endpoint_of(base_url)
    chat = chat_for(endpoint, timeout=0.5)
    try:
        with pytest.raises(ModelUnreachable, match=r"did not answer within 0\.5 s"):
            await chat.complete(endpoint, call_of())
        while True:
            try:
                reply = await chat.complete(endpoint, call_of())
                break
            except ModelUnreachable:
                continue
    finally:
        await chat.aclose()
    assert reply.text
    assert app.state.calls == 1


async def test_a_node_that_was_set_up_anew_gets_the_call_again(sample_server: Start) -> None:
    base_url, app = sample_server()
    endpoint = endpoint_of(base_url)
    chat = chat_for(endpoint)
    await chat.complete(endpoint, call_of())
    app.state.handed_in.forget()
    await chat.complete(endpoint, call_of())
    await chat.aclose()
    assert app.state.calls == 2


@pytest.mark.parametrize(("status", "error"), [
    ("rate_limited", ModelOverloaded), ("unauthorized", ModelRefused), ("failed", ModelFailed)])
async def test_a_call_that_failed_is_told_and_tried_under_another_id(
    sample_server: Start, status: str, error: type[Exception]
) -> None:
    base_url, app = sample_server(faults=Faults(
        rate=1, kinds=("http_200_error",), first=1, statuses=(status,)))
    endpoint = endpoint_of(base_url)
    chat = chat_for(endpoint)
    try:
        with pytest.raises((error, ModelFailed)):
            await chat.complete(endpoint, call_of())
        assert (await chat.complete(endpoint, call_of())).text
    finally:
        await chat.aclose()
    assert app.state.calls == 2


async def test_a_wrong_key_is_refused_and_stands_in_no_address(sample_server: Start) -> None:
    base_url, app = sample_server(api_key="right")
    endpoint = endpoint_of(base_url, api_key="wrong-123456")
    chat = chat_for(endpoint)
    try:
        with pytest.raises((ModelRefused, ModelFailed)) as told:
            await chat.complete(endpoint, call_of())
    finally:
        await chat.aclose()
    assert "wrong-123456" not in str(told.value)
    assert all("wrong-123456" not in str(entry) for entry in app.state.log)


def test_a_call_is_named_by_what_it_asks_and_not_by_its_key() -> None:
    asked = {"messages": [{"role": "user", "content": "x"}], "temperature": 0.7}
    name = request_id(asked, "a", 0)
    assert name == request_id({**asked, "authorization": "k"}, "a", 0)
    others = {request_id({**asked, "temperature": 0.8}, "a", 0), request_id(asked, "b", 0),
              request_id(asked, "a", 1)}
    assert len({name, *others}) == 4


@pytest.mark.parametrize("other", [
    {"name": "job_2 0 0 1"}, {"name": "job_1 1 0 1"}, {"name": "job_1 0 1 1"},
    {"name": "job_1 0 0 2"}, {"again": 1}])
async def test_another_job_round_record_or_try_that_asks_the_same_gets_an_answer_of_its_own(
    sample_server: Start, other: dict[str, Any]
) -> None:
    base_url, app = sample_server()
    endpoint = endpoint_of(base_url)
    chat = chat_for(endpoint)
    try:
        for _ in range(2):
            await chat.complete(endpoint, call_of())
        assert app.state.calls == 1
        for _ in range(2):
            await chat.complete(endpoint, call_of(**other))
        assert app.state.calls == 2
    finally:
        await chat.aclose()


async def test_a_call_without_a_name_gets_a_new_answer_each_time(sample_server: Start) -> None:
    base_url, app = sample_server()
    endpoint = endpoint_of(base_url)
    chat = chat_for(endpoint)
    for _ in range(3):
        assert (await chat.complete(endpoint, call_of(name=""))).text
    await chat.aclose()
    assert app.state.calls == 3


class Node:
    """Answers a look, and what is handed in, as it is told to; time is turned by hand."""

    def __init__(self, **said: Any) -> None:
        self.said, self.handed_in, self.looks = said, list[str](), 0
        self.clock = HandClock()

    async def send(
        self, method: str, url: str, body: bytes | None, query: Mapping[str, str]
    ) -> Got:
        if method == "POST":
            assert body is not None
            name = json.loads(body)["extras"]["request_id"]
            self.handed_in.append(name)
            return _got(self.said.get("submit", {"request_id": name, "status": "pending"}))
        self.looks += 1
        name = query["request_id"]
        if "status" in self.said or name in self.handed_in:
            return _got({"request_id": name, **self.said.get("look", {"status": "pending"})})
        return _got({"error": f"Request ID {name} not found.", "request_id": name})

    async def nap(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def ask(self) -> Got:
        return await Polled(
            base_url="http://n", path="/prefix/create_chat_completion", who="The model server",
            send=self.send, clock=self.clock, timeout=100, nap=self.nap).ask(BODY, "call")


def _got(said: Any, status: int = 200) -> Got:
    return Got(status=status, body=json.dumps({"result": said}).encode(), retry_after=None)


async def test_looks_get_rarer_and_end_in_time() -> None:
    node = Node()
    with pytest.raises(ModelUnreachable, match="within 100 s"):
        await node.ask()
    assert node.clock.monotonic() == pytest.approx(100)
    assert 30 < node.looks < 45


async def test_what_fails_again_and_again_gets_an_id_of_its_own_in_the_end() -> None:
    node = Node(status=True, look={"status": "failed", "result": {"error": "No."}})
    got = await node.ask()
    assert node.looks == MOST_TRIES + 1
    assert len(node.handed_in) == 1
    assert json.loads(got.body)["result"] == {"error": "No.", "status": "failed"}


async def test_a_refusal_of_what_is_handed_in_is_the_answer() -> None:
    refusal = {"error": "Rate limit exceeded.", "status": "rate_limited"}
    got = await Node(submit=refusal).ask()
    assert json.loads(got.body)["result"] == refusal


@pytest.mark.parametrize("answer", [
    Got(status=500, body=b"{}", retry_after=None),
    Got(status=200, body=b"<html>", retry_after=None),
    Got(status=200, body=b'{"error":' + b"[" * 1_000 + b"]" * 1_000 + b"}", retry_after=None),
    _got([1, 2]), _got({"request_id": "another's", "status": "completed", "result": {}})])
async def test_a_look_that_says_nothing_hands_nothing_in(answer: Got) -> None:
    node = Node()

    async def send(
        method: str, url: str, body: bytes | None, query: Mapping[str, str]
    ) -> Got:
        assert method == "GET"
        return answer

    node.send = send  # a node out of order
    with pytest.raises(ModelUnreachable, match="can't say now"):
        await node.ask()


@pytest.mark.parametrize("given", [
    "\ud800", "x" * 100_000, "x\r\nHost: evil", "../../x?y", "", None, [1]])
async def test_an_id_that_is_none_is_not_asked_for(given: Any) -> None:
    node = Node(submit={"request_id": given, "status": "pending"},
                look={"status": "completed", "result": {"a": 1}})
    assert json.loads((await node.ask()).body) == {"result": {"a": 1}}
    assert node.looks == 2


@pytest.mark.parametrize("status", ["completed", "failed"])
@pytest.mark.parametrize("deep", ['{"a": %s}', '{"error": %s}'])
async def test_an_answer_nested_without_end_is_none(status: str, deep: str) -> None:
    text = deep % ("[" * 990 + "]" * 990)
    said = f'{{"request_id": "x", "status": "{status}", "result": {text}}}'
    node = Node()

    async def send(
        method: str, url: str, body: bytes | None, query: Mapping[str, str]
    ) -> Got:
        if method == "GET":
            return _got({"error": "not found"})
        return Got(status=200, body=said.encode(), retry_after=None)

    node.send = send  # a node out of order
    got = await node.ask()
    assert len(got.body) < 100
