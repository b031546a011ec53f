"""The model server: what it does with each request.

``POST …/chat/completions`` and ``POST /create_chat_completion`` answer records, in the one
dialect and the other. ``GET /counts`` tells what happened; ``POST /behaviour`` with a JSON
object of Behaviour's fields changes it from now on, and counts begin anew.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import re
from collections import deque
from dataclasses import asdict
from itertools import count

from bench.dataset import record
from bench.server.behaviour import GARBAGE, Behaviour, Chances, behaviour_of
from bench.server.counts import Counts
from bench.server.http import Connection, response

_INDEX = re.compile(rb"Record (\d+) of")
_USAGE = {"prompt_tokens": 700, "completion_tokens": 120, "total_tokens": 820}
_MARK = "@@@@"


def _template(*, node: bool) -> tuple[bytes, bytes, bytes]:
    """An answer of a dialect, split where its text stands; of a node's, in two places."""
    full = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_770_000_000,
        "model": "bench", "usage": _USAGE,
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": _MARK}}],
    }
    node_full = {"result": {"REQUEST_ID": "1", "MODEL_NAME": "bench", "TEXT_RESPONSE": [_MARK],
                            "FULL_OUTPUT": [full]}, "server_node_addr": "0xai_bench"}
    pieces = json.dumps(node_full if node else full).encode().split(f'"{_MARK}"'.encode())
    return pieces[0], pieces[1], pieces[2] if node else b""


_OPENAI, _NODE = _template(node=False), _template(node=True)


def answer_body(text: str, *, node: bool) -> bytes:
    """The body of an answer that says ``text``."""
    before, between, after = _NODE if node else _OPENAI
    said = json.dumps(text).encode()
    return before + said + between + (said + after if node else b"")


class Model:
    """One server's state; ``handle`` is called with each request."""

    def __init__(self, behaviour: Behaviour, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[tuple[float, int, Connection, bytes]] = []  # a heap by time
        self._order = count()
        self._timer: asyncio.Handle | None = None
        self._rings_at = math.inf  # in the loop's time
        self._line: deque[tuple[Connection, bytes]] = deque()  # they wait for a seat
        self._seated = 0
        self.behaviour, self._chances = behaviour, Chances(behaviour)
        self.counts = Counts(loop.time)

    def handle(self, method: str, path: str, body: bytes, client: Connection) -> None:
        """Answer one request, now or later."""
        if method == "POST" and path.endswith(("/chat/completions", "/create_chat_completion")):
            self._chat(path, body, client)
        elif (method, path) == ("GET", "/counts"):
            client.answer(response(200, json.dumps(self.counts.told()).encode()))
        elif (method, path) == ("POST", "/behaviour"):
            self._change(body, client)
        else:
            client.answer(response(404, b'{"error": "there is nothing here"}'))

    def _change(self, body: bytes, client: Connection) -> None:
        try:
            self.behaviour = behaviour_of(json.loads(body), self.behaviour)
        except (ValueError, TypeError) as exc:
            client.answer(response(400, json.dumps({"error": str(exc)}).encode()))
            return
        self._chances = Chances(self.behaviour)
        self.counts = Counts(self._loop.time, self.counts.in_flight)
        self._fill()
        client.answer(response(200, json.dumps(asdict(self.behaviour)).encode()))

    def _chat(self, path: str, body: bytes, client: Connection) -> None:
        found = _INDEX.search(body)
        index = int(found.group(1)) - 1 if found else -1
        self.counts.begun(index)
        wanted = self.behaviour
        if wanted.limit and self.counts.in_flight > wanted.limit:
            self.counts.refused += 1
            self.counts.ended()
            client.answer(response(429, b'{"error": {"message": "Too many requests.", '
                                   b'"code": "rate_limited"}}', retry_after=wanted.retry_after))
            return
        self._line.append((client, self._whole(
            index, node=path.endswith("/create_chat_completion"))))
        self._fill()

    def _whole(self, index: int, *, node: bool) -> bytes:
        fault = self._chances.fault()
        if fault == "failed":
            self.counts.failed += 1
            return response(500, b'{"error": {"message": "The engine fell over."}}')
        if fault == "garbage":
            self.counts.garbage += 1
            return response(200, answer_body(GARBAGE[self.counts.garbage % len(GARBAGE)],
                                             node=node))
        self.counts.answered += 1
        return response(200, answer_body(record(index), node=node))

    def _fill(self) -> None:
        """Give free seats to those who wait, first come, first served."""
        seats = self.behaviour.seats
        while self._line and (not seats or self._seated < seats):
            client, whole = self._line.popleft()
            if client.lives:
                self._seat(client, whole)
            else:
                self.counts.abandoned += 1
                self.counts.ended()

    def _seat(self, client: Connection, whole: bytes) -> None:
        """Work on a call: its answer is due after the latency."""
        self._seated += 1
        due = self._loop.time() + self._chances.seconds()
        heapq.heappush(self._due, (due, next(self._order), client, whole))
        if due < self._rings_at:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = self._due[0][0] if self._due else math.inf
        self._timer = self._loop.call_at(self._rings_at, self._ring) if self._due else None

    def _ring(self) -> None:
        """Send all that is due, never early; who waits in line gets the seats."""
        while self._due and self._due[0][0] <= self._loop.time():
            _, _, client, whole = heapq.heappop(self._due)
            self._seated -= 1
            self.counts.ended()
            if not client.lives:
                self.counts.abandoned += 1
            client.answer(whole)
            self._fill()
        self._arm()
