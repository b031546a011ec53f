"""A node's second form of calls: handed in under an id, asked for later (WIRE.md, section 3)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

SUBMIT, STATUS = "/create_chat_completion_async", "/request_status"
MOST_KEPT = 10_000  # calls; the oldest are forgotten, as a node forgets them after two hours

Answer = Callable[[Request, Any], Awaitable[Response]]


class HandedIn:
    """The calls that one node was given, until it forgets them."""

    def __init__(self, answer: Answer, *, wrapped: bool, keeps_ids: bool = True) -> None:
        """``answer``: as the first form does; ``keeps_ids``: False as older nodes are, which
        give ids themselves."""
        self._answer, self._wrapped, self._keeps_ids = answer, wrapped, keeps_ids
        self._records: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, request: Request) -> Response:
        """Take a call, and say where its answer will be."""
        try:
            body = await request.json()
        except ValueError:
            return self._said({"error": "Not JSON.", "status": "error"})
        extras = body.get("extras") if isinstance(body, dict) else None
        wanted = extras.get("request_id") if isinstance(extras, dict) else None
        name = wanted if self._keeps_ids and isinstance(wanted, str) else uuid.uuid4().hex
        self._records[name] = {"request_id": name, "status": "pending"}
        while len(self._records) > MOST_KEPT:
            self._records.popitem(last=False)
        task = asyncio.create_task(self._work(name, request, body))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return self._said({"request_id": name, "status": "pending",
                           "poll_url": f"{STATUS}?request_id={name}"})

    async def status(self, request: Request) -> Response:
        """What became of a call."""
        name = request.query_params.get("request_id", "")
        record = self._records.get(name)
        return self._said(record or {"error": f"Request ID {name} not found.",
                                     "request_id": name})

    def forget(self) -> None:
        """As a node does that was set up anew."""
        self._records.clear()

    async def _work(self, name: str, request: Request, body: Any) -> None:
        said = json.loads(bytes((await self._answer(request, body)).body))
        result = next((said[key] for key in ("result", "detail") if key in said), said)
        failed = isinstance(result, dict) and "error" in result
        if name in self._records:
            self._records[name] |= {
                "status": "failed" if failed else "completed", "result": result,
                **({"error": result["error"]} if failed else {})}

    def _said(self, record: dict[str, Any]) -> Response:
        outer = {"server_node_addr": "0xai_sample"}
        return JSONResponse({"result": record, **outer} if self._wrapped else {**record, **outer})
