"""The sample model in process behaves like a chat model, faults included."""

from __future__ import annotations

import asyncio
import json

import pytest

from datagen.adapters.sample import SampleModel
from datagen.domain.chat import ChatCall, ChatReply, Endpoint, Message
from datagen.domain.errors import (
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ModelUnreachable,
)
from datagen.model.sample import Faults

ENDPOINT = Endpoint(base_url="http://127.0.0.1:1", path="/create_chat_completion")
SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


def call(text: str = "one", schema: object = SCHEMA) -> ChatCall:
    return ChatCall(messages=(Message(role="user", content=text),), schema=schema)


class Slept:
    """Sleeps at once and remembers how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def broken(kind: str, **options: object) -> SampleModel:
    faults = Faults(rate=1, kinds=(kind,), **options)
    return SampleModel(faults=faults, sleep=Slept(), timeout=9)


async def test_a_record_and_its_tokens_come_back() -> None:
    reply = await SampleModel().complete(ENDPOINT, call())
    assert json.loads(reply.text)["id"]
    assert reply.finish_reason == "stop"
    assert reply.prompt_tokens
    assert reply.completion_tokens
    assert reply.model == "sample"


async def test_a_call_without_schema_is_a_draft() -> None:
    reply = await SampleModel().complete(ENDPOINT, call("support tickets", None))
    assert "ticket_id" in json.loads(reply.text)["properties"]


async def test_equal_calls_give_equal_replies_in_any_order() -> None:
    model = SampleModel()
    texts = ["a", "b", "c", "a"]
    replies = await asyncio.gather(*(model.complete(ENDPOINT, call(text)) for text in texts))
    assert replies[0] == replies[3]
    assert len({reply.text for reply in replies}) == 3


async def test_latency_is_slept_before_the_answer() -> None:
    slept = Slept()
    await SampleModel(latency=0.25, sleep=slept).complete(ENDPOINT, call())
    assert slept.seconds == [0.25]


@pytest.mark.parametrize(("kind", "error"), [
    ("http_429", ModelOverloaded), ("http_503", ModelOverloaded), ("http_500", ModelFailed),
    ("disconnect", ModelUnreachable), ("hang", ModelUnreachable),
])
async def test_faults_of_the_wire_are_errors(kind: str, error: type[ModelError]) -> None:
    with pytest.raises(error):
        await broken(kind).complete(ENDPOINT, call())


@pytest.mark.parametrize(("status", "error"), [
    ("rate_limited", ModelOverloaded), ("unauthorized", ModelRefused), ("error", ModelFailed),
    ("failed", ModelFailed), ("timeout", ModelUnreachable), (None, ModelFailed),
])
async def test_an_error_inside_a_200_is_an_error(status: str, error: type[ModelError]) -> None:
    with pytest.raises(error):
        await broken("http_200_error", statuses=(status,)).complete(ENDPOINT, call())


async def test_a_429_says_how_long_to_wait() -> None:
    with pytest.raises(ModelOverloaded) as caught:
        await broken("http_429", retry_after=7).complete(ENDPOINT, call())
    assert caught.value.retry_after == 7


async def test_only_the_first_call_fails_where_that_is_asked() -> None:
    model = broken("http_500", first=1)
    with pytest.raises(ModelFailed):
        await model.complete(ENDPOINT, call())
    assert isinstance(await model.complete(ENDPOINT, call()), ChatReply)


@pytest.mark.parametrize("kind", ["slow", "http_400_response_format"])
async def test_what_a_client_gets_over_still_gives_the_record(kind: str) -> None:
    reply = await broken(kind).complete(ENDPOINT, call())
    assert reply.text == (await SampleModel().complete(ENDPOINT, call())).text


async def test_spoilt_text_comes_as_a_reply() -> None:
    reply = await broken("truncated").complete(ENDPOINT, call())
    assert reply.finish_reason == "length"


async def test_a_schema_that_nothing_fits_is_rejected() -> None:
    with pytest.raises(ModelRejected):
        await SampleModel().complete(ENDPOINT, call("x", {"not": {}}))


async def test_closing_leaves_nothing_open() -> None:
    await SampleModel().aclose()
