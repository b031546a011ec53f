"""One API of one node as an ASGI app: a request becomes a call, the answer a response."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from datagen.sandbox.answers import Answer, Api, Call, failed
from datagen.sandbox.calls import ROUTES, NoCall, parsed, read
from datagen.sandbox.network import Network
from datagen.sandbox.wire import render

MAX_BODY = 256 * 1024 * 1024  # bytes; of a file
MAX_CSTORE_BODY = 16 * 1024 * 1024  # bytes
MAX_FORM_FIELD = 1024 * 1024  # bytes; of the part ``body``
RESET = "sandbox.reset"  # in the scope: breaks the connection
_TOO_LARGE = failed(413, "request entity too large")


def node_app(network: Network, node: int, api: Api) -> Starlette:
    """Every route of one API."""
    def endpoint(op: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await _answer(network, node, api, op, request)

        return answer

    return Starlette(
        routes=[Route(f"/{op}", endpoint(op), methods=[route.method])
                for op, route in ROUTES[api].items()],
        exception_handlers={HTTPException: _no_route},
    )


async def _answer(network: Network, node: int, api: Api, op: str, request: Request) -> Response:
    try:
        call = await _call(network, node, api, op, request)
    except NoCall as exc:
        call, answer = Call(api=api, op=op), exc.answer
        network.refused(node, call, answer)
    else:
        got = await _asked(network, node, call, request)
        if got is None:
            return Response(status_code=499)  # nobody hears it any more
        answer = got
    reply = render(answer, call, raw=network.behaviour(node).raw,
                   peer_id=network.peer_ids[node])
    if reply is None:
        request.scope[RESET]()
        return Response(status_code=499)
    return Response(reply.body, status_code=reply.status, headers=dict(reply.headers))


async def _asked(network: Network, node: int, call: Call, request: Request) -> Answer | None:
    """The node's answer; None when the client goes away first (the node works on)."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()

    def take(given: Answer) -> None:
        if not answer.done():  # else nobody waits any more
            answer.set_result(given)

    def deliver(given: Answer) -> None:
        loop.call_soon_threadsafe(take, given)

    network.submit(node, call, deliver)
    gone = asyncio.create_task(_gone(request.receive))
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else None
    finally:
        gone.cancel()
        answer.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


# From a request to a call.


async def _call(network: Network, node: int, api: Api, op: str, request: Request) -> Call:
    """Raises NoCall."""
    if request.method == "GET":
        return read(api, op, dict(request.query_params), 0)
    if op == "add_file":
        return await _upload(request)
    limit = MAX_CSTORE_BODY if api == "cstore" else network.behaviour(node).base64_limit
    inner = _Bounded(request.receive, min(limit, MAX_BODY))
    body = await Request(request.scope, inner).body()
    return read(api, op, parsed(body), len(body))


async def _upload(request: Request) -> Call:
    """A multipart form: the part ``file``, and JSON in the part ``body``."""
    inner = _Bounded(request.receive, MAX_BODY + MAX_FORM_FIELD)
    try:
        async with Request(request.scope, inner).form(
            max_files=1, max_fields=4, max_part_size=MAX_FORM_FIELD
        ) as form:
            file, body = form.get("file"), form.get("body")
            more = parsed(body) if isinstance(body, str) else {}
            if not isinstance(file, UploadFile) or not isinstance(more, dict):
                return read("r1fs", "add_file", more, inner.read)  # which says what is missing
            sent: dict[str, Any] = {
                **more, "content": await file.read(),
                "filename": more.get("filename") or file.filename or "r1fs.bin",
            }
            return read("r1fs", "add_file", sent, inner.read)
    except HTTPException as exc:  # no multipart form, or too many parts
        raise NoCall(Answer(form="validation", status=422, message=str(exc.detail),
                            about="file")) from exc


class _Bounded:
    """Receives a body up to its limit. Raises NoCall beyond it."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self.read = 0  # bytes

    async def __call__(self) -> Message:
        message = await self._receive()
        self.read += len(message.get("body", b""))
        if self.read > self._limit:
            raise NoCall(_TOO_LARGE)
        return message


async def _no_route(_: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    detail = {404: "Not Found", 405: "Method Not Allowed"}.get(status, str(exc))
    return JSONResponse({"detail": detail}, status_code=status)
