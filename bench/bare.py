"""Bare loops: what a client costs that does nothing but ask, check and write down.

``python -m bench.bare CLIENT URL IN_FLIGHT RECORDS FILE``. They are what the worker is
measured against, in the same run: no retries, no limits, nothing is safe.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import jsonschema_rs
import orjson
import pyreqwest.client
import uvloop

from bench.dataset import DESCRIPTION, INSTRUCTIONS, SCHEMA
from bench.processes import Usage, usage
from datagen.domain.prompts import SYSTEM_PROMPT

_MARK = "@@@@"
_BODY = json.dumps({
    "messages": [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": (
            f"{DESCRIPTION}\n{INSTRUCTIONS}\n{json.dumps(SCHEMA)}\nRecord {_MARK} of many.")},
    ],
    "temperature": 0.7, "max_tokens": 512,
    "response_format": {"type": "json_schema", "json_schema": {"name": "record",
                                                               "schema": SCHEMA}},
}).encode().split(_MARK.encode())
Take = Callable[[int, bytes], None]


def body(index: int) -> bytes:
    """The request for one record."""
    return b"%b%d%b" % (_BODY[0], index + 1, _BODY[1])


def taker(descriptor: int) -> Take:
    """Reads one answer, checks its record and writes it down."""
    validator = jsonschema_rs.validator_for(SCHEMA)

    def take(index: int, answer: bytes) -> None:
        data = orjson.loads(orjson.loads(answer)["choices"][0]["message"]["content"])
        validator.validate(data)
        os.write(descriptor, orjson.dumps({"i": index, "ok": True, "data": data}) + b"\n")

    return take


async def with_aiohttp(url: str, in_flight: int, indices: Iterator[int], take: Take) -> None:
    """aiohttp's client, one session."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0),
                                     cookie_jar=aiohttp.DummyCookieJar()) as session:
        async def work() -> None:
            for index in indices:
                async with session.post(
                    url, data=body(index), headers={"Content-Type": "application/json"},
                ) as response:
                    take(index, await response.read())

        await asyncio.gather(*(work() for _ in range(in_flight)))


async def with_pyreqwest(url: str, in_flight: int, indices: Iterator[int], take: Take) -> None:
    """reqwest, whose sockets live in a thread of their own."""
    async with pyreqwest.client.ClientBuilder().build() as client:
        async def work() -> None:
            for index in indices:
                response = await client.post(url).header(
                    "Content-Type", "application/json").body_bytes(body(index)).build().send()
                take(index, bytes(await response.bytes()))

        await asyncio.gather(*(work() for _ in range(in_flight)))


class _Wire(asyncio.Protocol):
    """One connection that always has one request under way."""

    def __init__(self, head: bytes, indices: Iterator[int], take: Take) -> None:
        self._head, self._indices, self._take = head, indices, take
        self._index, self._data = -1, b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        at = self._data.find(b"Content-Length: ") + 16
        length = int(self._data[at : self._data.find(b"\r", at)])
        if len(self._data) >= end + 4 + length:
            answer, self._data = self._data[end + 4 :], b""
            self._take(self._index, answer)
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def _next(self) -> None:
        self._index = next(self._indices, -1)
        if self._index < 0:
            self.done.set_result(None)
            self._transport.close()
            return
        sent = body(self._index)
        self._transport.write(self._head % len(sent) + sent)


async def with_protocol(url: str, in_flight: int, indices: Iterator[int], take: Take) -> None:
    """asyncio's protocols and nothing on top: as little as Python can do."""
    parts = urlsplit(url)
    head = (f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Content-Type: application/json\r\nContent-Length: ").encode() + b"%d\r\n\r\n"
    loop = asyncio.get_running_loop()
    wires = [await loop.create_connection(lambda: _Wire(head, indices, take),
                                          parts.hostname or "", parts.port or 80)
             for _ in range(in_flight)]
    await asyncio.gather(*(wire.done for _, wire in wires))


CLIENTS: dict[str, Callable[[str, int, Iterator[int], Take], Awaitable[None]]] = {
    "aiohttp": with_aiohttp, "pyreqwest": with_pyreqwest, "protocol": with_protocol,
}


async def _run(client: str, url: str, in_flight: int, records: int, path: str) -> Usage:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    before = usage(os.getpid())
    try:
        await CLIENTS[client](url, in_flight, iter(range(records)), taker(descriptor))
    finally:
        os.close(descriptor)
    return usage(os.getpid()).since(before)


def main(client: str, url: str, in_flight: str, records: str, path: str) -> None:
    os.nice(5)  # as the worker is
    used: Any = uvloop.run(_run(client, url, int(in_flight), int(records), path))
    sys.stdout.write(json.dumps({"cpu": used.cpu, "peak": used.peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
