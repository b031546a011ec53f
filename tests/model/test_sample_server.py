"""The server speaks both dialects, breaks as told, and remembers without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from datagen.domain.errors import ModelFailed, ModelOverloaded
from datagen.model.answers import Answer, Usage
from datagen.model.sample import Faults

Start = Callable[..., tuple[str, Any]]
SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
NAMED = {"type": "json_schema", "json_schema": {"name": "record", "schema": SCHEMA}}
OPENAI, RATIO1 = "/v1/chat/completions", "/create_chat_completion"


def ask(url: str, *, text: str = "one", form: Any = NAMED, timeout: float = 20,
        headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
    body = {"messages": [{"role": "user", "content": text}], **more}
    if form is not None:
        body["response_format"] = form
    return requests.post(url, json=body, headers=headers, timeout=timeout)


@pytest.mark.parametrize("path", [OPENAI, "/chat/completions"])
def test_openai_shape(sample_server: Start, path: str) -> None:
    base, _ = sample_server()
    answer = ask(base + path).json()
    assert json.loads(answer["choices"][0]["message"]["content"])["id"]
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("wrapped", [True, False])
def test_node_shape_wrapped_and_raw(sample_server: Start, wrapped: bool) -> None:
    base, _ = sample_server(wrapped=wrapped)
    body = ask(base + RATIO1, form={"type": "json_object", "schema": SCHEMA}).json()
    result = body["result"] if wrapped else body
    assert {"REQUEST_ID", "MODEL_NAME", "TEXT_RESPONSE", "FULL_OUTPUT"} <= set(result)
    assert json.loads(result["TEXT_RESPONSE"][0])["id"]
    assert result["FULL_OUTPUT"][0]["choices"][0]["message"]["content"] == result[
        "TEXT_RESPONSE"][0]


def test_no_schema_means_a_draft(sample_server: Start) -> None:
    base, _ = sample_server()
    answer = ask(base + OPENAI, text="support tickets", form={"type": "json_object"}).json()
    assert "properties" in json.loads(answer["choices"][0]["message"]["content"])


def test_a_key_counts_where_its_dialect_puts_it(sample_server: Start) -> None:
    base, app = sample_server(api_key="s3cret")
    bearer = {"Authorization": "Bearer s3cret"}
    assert ask(base + OPENAI, headers=bearer).status_code == 200
    assert ask(base + RATIO1, authorization="s3cret").status_code == 200
    assert ask(base + OPENAI, authorization="s3cret").status_code == 401
    assert ask(base + RATIO1, headers=bearer).status_code == 401
    assert requests.get(base + "/v1/models", timeout=20).status_code == 401
    assert requests.get(base + "/v1/models", headers=bearer, timeout=20).status_code == 200
    assert [entry["key_in"] for entry in app.state.log] == ["header", "body", "body", "header"]
    assert "s3cret" not in str(list(app.state.log))


def test_models_and_health(sample_server: Start) -> None:
    base, _ = sample_server(model="tiny", health=lambda: {"slots": 2})
    for path in ("/v1/models", "/models", "/get_models"):
        assert requests.get(base + path, timeout=20).json()["data"][0]["id"] == "tiny"
    assert requests.get(base + "/health", timeout=20).json() == {
        "ok": True, "model": "tiny", "slots": 2}


def test_calls_are_counted_and_remembered(sample_server: Start) -> None:
    base, app = sample_server(latency=0.05)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ask(base + OPENAI, text=str(n)), range(8)))
    assert app.state.calls == 8
    assert 1 < app.state.peak <= 4
    assert app.state.in_flight == 0
    assert {entry["status"] for entry in app.state.log} == {200}


@pytest.mark.parametrize("body", [
    b"{", b"[]", b"{}", b'{"messages": []}', b'{"messages": [{"role": "user", "content": ""}]}',
    b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": "many"}',
    b'{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "xml"}}',
    b'{"messages": [{"role": "user", "content": "x"}], "response_format": 5}',
    b'{"messages": [{"role": [], "content": "x"}]}',
])
def test_what_is_no_chat_call_is_a_400(sample_server: Start, body: bytes) -> None:
    base, _ = sample_server()
    assert requests.post(base + OPENAI, data=body, timeout=20).status_code == 400


@pytest.mark.parametrize(("takes", "codes"), [
    (("json_schema", "json_object+schema", "json_object"), [200, 200, 200, 200]),
    (("json_object",), [400, 400, 200, 200]), ((), [400, 400, 400, 200]),
])
def test_forms_it_does_not_take_are_refused_by_name(
    sample_server: Start, takes: tuple[str, ...], codes: list[int]
) -> None:
    base, _ = sample_server(forms=takes)
    forms = [NAMED, {"type": "json_object", "schema": SCHEMA}, {"type": "json_object"}, None]
    answers = [ask(base + OPENAI, form=form) for form in forms]
    assert [answer.status_code for answer in answers] == codes
    assert all("response_format" in answer.text for answer in answers if not answer.ok)


def test_only_the_asked_dialects_are_served(sample_server: Start) -> None:
    base, _ = sample_server(dialects=("openai",))
    assert ask(base + RATIO1).status_code == 404


def faulty(kind: str, **more: Any) -> Faults:
    return Faults(rate=1, kinds=(kind,), **more)


@pytest.mark.parametrize(("kind", "code"), [
    ("http_429", 429), ("http_500", 500), ("http_503", 503), ("http_400_response_format", 400)])
@pytest.mark.parametrize("path", [OPENAI, RATIO1])
def test_http_faults(sample_server: Start, kind: str, code: int, path: str) -> None:
    base, app = sample_server(faults=faulty(kind, retry_after=3))
    answer = ask(base + path)
    assert answer.status_code == code
    assert app.state.log[0]["fault"] == kind
    assert answer.headers.get("Retry-After") == ("3" if code == 429 else None)
    if code == 400:
        assert "response_format" in answer.text
        assert ask(base + path, form={"type": "json_object"}).status_code == 200


@pytest.mark.parametrize("wrapped", [True, False])
def test_an_error_may_come_with_200(sample_server: Start, wrapped: bool) -> None:
    base, _ = sample_server(faults=faulty("http_200_error", statuses=("rate_limited",)),
                            wrapped=wrapped)
    body = ask(base + RATIO1).json()
    assert (body["result"] if wrapped else body) == {
        "error": "The request was not served.", "status": "rate_limited"}
    assert "error" in ask(base + OPENAI).json()


def test_a_hanging_call_ends_when_the_client_gives_up(sample_server: Start) -> None:
    base, app = sample_server(faults=faulty("hang", first=1))
    with pytest.raises(requests.Timeout):
        ask(base + OPENAI, timeout=0.3)
    assert ask(base + OPENAI).status_code == 200
    assert app.state.calls == 2


def test_a_connection_may_break_in_the_middle(sample_server: Start) -> None:
    base, _ = sample_server(faults=faulty("disconnect"))
    with pytest.raises(requests.RequestException):
        ask(base + OPENAI)


def test_slow_answers_come(sample_server: Start) -> None:
    base, _ = sample_server(faults=faulty("slow", slow_seconds=0.2))
    answer = ask(base + OPENAI)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.2


def test_spoilt_text_comes_with_200(sample_server: Start) -> None:
    base, _ = sample_server(faults=faulty("truncated"))
    assert ask(base + OPENAI).json()["choices"][0]["finish_reason"] == "length"


class Engine:
    """Raises or answers what it is given."""

    def __init__(self, result: Answer | Exception) -> None:
        self.result = result

    def answer(self, messages: Any, schema: Any, *, max_tokens: int, temperature: float) -> Answer:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.mark.parametrize(("result", "code"), [
    (Answer("hello", "stop", Usage(1, 1)), 200),
    (ModelOverloaded("Busy.", retry_after=4), 429), (ModelFailed("Broke."), 500),
])
def test_any_engine_can_be_served(sample_server: Start, result: Any, code: int) -> None:
    base, _ = sample_server(Engine(result))
    assert ask(base + OPENAI).status_code == code


def test_a_schema_that_nothing_fits_is_an_error_never_a_record(sample_server: Start) -> None:
    base, _ = sample_server()
    answer = ask(base + OPENAI, form={"type": "json_object", "schema": {"not": {}}})
    assert answer.status_code == 400
    assert "No value was found" in answer.text
