"""What model servers and nodes answer, and what models write: hostile text from its first byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datagen.adapters import chat_models, chat_polled, chat_replies, node_answers
from datagen.adapters.outgoing import Got
from datagen.domain import coercion, records, validity
from datagen.domain.chat import ChatReply
from datagen.domain.errors import ModelError, ReplyUnusable
from datagen.domain.exact import RecordValidator
from datagen.domain.schema import draft, problems
from datagen.engine import journal
from datagen.model import wire
from datagen.protocol import lines
from tests.guided.target import Target, target, text, value, values

FORMATS = validity._FORMATS
_VECTORS = Path(__file__).parents[1] / "vectors"
_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_SECRETS = ("PLANTED-key-0123456789", 'pl"anted\\ä')


def _lines_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_VECTORS / name).read_text().splitlines()]


_ANSWERS: tuple[object, ...] = (
    {"result": {"TEXT_RESPONSE": ["x"], "FULL_OUTPUT": [{"choices": [
        {"message": {"content": "x"}, "finish_reason": "stop"}], "model": "m",
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}}]}, "server_node_addr": "a"},
    {"choices": [{"message": {"content": [{"text": "x"}]}, "finish_reason": "length"}]},
    {"error": {"message": f"no {_SECRETS[0]} {_SECRETS[1]}", "code": 429, "type": "rate_limited"}},
    {"result": {"error": "x", "status": "failed"}}, {"detail": [{"loc": ["a"], "msg": "x"}]},
    {"status": "timeout", "message": f"Bearer {_SECRETS[0]}"}, "<html><title>502</title>",
    {"detail": {"error": {"error": {"message": "model not found"}}}},
)


@target("chat-answer", "an answer of a model server is a reply or a ModelError, whose words are "
        "one line and hold no secret", _ANSWERS)
def chat_answer(data: bytes) -> None:
    for status in (200, 302, 400, 429, 500):
        answer = chat_replies.Answer(status=status, body=data, place="h:1", secrets=_SECRETS,
                                     retry_after=text(data)[:40], now=_NOW)
        try:
            reply = chat_replies.read_reply(answer)
        except ModelError as exc:
            said = str(exc)
            assert said.isprintable()
            assert len(said) < 600
            assert not any(secret in said for secret in _SECRETS)
            wait = getattr(exc, "retry_after", None)
            assert wait is None or 0 <= wait <= 3600
        else:
            assert reply.text.strip()
            assert all(type(count) in {int, type(None)} for count in (
                reply.prompt_tokens, reply.completion_tokens))
    for name in (*chat_models.read_ids(data), *chat_models.all_names(data)):
        assert name.isprintable()
        assert 0 < len(name) <= chat_models.MAX_NAME


class _Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return _NOW

    def monotonic(self) -> float:
        self.at += 1
        return self.at


async def _no_nap(_: float) -> None:
    return


def finished(coroutine: Any) -> Any:
    """What a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


@target("polled", "whatever a node says of calls it was handed, the outcome is an answer or a "
        "ModelError", [
            [{"result": {"request_id": "a", "status": "pending"}},
             {"result": {"request_id": "a", "status": "completed", "result": {"x": 1}}}],
            [{"error": "not found"}, {"request_id": "b", "status": "pending"},
             {"request_id": "b", "status": "failed", "result": {"error": "x"}}],
            [{"request_id": "*", "status": "completed", "result": {"TEXT_RESPONSE": ["x"]}}],
            ['{"request_id":"b","status":"pending"}', f'{{"error":{"[" * 1_000}{"]" * 1_000}}}'],
            ['{"request_id":"b","status":"pending"}',
             '{"request_id":"b","status":"done","result":{"x":' + "[" * 995 + "]" * 995 + "}}"]])
def polled(data: bytes) -> None:
    said = value(data)
    answers = iter(said if isinstance(said, list) else [said])

    async def send(
        method: str, url: str, body: bytes | None, query: Mapping[str, str]
    ) -> Got:
        answer = next(answers, None)
        if isinstance(answer, dict) and method == "GET":
            inner = answer.get("result")
            holder = inner if isinstance(inner, dict) and "request_id" in inner else answer
            holder["request_id"] = query["request_id"]
        try:
            written = json.dumps(answer).encode()
        except RecursionError:
            written = data
        return Got(status=200, body=answer.encode("utf-8", "replace")
                   if isinstance(answer, str) else written, retry_after=None)

    for call in ("", "job:1"):
        node = chat_polled.Polled(base_url="http://h", path="/create_chat_completion",
                                  who="The node", send=send, clock=_Clock(), timeout=30,
                                  nap=_no_nap)
        try:
            got = finished(node.ask(b'{"messages":[]}', call))
        except ModelError as exc:
            assert str(exc).isprintable()
        else:
            chat_answer.judge(got.body)


