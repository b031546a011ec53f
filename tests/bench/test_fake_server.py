"""The bench's model server does what it is told, over real sockets."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bench.dataset import SCHEMA, index_of, record
from bench.server.behaviour import Behaviour, Chances, behaviour_of
from bench.server.http import Connection
from bench.server.model import Model
from datagen.adapters.chat_replies import Answer, read_reply
from datagen.adapters.clock import SystemClock
from datagen.domain.errors import ReplyUnusable
from datagen.domain.records import Accepted, RecordReader, Rejected

ROOT = Path(__file__).parents[2]
OPENAI, NODE = "/v1/chat/completions", "/create_chat_completion"
Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


@asynccontextmanager
async def server(**behaviour: Any) -> AsyncIterator[Ask]:
    """A server in this loop, and how to ask it."""
    loop = asyncio.get_running_loop()
    model = Model(behaviour_of(behaviour), loop)
    serving = await loop.create_server(lambda: Connection(model.handle), "127.0.0.1", 0)
    base = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(path: str, body: Any = None) -> tuple[int, dict[str, str], bytes]:
            method = "GET" if body is None else "POST"
            async with session.request(method, base + path, json=body) as response:
                return response.status, dict(response.headers), await response.read()

        yield ask
    serving.close()
    await serving.wait_closed()


def call(index: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Record {index + 1} of 10, unlike all"}]}


async def counts(ask: Ask) -> dict[str, Any]:
    return json.loads((await ask("/counts"))[2])


def reply_of(status: int, body: bytes) -> Any:
    return read_reply(Answer(status=status, body=body, place="here", now=SystemClock().now()))


@pytest.mark.parametrize("path", [OPENAI, NODE])
async def test_the_answer_to_a_record_is_that_record_in_either_dialect(path: str) -> None:
    async with server(latency=0) as ask:
        status, _, body = await ask(path, call(41))

    verdict = RecordReader(SCHEMA).read(reply_of(status, body))
    assert isinstance(verdict, Accepted)
    assert index_of(verdict.data) == 41
    assert reply_of(status, body).completion_tokens == 120


def test_the_records_of_two_indices_differ_and_fit() -> None:
    assert record(1) != record(2)
    assert index_of(json.loads(record(9_999_999))) == 9_999_999


async def test_calls_of_all_lengths_are_each_answered_once() -> None:
    async with server(latency=0.002, spread=1.5, seed=2) as ask:
        await ask("/behaviour", {"seed": 5})
        answers = await asyncio.gather(*(ask(OPENAI, call(index)) for index in range(300)))
        seen = await counts(ask)

    assert {status for status, _, _ in answers} == {200}
    assert (seen["answered"], seen["in_flight"]) == (300, 0)


async def test_no_answer_comes_early() -> None:
    async with server(latency=0.05) as ask:
        begun = time.monotonic()
        await asyncio.gather(*(ask(OPENAI, call(index)) for index in range(20)))
        took = time.monotonic() - begun

    assert took >= 0.05


async def test_above_the_limit_a_call_is_refused_at_once_and_told_when_to_come_back() -> None:
    async with server(latency=0.05, limit=3, retry_after=2) as ask:
        answers = await asyncio.gather(*(ask(OPENAI, call(index)) for index in range(5)))
        seen = await counts(ask)

    assert sorted(status for status, _, _ in answers) == [200, 200, 200, 429, 429]
    assert {head["Retry-After"] for status, head, _ in answers if status == 429} == {"2"}
    assert (seen["answered"], seen["refused"], seen["peak"]) == (3, 2, 4)


async def test_with_few_seats_nobody_is_refused_but_all_wait_longer() -> None:
    async with server(latency=0.02, seats=2) as ask:
        begun = time.monotonic()
        answers = await asyncio.gather(*(ask(OPENAI, call(index)) for index in range(10)))
        took = time.monotonic() - begun
        seen = await counts(ask)

    assert {status for status, _, _ in answers} == {200}
    assert took >= 5 * 0.02
    assert (seen["refused"], seen["peak"]) == (0, 10)


async def test_failures_and_garbage_come_as_often_as_asked_for() -> None:
    async with server(latency=0, failing=0.25, garbage=0.25, seed=1) as ask:
        answers = [await ask(OPENAI, call(index)) for index in range(200)]
        seen = await counts(ask)

    failed = sum(status == 500 for status, _, _ in answers)
    assert (failed, seen["calls"]) == (seen["failed"], 200)
    assert 30 <= seen["failed"] <= 70
    assert 30 <= seen["garbage"] <= 70
    assert seen["answered"] + seen["failed"] + seen["garbage"] == 200


async def test_no_record_can_be_read_out_of_garbage() -> None:
    async with server(latency=0, garbage=1) as ask:
        answers = [await ask(OPENAI, call(index)) for index in range(4)]

    for status, _, body in answers:
        try:
            verdict = RecordReader(SCHEMA).read(reply_of(status, body))
        except ReplyUnusable:
            continue
        assert isinstance(verdict, Rejected)


async def test_what_was_asked_for_twice_shows() -> None:
    async with server(latency=0) as ask:
        for index in (0, 1, 1, 5):
            await ask(OPENAI, call(index))
        seen = await counts(ask)

    assert (seen["calls"], seen["records"], seen["repeated"]) == (4, 3, 1)


async def test_its_behaviour_changes_while_calls_wait_and_none_is_lost() -> None:
    async with server(latency=0.02, seats=1) as ask:
        waiting = [asyncio.create_task(ask(OPENAI, call(index))) for index in range(5)]
        while (await counts(ask))["in_flight"] < 5:
            pass
        status, _, body = await ask("/behaviour", {"seats": 0, "latency": 0.01})
        answers = await asyncio.gather(*waiting)
        seen = await counts(ask)

    assert (status, json.loads(body)["seats"]) == (200, 0)
    assert {status for status, _, _ in answers} == {200}
    assert (seen["calls"], seen["in_flight"]) == (0, 0)


@pytest.mark.parametrize("wrong", [
    {"latency": -1}, {"limit": "many"}, {"failing": 0.7, "garbage": 0.7}, {"colour": 1}, [],
])
async def test_a_behaviour_that_no_server_can_have_is_refused(wrong: Any) -> None:
    async with server() as ask:
        status, _, _ = await ask("/behaviour", wrong)

    assert status == 400


async def test_who_asks_for_something_else_gets_a_404() -> None:
    async with server() as ask:
        status, _, _ = await ask("/nothing")

    assert status == 404


async def test_a_request_that_comes_in_pieces_is_put_together() -> None:
    body = json.dumps(call(7)).encode()
    sent = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (
        OPENAI.encode(), len(body), body)
    loop = asyncio.get_running_loop()
    model = Model(Behaviour(latency=0), loop)
    serving = await loop.create_server(lambda: Connection(model.handle), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*serving.sockets[0].getsockname())
    for at in range(0, len(sent), 40):
        writer.write(sent[at : at + 40])
        await writer.drain()
        await asyncio.sleep(0)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    serving.close()

    assert head.startswith(b"HTTP/1.1 200 OK")


def test_log_normal_latencies_have_the_asked_median() -> None:
    chances = Chances(Behaviour(latency=0.2, spread=0.5, seed=3))

    drawn = [chances.seconds() for _ in range(2000)]

    assert statistics.median(drawn) == pytest.approx(0.2, rel=0.05)
    assert max(drawn) > 0.4


async def test_as_a_process_it_tells_its_address_answers_and_ends_with_who_started_it() -> None:
    process = subprocess.Popen([sys.executable, "-m", "bench.server", "--latency", "0.005",
                                "--spread", "1"], cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    address = process.stdout.readline().decode().strip()
    async with aiohttp.ClientSession(address) as session:
        answers = await asyncio.gather(*(
            session.post(OPENAI, json=call(index)) for index in range(90)))
    process.stdin.close()
    process.stdout.close()

    assert {answer.status for answer in answers} == {200}
    assert process.wait(10) == 0
