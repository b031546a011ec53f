"""What is sent to a chat model."""

from __future__ import annotations

import pytest

from datagen.adapters.chat_dialects import (
    Form,
    build_body,
    build_headers,
    first_form,
    key_for,
    place,
)
from datagen.domain.chat import ChatCall, Endpoint, Message

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
MESSAGES = (Message(role="system", content="Answer in JSON."), Message(role="user", content="One"))
NODE = Endpoint(base_url="http://127.0.0.1:1", path="/create_chat_completion", model="m",
                api_key="k-1")
OPENAI = Endpoint(base_url="https://models.example", path="/v1/chat/completions", model="m",
                  dialect="openai", api_key="k-1")


def call(**more: object) -> ChatCall:
    return ChatCall(messages=MESSAGES, **more)


@pytest.mark.parametrize(("endpoint", "form", "wanted"), [
    (NODE, Form.SCHEMA, {"type": "json_object", "schema": SCHEMA}),
    (NODE, Form.JSON, {"type": "json_object"}),
    (OPENAI, Form.SCHEMA, {"type": "json_schema", "json_schema": {
        "name": "record", "schema": SCHEMA, "strict": False}}),
    (OPENAI, Form.JSON, {"type": "json_object"}),
])
def test_each_dialect_asks_for_the_form_in_its_own_words(endpoint, form, wanted):
    assert build_body(endpoint, call(schema=SCHEMA), form, None)["response_format"] == wanted


@pytest.mark.parametrize("endpoint", [NODE, OPENAI])
def test_the_plain_form_asks_for_nothing(endpoint):
    assert "response_format" not in build_body(endpoint, call(schema=SCHEMA), Form.PLAIN, None)


def test_a_draft_asks_for_any_json_object():
    assert first_form(call()) is Form.JSON
    assert first_form(call(schema=SCHEMA)) is Form.SCHEMA


def test_a_node_reads_its_key_from_the_body_and_knows_no_model():
    body = build_body(NODE, call(temperature=0.2, max_tokens=99), Form.JSON, "k-1")
    assert body == {
        "messages": [{"role": "system", "content": "Answer in JSON."},
                     {"role": "user", "content": "One"}],
        "temperature": 0.2, "max_tokens": 99, "response_format": {"type": "json_object"},
        "authorization": "k-1",
    }
    assert "Authorization" not in build_headers(NODE, "k-1")


def test_an_openai_server_reads_its_key_from_the_header():
    body = build_body(OPENAI, call(), Form.JSON, "k-1")
    assert body["model"] == "m"
    assert "k-1" not in str(body)
    assert build_headers(OPENAI, "k-1")["Authorization"] == "Bearer k-1"


def test_parameters_add_what_is_known_and_replace_nothing():
    parameters = {"top_p": 0.5, "stream": True, "messages": [], "temperature": 9,
                  "authorization": "x", "response_format": None, "max_tokens": 1}
    for endpoint in (NODE, OPENAI):
        body = build_body(endpoint, call(parameters=parameters), Form.JSON, None)
        assert body["top_p"] == 0.5
        assert (body["temperature"], body["max_tokens"]) == (0.7, 1024)
        assert len(body["messages"]) == 2
        assert not {"stream", "authorization"} & set(body)


def test_max_completion_tokens_stands_alone():
    body = build_body(OPENAI, call(parameters={"max_completion_tokens": 5}), Form.JSON, None)
    assert "max_tokens" not in body


@pytest.mark.parametrize(("base_url", "own", "sent"), [
    ("https://models.example", "https://models.example", True),
    ("https://MODELS.example:443/prefix", "https://models.example", True),
    ("http://models.example", "https://models.example", False),
    ("https://models.example:8443", "https://models.example", False),
    ("https://models.example.evil.test", "https://models.example", False),
    ("https://models.example@evil.test", "https://models.example", False),
    ("https://evil.test/https://models.example", "https://models.example", False),
    ("ftp://x", "ftp://x", False),
    ("https://[bad", "https://[bad", False),
])
def test_a_key_goes_only_to_the_origin_it_was_configured_for(base_url, own, sent):
    endpoint = Endpoint(base_url=base_url, path="/x", api_key="k")
    assert key_for(endpoint, Endpoint(base_url=own, path="/y")) == ("k" if sent else None)


def test_messages_name_host_and_port_only():
    assert place(Endpoint(base_url="https://u:pw@models.example/p?k=1", path="/x")) == (
        "models.example:443")
    assert place(Endpoint(base_url="nonsense", path="/x")) == "its address"
