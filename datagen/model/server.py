"""A model engine behind HTTP, in the node's dialect and in OpenAI's.

``app.state`` tells tests what happened: ``calls`` (chat calls so far), ``in_flight``,
``peak`` (most at once) and ``log`` (the last requests, keys redacted).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from datagen.domain.errors import DatagenError, ModelError, ModelOverloaded, ModelRejected
from datagen.model.answers import Answer, Engine
from datagen.model.handed_in import STATUS, SUBMIT, HandedIn
from datagen.model.sample.engine import fingerprint
from datagen.model.sample.faults import Faults
from datagen.model.wire import Asked, BadRequest, answered, failed, read_request, redacted

FORMS = ("json_schema", "json_object+schema", "json_object")
OPENAI_PATHS = ("/v1/chat/completions", "/chat/completions")
RATIO1_PATHS = ("/create_chat_completion",)
_WRONG_KEY = "The API key is missing or wrong."
LOG_SIZE = 2_000  # requests remembered


@dataclass(kw_only=True)
class _Desk:
    """What one app knows: its options and its counters."""

    engine: Engine
    wrapped: bool
    api_key: str | None
    latency: float
    faults: Faults
    forms: Collection[str]
    model: str
    seen: Counter[str] = field(default_factory=Counter)


def create_app(
    engine: Engine,
    *,
    dialects: Collection[str] = ("openai", "ratio1"),
    wrapped: bool = True,
    api_key: str | None = None,
    latency: float = 0.0,
    faults: Faults | None = None,
    forms: Collection[str] = FORMS,
    model: str = "sample",
    health: Callable[[], Mapping[str, Any]] | None = None,
    keeps_ids: bool = True,
) -> Starlette:
    """An ASGI app that answers chat calls with ``engine``.

    ``wrapped``: the node's answers stand under ``result`` (its default) or at top level (RAW).
    ``api_key``: required then, as bearer token for OpenAI's paths and as ``authorization`` in
    the body for the node's. ``latency``: seconds before each answer. ``forms``: the
    ``response_format`` forms it takes; others get a 400. ``health``: more for ``/health``.
    ``keeps_ids``: whether calls that are handed in may bring an id of their own.
    """
    desk = _Desk(engine=engine, wrapped=wrapped, api_key=api_key, latency=latency,
                 faults=faults or Faults(), forms=forms, model=model)

    async def chat(request: Request) -> Response:
        return await _chat(desk, request)

    async def models(request: Request) -> Response:
        if not _key_fits(desk, request, {}):
            return failed(request.url.path, 401, _WRONG_KEY)
        return JSONResponse({"object": "list", "data": [{"id": model, "object": "model"}]})

    async def healthy(_: Request) -> Response:
        return JSONResponse({"ok": True, "model": model, **(health() if health else {})})

    paths = [*(OPENAI_PATHS if "openai" in dialects else ()),
             *(RATIO1_PATHS if "ratio1" in dialects else ())]
    handed_in = HandedIn(partial(_completed, desk), wrapped=wrapped, keeps_ids=keeps_ids)
    second = [Route(SUBMIT, handed_in.submit, methods=["POST"]),
              Route(STATUS, handed_in.status)] if "ratio1" in dialects else []
    app = Starlette(routes=[
        *second,
        *(Route(path, chat, methods=["POST"]) for path in paths),
        *(Route(path, models) for path in ("/v1/models", "/models", "/get_models")),
        Route("/health", healthy),
    ])
    app.state.calls = app.state.in_flight = app.state.peak = 0
    app.state.handed_in = handed_in
    app.state.log = deque(maxlen=LOG_SIZE)
    return app


async def _completed(desk: _Desk, request: Request, body: Any) -> Response:
    """A call that was handed in, as if it were one of the first form."""
    return await _chat(desk, _Again(request, body))


class _Again(Request):
    """A request whose body was read before, at the path of the first form."""

    def __init__(self, request: Request, body: Any) -> None:
        super().__init__({**request.scope, "path": RATIO1_PATHS[0]}, _nobody)
        self._json = body


async def _nobody() -> Message:
    """Whoever handed it in does not wait for it."""
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # never


async def _chat(desk: _Desk, request: Request) -> Response:
    state = request.app.state
    state.calls += 1
    state.in_flight += 1
    state.peak = max(state.peak, state.in_flight)
    entry: dict[str, Any] = {"path": request.url.path, "status": None, "fault": None}
    state.log.append(entry)
    try:
        response = await _answer(desk, request, entry)
    finally:
        state.in_flight -= 1
    entry["status"] = response.status_code
    return response


async def _answer(desk: _Desk, request: Request, entry: dict[str, Any]) -> Response:
    path = request.url.path
    try:
        body = await request.json()
        asked = read_request(body)
    except (BadRequest, ValueError) as exc:
        return failed(path, 400, str(exc) if isinstance(exc, BadRequest) else "Not JSON.")
    entry |= {"body": redacted(body), "key_in": _key_place(request, body)}
    if not _key_fits(desk, request, body):
        return failed(path, 401, _WRONG_KEY, status="unauthorized")
    prompt = fingerprint(asked.messages)
    desk.seen[prompt] += 1
    fault = desk.faults.pick(prompt, desk.seen[prompt])
    entry["fault"] = fault
    refused = asked.form is not None and asked.form not in desk.forms
    if refused or (fault == "http_400_response_format" and asked.schema is not None):
        return failed(path, 400, f"response_format: the form {asked.form} is not supported.")
    await asyncio.sleep(desk.latency + (desk.faults.slow_seconds if fault == "slow" else 0))
    broken = await _wire_fault(desk, request, fault, prompt)
    if broken is not None:
        return broken
    return await _complete(desk, path, asked, fault, prompt)


async def _complete(
    desk: _Desk, path: str, asked: Asked, fault: str | None, prompt: str
) -> Response:
    try:
        text, finish, usage = await run_in_threadpool(
            desk.engine.answer, asked.messages, asked.schema,
            max_tokens=asked.max_tokens, temperature=asked.temperature,
        )
    except ModelOverloaded as exc:
        after = {"Retry-After": str(int(exc.retry_after or 1))}
        return failed(path, 429, str(exc), status="rate_limited", headers=after)
    except ModelError as exc:
        code = 400 if isinstance(exc, ModelRejected) else 500
        return failed(path, code, str(exc), status="failed")
    if fault is not None:
        text, finish = desk.faults.spoil(fault, text, finish, asked.schema, prompt)
    return answered(path, Answer(text, finish, usage), model=desk.model, wrapped=desk.wrapped)


async def _wire_fault(
    desk: _Desk, request: Request, fault: str | None, prompt: str
) -> Response | None:
    path = request.url.path
    if fault == "http_200_error":
        status = desk.faults.status(prompt)
        return failed(path, 200, "The request was not served.", status=status,
                      wrapped=desk.wrapped)
    if fault == "http_404_model":
        return failed(path, 404, "The model 'other' does not exist.", status="model_not_found")
    if fault == "http_429":
        return failed(path, 429, "Too many requests.", status="rate_limited",
                      headers={"Retry-After": str(desk.faults.retry_after)})
    if fault in {"http_500", "http_503"}:
        return failed(path, int(fault[-3:]), "The model is not available.", status="failed")
    if fault == "hang":
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response(status_code=499)  # nobody hears it; the log shows it
    return _Broken() if fault == "disconnect" else None


class _Broken(Response):
    """Promises more bytes than it sends: the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"choices": [', "more_body": True})


def _key_place(request: Request, body: Mapping[str, Any]) -> str:
    """Where a key was sent: "header", "body", "both" or "nowhere"."""
    header, inside = "authorization" in request.headers, bool(body.get("authorization"))
    return "both" if header and inside else "header" if header else "body" if inside else "nowhere"


def _key_fits(desk: _Desk, request: Request, body: Mapping[str, Any]) -> bool:
    if desk.api_key is None:
        return True
    node = request.url.path in RATIO1_PATHS  # a node reads no headers
    sent = body.get("authorization") if node else request.headers.get("authorization")
    return str(sent or "").removeprefix("Bearer ").strip() == desk.api_key


def run_in_thread(app: Starlette, *, host: str = "127.0.0.1") -> tuple[str, Callable[[], None]]:
    """Serve ``app`` on a free loopback port; the base URL, and a call that stops it.

    Raises DatagenError when it does not come up within 10 s.
    """
    config = uvicorn.Config(app, host=host, port=0, log_level="critical", lifespan="off",
                            access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="sample-model", daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            raise DatagenError("The sample model's server did not start.")
        thread.join(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]

    def stop() -> None:
        server.should_exit = server.force_exit = True
        thread.join(10)

    return f"http://{host}:{port}", stop
