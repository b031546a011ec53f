"""An unknown model's error names what the server offers, asked once and without trust."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from datagen.adapters.chat import HttpChat
from datagen.adapters.chat_models import KEPT, LIST_TIMEOUT, MAX_LETTERS, Offers, places, read_ids
from datagen.adapters.chat_replies import Answer, complaint, error_of
from datagen.adapters.clock import HandClock
from datagen.adapters.outgoing import Outgoing
from datagen.domain.chat import Endpoint
from datagen.domain.errors import ModelRejected, ModelUnknown, ModelUnreachable
from tests.adapters.test_chat import call

OPENAI = Endpoint(base_url="http://h", path="/v1/chat/completions", dialect="openai")
RATIO1 = Endpoint(base_url="http://h", path="/create_chat_completion")


@pytest.mark.parametrize(("endpoint", "first"), [
    (OPENAI, ["http://h/v1/models", "http://h/models", "http://h/get_models"]),
    (RATIO1, ["http://h/get_models", "http://h/models"]),
    (Endpoint(base_url="http://h/v1", path="/chat/completions", dialect="openai"),
     ["http://h/v1/models", "http://h/v1/get_models"]),
])
def test_the_list_is_looked_for_where_servers_keep_it(endpoint: Endpoint, first: list) -> None:
    assert places(endpoint) == first


@pytest.mark.parametrize(("body", "ids"), [
    ({"data": [{"id": "a"}, {"id": "b"}]}, ("a", "b")),
    (["a", {"name": "b"}], ("a", "b")),
    ({"result": {"data": [{"id": "a"}]}}, ("a",)),
    ({"result": ["a", "a"]}, ("a",)),
    ({"models": [{"name": "org/a:7b"}]}, ("org/a:7b",)),
    ({"data": [{"id": f"m{n}"} for n in range(99)]}, tuple(f"m{n}" for n in range(8))),
    ({"data": [{"id": "[click](http://evil)"}, {"id": 3}, None, {"id": "x" * 81}]}, ()),
    ({"data": [{"id": "x" * 80}, {"id": "y" * 80}]}, ("x" * 80,)),
    ({"error": "no"}, ()), ({"data": {"data": {}}}, ()), (3, ()), (None, ()),
])
def test_names_are_read_from_any_form_and_bounded(body: Any, ids: tuple) -> None:
    found = read_ids(json.dumps(body).encode())
    assert found == ids
    assert sum(map(len, found)) <= MAX_LETTERS


@pytest.mark.parametrize("body", [None, b"", b"<html>", b"\xff", b"[" * 100_000])
def test_no_bytes_break_the_reading(body: bytes | None) -> None:
    assert read_ids(body) == ()


@pytest.mark.parametrize(("status", "text", "unknown"), [
    (404, "The model `gpt-9` does not exist or you do not have access to it.", True),
    (400, "Invalid model name passed", True),
    (400, "model 'x' not found, try pulling it first", True),
    (404, "Not Found", False),
    (500, "The model is not available.", False),
    (400, "max_tokens is not a valid number for this model", False),
    (401, "model not found", False),
])
def test_an_unknown_model_is_told_from_other_refusals(
    status: int, text: str, unknown: bool
) -> None:
    body = json.dumps({"error": {"message": text}}).encode()
    answer = Answer(status=status, body=body, place="h:1", now=HandClock().now())
    found = complaint(answer)
    assert found is not None
    assert isinstance(error_of(answer, found), ModelUnknown) is unknown


async def test_a_server_is_asked_once_in_five_minutes() -> None:
    asked, clock = [], HandClock()

    async def fetch(url: str, _: Endpoint) -> bytes | None:
        asked.append(url)
        await asyncio.sleep(0)
        return b'["a"]' if url.endswith("/models") else None

    offers = Offers(fetch=fetch, clock=clock)
    found = await asyncio.gather(*(offers.of(OPENAI) for _ in range(8)))
    assert found == [("a",)] * 8
    assert await offers.of(OPENAI) == ("a",)
    assert len(asked) == 1
    clock.advance(KEPT)
    assert await offers.of(OPENAI) == ("a",)
    assert len(asked) == 2


async def test_a_server_that_does_not_say_costs_no_more_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("datagen.adapters.chat_models.LIST_TIMEOUT", 0.01)

    async def fetch(url: str, _: Endpoint) -> bytes | None:
        await asyncio.Event().wait()
        return None

    async def broken(url: str, _: Endpoint) -> bytes | None:
        raise ModelUnreachable("gone")

    assert LIST_TIMEOUT <= 5
    assert await Offers(fetch=fetch, clock=HandClock()).of(OPENAI) == ()
    assert await Offers(fetch=broken, clock=HandClock()).of(RATIO1) == ()


async def test_the_error_names_the_models_and_no_key() -> None:
    listed: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            error = {"message": "The model `gpt-9` does not exist", "code": "model_not_found"}
            return web.json_response({"error": error}, status=404)
        listed.append(dict(request.headers))
        return web.json_response({"data": [{"id": n} for n in ("small", "k-123456", "large")]})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    own = replace(OPENAI, base_url=f"http://127.0.0.1:{runner.addresses[0][1]}", model="gpt-9",
                  api_key="k-123456")
    chat = HttpChat(out=Outgoing(timeout=5), own=own, clock=HandClock())
    try:
        with pytest.raises(ModelUnknown) as caught:
            await chat.complete(own, call())
    finally:
        await chat.aclose()
        await runner.cleanup()
    assert isinstance(caught.value, ModelRejected)
    assert caught.value.advice.startswith("It offers small, large.")
    assert "k-123456" not in f"{caught.value} {caught.value.advice}"
    assert [headers["Authorization"] for headers in listed] == ["Bearer k-123456"]
