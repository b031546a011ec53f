"""Plain words become the schema an analyst would expect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from datagen.domain.chat import Message
from datagen.domain.examples import EXAMPLES, Example
from datagen.domain.prompts import draft_messages
from datagen.model.sample import SampleEngine, draft_schema, generate


def drafted(example: Example) -> dict[str, Any]:
    messages = draft_messages(example.title, example.description, example.instructions,
                              example.dataset_mode)
    answer = SampleEngine().answer(messages, None, max_tokens=2048)
    assert answer.finish_reason == "stop"
    return dict(json.loads(answer.text))


@pytest.fixture(params=EXAMPLES, ids=lambda example: example.name)
def example(request: pytest.FixtureRequest) -> Example:
    return request.param


def test_every_example_drafts_a_schema_with_records(example: Example) -> None:
    schema = drafted(example)
    Draft202012Validator.check_schema(schema)
    assert set(schema["required"]) == set(schema["properties"])
    assert len({json.dumps(generate(schema, seed)) for seed in range(20)}) == 20


def test_tickets_have_the_fields_that_were_named() -> None:
    fields = drafted(EXAMPLES[0])["properties"]
    assert list(fields) == ["ticket_id", "created_at", "customer_name", "customer_email",
                            "channel", "category", "priority", "subject", "message", "resolved"]
    assert fields["ticket_id"]["pattern"] == "^TCK-[0-9]{5}$"
    assert fields["created_at"]["format"] == "date-time"
    assert fields["priority"]["enum"] == ["low", "normal", "high", "urgent"]
    assert fields["subject"]["maxLength"] == 80
    assert fields["message"]["type"] == "string"
    assert fields["resolved"] == {"type": "boolean"}


def test_products_are_nested() -> None:
    fields = drafted(EXAMPLES[1])["properties"]
    assert fields["sku"]["pattern"] == "^[A-Z]{3}-[0-9]{5}$"
    assert fields["price"]["properties"]["amount"]["minimum"] == 5
    assert fields["dimensions"]["properties"]["width_cm"]["type"] == "number"
    variants = fields["variants"]
    assert (variants["type"], variants["minItems"], variants["maxItems"]) == ("array", 1, 4)
    assert set(variants["items"]["properties"]) == {"colour", "stock", "extra_price"}
    assert fields["reviews"]["maxItems"] == 3


def test_a_dataset_has_its_label() -> None:
    schema = drafted(EXAMPLES[2])
    assert schema["properties"]["label"] == {"type": "string", "enum": ["spam", "ham"]}
    assert "label" in schema["required"]
    labels = {generate(schema, seed)["label"] for seed in range(30)}
    assert labels == {"spam", "ham"}


@pytest.mark.parametrize(("text", "expected"), [
    ("customers with fields name, email, age between 18 and 70 and plan (free, pro or team)",
     {"name": "string", "email": "string", "age": "integer", "plan": "string"}),
    ("Records:\n- title\n- price: 5.50 to 10\n- in_stock\n", {"title": "string",
     "price": "number", "in_stock": "boolean"}),
    ("one row with `userId`, `score` and `createdAt`",
     {"userId": "string", "score": "integer", "createdAt": "string"}),
    ("weather readings with temperature and humidity",
     {"temperature": "number", "humidity": "integer"}),
])
def test_named_fields_are_used_and_no_others(text: str, expected: dict[str, str]) -> None:
    fields = draft_schema(text)["properties"]
    assert {name: field["type"] for name, field in fields.items()} == expected


@pytest.mark.parametrize(("text", "field"), [
    ("support tickets", "subject"), ("an online order", "items"), ("spam messages", "text"),
    ("bank transactions", "amount"), ("patients of a clinic", "diagnosis"),
    ("product reviews", "rating"), ("our customers", "email"), ("click events", "timestamp"),
    ("staff of a company", "employee_id"), ("cooking recipes", "ingredients"),
    ("something nobody thought of", "id"), ("", "id"),
])
def test_without_named_fields_the_kind_of_record_decides(text: str, field: str) -> None:
    schema = draft_schema(text)
    Draft202012Validator.check_schema(schema)
    assert field in schema["properties"]
    for seed in range(5):
        Draft202012Validator(schema).validate(generate(schema, seed))


@pytest.mark.parametrize(("text", "expected"), [
    ("headlines classified as sports, politics or science", ["sports", "politics", "science"]),
    ("messages, spam or ham", ["spam", "ham"]),
    ("reviews with label: positive, negative or mixed", ["positive", "negative", "mixed"]),
    ("texts with sentiment", ["positive", "neutral", "negative"]),
    ("anything", ["positive", "negative"]),
])
def test_classes_come_from_the_words(text: str, expected: list[str]) -> None:
    schema = draft_schema(text, dataset_mode=True)
    assert schema["properties"]["label"]["enum"] == expected


def test_only_the_last_request_counts_for_a_draft() -> None:
    messages = (Message(role="user", content="support tickets"),
                Message(role="assistant", content="{}"),
                Message(role="user", content="cooking recipes"))
    answer = SampleEngine().answer(messages, None)
    assert "ingredients" in json.loads(answer.text)["properties"]