_SERVICE = node_answers.Service(name="The store", url="http://u:pw@h:1", variable="V")


@target("node-answer", "an answer of a node's store is a result or a NodeError that repeats no "
        "word of it", [{"result": {"a": "b"}}, {"error": "x"},
                  {"result": None, "server_node_addr": "a"},
                  {"detail": "Not Found"}, {"result": {"status": 404, "error": "x"}}, "null"])
def node_answer(data: bytes) -> None:
    for status in (200, 404, 503):
        answer = node_answers.Answer(status=status, body=data, service=_SERVICE)
        for read in (node_answers.result_of, node_answers.fields_of):
            try:
                found = read(answer)
            except node_answers.NodeError as exc:
                plain = node_answers.NodeError(_SERVICE, exc.why, status=exc.status)
                assert str(exc) == str(plain)
                assert exc.status in {None, status}
            else:
                assert status == 200
                assert read is node_answers.result_of or isinstance(found, dict)


@target("chat-request", "a request to the model that comes along is a call or a BadRequest", [
    {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5, "temperature": 0.5,
     "response_format": {"type": "json_object", "schema": {"type": "object"}}},
    {"messages": [{"role": "tool", "content": "x"}],
     "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}])
def chat_request(data: bytes) -> None:
    try:
        asked = wire.read_request(value(data))
    except wire.BadRequest as exc:
        assert str(exc)
    else:
        assert asked.messages
    try:
        wire.redacted(value(data))
    except RecursionError:
        return


SCHEMAS: Mapping[str, Any] = json.loads((_VECTORS / "replies/schemas.json").read_text())
_READERS = {name: records.RecordReader(schema) for name, schema in SCHEMAS.items()}
_REPLIES = [*_lines_of("replies/by_hand.jsonl"), *_lines_of("replies/made.jsonl")]


def _sound(schema: Mapping[str, Any], found: records.Accepted) -> None:
    """A record that counts fits, and can be kept and read again."""
    assert not list(RecordValidator(schema, format_checker=FORMATS).iter_errors(found.data))
    line = lines.read_line(journal.ok_line(7, found.data))
    assert line is not None
    assert (line.i, line.ok, line.data) == (7, True, found.data)


@target("reply", "a model's reply is a record that fits, can be kept and reads again the same, or "
        "a reason in one line", [one["reply"] for one in _REPLIES[::7]])
def reply(data: bytes) -> None:
    said = text(data)
    for name, reader in _READERS.items():
        for finish in ("stop", "length"):
            found = reader.read(ChatReply(text=said, finish_reason=finish))
            if isinstance(found, records.Accepted):
                _sound(SCHEMAS[name], found)
            else:
                assert found.reason.strip()
                assert found.reason.isprintable()
                assert len(found.raw.encode()) <= records.MAX_RAW
                kept = lines.read_line(journal.failed_line(7, found.reason, found.raw))
                assert kept is not None
                assert kept.error == found.reason


@target("coercion", "a value that fits is not touched, and what is converted is converted once",
        [[0, {"ticket_id": "TCK-04962", "hours_open": "817", "resolved": "true"}],
         [1, {"sku": "ABC-12345", "price": {"amount": "5.5", "Currency": "EUR"}, "tags": "red"}]])
def coerced(data: bytes) -> None:
    number, said = values(data, 2)
    names = sorted(SCHEMAS)
    schema = SCHEMAS[names[number % len(names) if type(number) is int else 0]]
    judge = RecordValidator(schema, format_checker=FORMATS)
    some = coercion.Coercion(schema, lambda part, one: judge.evolve(schema=part).is_valid(one))
    try:
        once = some.apply(said)
    except RecursionError:
        return  # the reader says so
    again = some.apply(once.value)
    assert repr(again.value) == repr(once.value)
    assert not again.fields
    if judge.is_valid(said):
        assert repr(once.value) == repr(said)
        assert not once.fields


@target("draft", "a model's draft is a schema in which nothing is wrong, or ReplyUnusable",
        [one["reply"] for one in _lines_of("drafts/replies.jsonl")[::3]])
def drafted(data: bytes) -> None:
    said = text(data)
    for dataset_mode in (False, True):
        try:
            found = draft.read_draft(said, dataset_mode=dataset_mode, classes=("spam", "ham"))
        except ReplyUnusable:
            continue
        assert problems(found.schema) == ()
        assert not dataset_mode or "label" in found.schema["required"]
        json.dumps(found.schema, allow_nan=False).encode()
        assert all(change.strip() for change in found.changes)


TARGETS: tuple[Target, ...] = (
    chat_answer, polled, node_answer, chat_request, reply, coerced, drafted)
