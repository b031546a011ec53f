"""The chat adapter against a scripted server on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest
from aiohttp import web

from datagen.adapters.chat import HttpChat
from datagen.adapters.clock import HandClock
from datagen.adapters.outgoing import ANSWER_LIMIT, Outgoing
from datagen.domain.chat import ChatCall, Endpoint, Message
from datagen.domain.errors import (
    AddressForbidden,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ModelUnreachable,
    ReplyUnusable,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
GOOD = {"choices": [{"message": {"content": '{"a":"b"}'}, "finish_reason": "stop"}]}
Script = Callable[[dict], web.StreamResponse]


@dataclass
class Server:
    """Answers as its script says and keeps what it was asked."""

    base_url: str = ""
    script: Script = field(default=lambda body: web.json_response(GOOD))
    bodies: list[dict] = field(default_factory=list)
    headers: list[dict] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        return self.script(body)

    def endpoint(self, **more) -> Endpoint:
        given = {"base_url": self.base_url, "path": "/v1/chat/completions", "dialect": "openai"}
        return Endpoint(**(given | more))

    @property
    def forms(self) -> list[str]:
        return [b.get("response_format", {}).get("type", "plain") for b in self.bodies]


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def server():
    async with serving() as running:
        yield running


@asynccontextmanager
async def chatting(own: Endpoint, *, timeout: float = 5, log: bool = False):
    out = Outgoing(timeout=timeout, inside=(ip_network("127.0.0.0/8"),))
    chat = HttpChat(out=out, own=own, clock=HandClock(), log=log)
    try:
        yield chat
    finally:
        await chat.aclose()


def call(schema=SCHEMA, content="One record") -> ChatCall:
    return ChatCall(messages=(Message(role="user", content=content),), schema=schema)


def refusing(*forms: str, status: int = 400, text: str = "response_format is not supported"):
    def script(body: dict) -> web.StreamResponse:
        if body.get("response_format", {}).get("type", "plain") in forms:
            return web.json_response({"error": {"message": text}}, status=status)
        return web.json_response(GOOD)
    return script


async def test_a_call_brings_a_reply(server):
    async with chatting(server.endpoint()) as chat:
        reply = await chat.complete(server.endpoint(model="m"), call())
    assert (reply.text, reply.finish_reason) == ('{"a":"b"}', "stop")
    assert server.bodies[0]["model"] == "m"


async def test_the_key_is_sent_where_the_dialect_wants_it(server):
    own = server.endpoint(api_key="k-123")
    async with chatting(own) as chat:
        await chat.complete(own, call())
        await chat.complete(server.endpoint(api_key="k-123", dialect="ratio1", path="/c"), call())
    assert server.headers[0]["Authorization"] == "Bearer k-123"
    assert "Authorization" not in server.headers[1]
    assert server.bodies[1]["authorization"] == "k-123"


@pytest.mark.parametrize("dialect", ["ratio1", "openai"])
async def test_the_key_never_leaves_for_another_origin(server, dialect):
    own = Endpoint(base_url="http://127.0.0.1:9", path="/c", api_key="k-123")
    async with chatting(own) as chat:
        await chat.complete(server.endpoint(api_key="k-123", dialect=dialect), call())
    assert "k-123" not in str(server.headers) + str(server.bodies)


async def test_redirects_are_not_followed(server):
    server.script = lambda body: web.Response(status=307, headers={"Location": "/elsewhere"})
    async with chatting(server.endpoint()) as chat:
        with pytest.raises(ModelRejected, match="redirects are not followed"):
            await chat.complete(server.endpoint(), call())
    assert len(server.bodies) == 1


async def test_a_refused_form_steps_down_and_is_remembered(server):
    server.script = refusing("json_schema")
    async with chatting(server.endpoint()) as chat:
        await chat.complete(server.endpoint(), call())
        await chat.complete(server.endpoint(), call({"type": "object"}))
        assert server.forms == ["json_schema", "json_object", "json_object"]
        await chat.complete(server.endpoint(model="other"), call())
        assert server.forms[3:] == ["json_schema", "json_object"]


async def test_a_server_that_takes_no_form_gets_none(server):
    server.script = refusing("json_schema", "json_object", status=422)
    async with chatting(server.endpoint()) as chat:
        await chat.complete(server.endpoint(), call())
        await chat.complete(server.endpoint(), call(None))
    assert server.forms == ["json_schema", "json_object", "plain", "plain"]


async def test_a_schema_that_a_server_cannot_do_spoils_no_other(server):
    server.script = refusing("json_schema", text="failed to parse grammar")
    async with chatting(server.endpoint()) as chat:
        await chat.complete(server.endpoint(), call())
        await chat.complete(server.endpoint(), call())
        await chat.complete(server.endpoint(), call({"type": "object"}))
    assert server.forms == ["json_schema", "json_object", "json_object", "json_schema",
                            "json_object"]


async def test_a_form_is_given_up_only_once_a_simpler_one_worked(server):
    server.script = refusing("json_schema", "json_object", "plain")
    async with chatting(server.endpoint()) as chat:
        with pytest.raises(ModelRejected):
            await chat.complete(server.endpoint(), call())
        server.script = refusing()
        await chat.complete(server.endpoint(), call())
    assert server.forms == ["json_schema", "json_object", "plain", "json_schema"]


async def test_an_error_that_does_not_name_the_form_is_not_retried(server):
    server.script = lambda body: web.json_response({"error": {"message": "boom"}}, status=500)
    async with chatting(server.endpoint()) as chat:
        with pytest.raises(ModelFailed, match="boom"):
            await chat.complete(server.endpoint(), call())
    assert len(server.bodies) == 1


async def test_an_overloaded_server_says_when_to_come_back(server):
    server.script = lambda body: web.Response(status=429, headers={"Retry-After": "7"})
    async with chatting(server.endpoint()) as chat:
        with pytest.raises(ModelOverloaded) as caught:
            await chat.complete(server.endpoint(), call())
    assert caught.value.retry_after == 7


async def test_an_answer_over_the_limit_is_refused(server):
    server.script = lambda body: web.Response(body=b"x" * (ANSWER_LIMIT + 1))
    async with chatting(server.endpoint()) as chat:
        with pytest.raises(ReplyUnusable, match="larger than 1 MiB"):
            await chat.complete(server.endpoint(), call())


async def test_no_server_is_unreachable(unused_port):
    there = Endpoint(base_url=f"http://127.0.0.1:{unused_port}", path="/c")
    async with chatting(there) as chat:
        with pytest.raises(ModelUnreachable, match=r"can't be reached. Is it running\?"):
            await chat.complete(there, call())


async def test_a_silent_server_is_unreachable_after_the_timeout():
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    there = Endpoint(base_url=f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}", path="/c")
    async with silent, chatting(there, timeout=0.2) as chat:
        with pytest.raises(ModelUnreachable, match=r"did not answer within 0.2 s"):
            await chat.complete(there, call())
        for writer in held:
            writer.close()


@pytest.mark.parametrize("raw", [
    b"", b"not http\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk"])
async def test_a_broken_connection_is_unreachable(raw):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    broken = await asyncio.start_server(answer, "127.0.0.1", 0)
    there = Endpoint(base_url=f"http://127.0.0.1:{broken.sockets[0].getsockname()[1]}", path="/c")
    async with broken, chatting(there) as chat:
        with pytest.raises(ModelUnreachable):
            await chat.complete(there, call())


@pytest.mark.parametrize("base_url", ["nonsense", "http://", "http://[bad", "http://a b"])
async def test_an_address_that_is_none_is_an_error_for_people(base_url):
    there = Endpoint(base_url=base_url, path="/c")
    async with chatting(there) as chat:
        with pytest.raises((ModelUnreachable, ModelRejected)):
            await chat.complete(there, call())


async def test_a_key_that_http_cannot_carry_is_not_repeated(server):
    own = server.endpoint(api_key="k-1\r\nHost: evil")
    async with chatting(own) as chat:
        with pytest.raises(ModelRejected) as caught:
            await chat.complete(own, call())
    assert "k-1" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_an_echoed_key_is_hidden(server):
    own = server.endpoint(api_key="k-54321")
    server.script = lambda body: web.Response(status=401, text="no such key: k-54321")
    async with chatting(own) as chat:
        with pytest.raises(ModelRefused) as caught:
            await chat.complete(own, call())
    assert "54321" not in str(caught.value)


async def test_the_log_tells_of_each_call_without_secrets(server, caplog):
    own = server.endpoint(api_key="k-54321", dialect="ratio1")
    server.script = lambda body: web.json_response(GOOD | {"echo": body})
    with caplog.at_level(logging.INFO, "datagen.inference"):
        async with chatting(own, log=True) as chat:
            await chat.complete(own, call(content="long " * 1000 + "\nend"))
    assert len(caplog.records) == 2
    assert "54321" not in caplog.text
    assert all(len(r.getMessage()) < 1000 and "\n" not in r.getMessage() for r in caplog.records)


async def test_nothing_is_logged_unless_asked(server, caplog):
    with caplog.at_level(logging.DEBUG, "datagen.inference"):
        async with chatting(server.endpoint()) as chat:
            await chat.complete(server.endpoint(), call())
    assert not caplog.records


@pytest.fixture
def unused_port() -> int:
    import socket
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_a_schema_json_cannot_carry_is_refused(server):
    async with chatting(server.endpoint()) as chat:
        with pytest.raises(ModelRejected, match="JSON can't carry"):
            await chat.complete(server.endpoint(), call({"minimum": float("nan")}))
    assert json.dumps(server.bodies) == "[]"


async def test_whoever_calls_no_private_network_is_reached_on_a_persons_behalf(server):
    """Drafts, workers, tests and lists of models all come through here."""
    own = Endpoint(base_url="http://127.0.0.1:9", path="/c")
    chat = HttpChat(out=Outgoing(timeout=5), own=own, clock=HandClock())
    try:
        for there in (server.endpoint(), server.endpoint(base_url=server.base_url.replace(
                "127.0.0.1", "localhost")), server.endpoint(polled=True, dialect="ratio1")):
            for ask in (chat.complete(there, call()), chat.try_out(there, call()),
                        chat.models(there)):
                with pytest.raises(AddressForbidden):
                    await ask
    finally:
        await chat.aclose()
    assert server.bodies == server.headers == []


async def test_a_trial_tells_the_form_a_server_takes_whatever_was_remembered(server):
    server.script = refusing("json_schema")
    async with chatting(server.endpoint()) as chat:
        assert (await chat.try_out(server.endpoint(), call())).form == "json_object"
        await chat.complete(server.endpoint(), call())
        server.script = refusing()
        trial = await chat.try_out(server.endpoint(), call())
    assert (trial.form, trial.reply.text) == ("json_schema", '{"a":"b"}')


async def test_a_trial_of_a_server_that_fails_raises_what_happened(server):
    server.script = lambda body: web.Response(status=401, text="no such key: k-54321")
    async with chatting(server.endpoint()) as chat:
        with pytest.raises(ModelRefused) as caught:
            await chat.try_out(server.endpoint(api_key="k-54321", key_url=server.base_url), call())
    assert "54321" not in str(caught.value)


@asynccontextmanager
async def listing(*answers: web.StreamResponse) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that answers each GET with the next, and the paths it was asked for."""
    left, paths = list(answers), []

    async def handle(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        return left.pop(0) if left else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{any:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", paths
    finally:
        await runner.cleanup()


async def models_of(*answers: web.StreamResponse, **more) -> tuple[tuple[str, ...], list[str]]:
    async with listing(*answers) as (url, paths):
        there = Endpoint(**({"base_url": url, "path": "/v1/chat/completions",
                             "dialect": "openai"} | more))
        async with chatting(there) as chat:
            return await chat.models(there), paths


async def test_all_models_are_listed_from_where_the_server_has_them():
    names = [f"model-{number}" for number in range(50)]
    found, paths = await models_of(
        web.Response(status=404), web.json_response({"data": [{"id": name} for name in names]}))
    assert (list(found), paths) == (names, ["/v1/models", "/models"])
    assert (await models_of(web.json_response({"result": {"data": ["a", "a", "", "b\x1b"]}}),
                            path="/create_chat_completion", dialect="ratio1")) == (
        ("a",), ["/get_models"])


async def test_a_server_that_does_not_list_its_models_says_so():
    with pytest.raises(ModelRejected, match="does not tell which models"):
        await models_of(web.Response(status=404), web.Response(text="<html>"))


async def test_a_list_that_is_refused_tells_why():
    with pytest.raises(ModelRefused):
        await models_of(web.Response(status=404), web.Response(status=401))


async def test_the_schema_goes_along_whichever_call_came_before(server):
    schemas = [{"type": "object", "properties": {name: {}}} for name in "abcab"]
    async with chatting(server.endpoint()) as chat:
        for schema in schemas:
            await chat.complete(server.endpoint(), call(schema))
    sent = [body["response_format"]["json_schema"]["schema"] for body in server.bodies]
    assert sent == schemas


async def test_half_a_character_in_a_prompt_is_sent_escaped(server):
    async with chatting(server.endpoint()) as chat:
        await chat.complete(server.endpoint(), call(content="a\ud800b"))
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "a\ud800b"}]
