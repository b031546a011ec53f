"""Whatever form a model's draft has, it becomes a schema that can be used, or is refused."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.domain.errors import ReplyUnusable
from datagen.domain.schema import DraftSchema, problems, read_draft
from datagen.domain.schema.fields import of_phrase
from datagen.domain.schema.types import of_word


def draft(value: Any, *, dataset_mode: bool = False, classes: tuple[str, ...] = ()) -> DraftSchema:
    text = value if isinstance(value, str) else json.dumps(value)
    found = read_draft(text, dataset_mode=dataset_mode, classes=classes)
    assert problems(found.schema) == ()
    return found


def fields(value: Any, **kwargs: Any) -> dict[str, Any]:
    found = draft(value, **kwargs).schema
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["type"] == "object"
    return dict(found["properties"])


GOOD = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}


def test_a_schema_is_closed_and_asks_for_all_its_fields() -> None:
    found = draft(GOOD)
    assert found.schema["required"] == ["a", "b"]
    assert found.schema["additionalProperties"] is False
    assert found.changes == ("Nothing said which fields are required; all are now",
                             "Fields that it does not name are not allowed any more")


def test_what_was_right_already_is_not_told_as_a_change() -> None:
    found = draft(GOOD | {"additionalProperties": False, "required": ["b"]})
    assert found.changes == ()
    assert found.schema["required"] == ["b"]


def test_an_open_schema_is_closed_and_that_is_told() -> None:
    found = draft(GOOD | {"additionalProperties": True, "required": ["b"]})
    assert found.schema["additionalProperties"] is False
    assert found.schema["required"] == ["b"]
    assert found.changes == ("Fields that it does not name are not allowed any more",)


@pytest.mark.parametrize("text", [
    f"```json\n{json.dumps(GOOD)}\n```",
    f"Here is {{the}} schema:\n{json.dumps(GOOD, indent=1)}\nGood luck with {{it}}!",
    f"<think>maybe {{\"type\": \"object\"}}?</think>{json.dumps(GOOD)}",
    json.dumps({"schema": GOOD}),
    json.dumps({"name": "out", "strict": True, "schema": GOOD}),
    json.dumps({"type": "array", "items": GOOD}),
    json.dumps(GOOD)[:-1] + ",}",
    "{'type': 'object', 'properties': {'a': {'type': 'string'}, 'b': {'type': 'integer'},}}",
    json.dumps({"$schema": "http://json-schema.org/draft-04/schema", "id": "x", **GOOD}),
    json.dumps({"a": "string", "b": "int"}),
    json.dumps({"a": "Rome", "b": 7}),
    json.dumps([{"a": "Rome", "b": 7}, {"a": "Oslo", "b": 9}]),
    json.dumps({"fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "integer"}]}),
    json.dumps([{"field": "a", "dataType": "varchar"}, {"field": "b", "dataType": "bigint"}]),
    json.dumps(["a: string", "b: integer"]),
    json.dumps([{"a": "string"}, {"b": "integer"}]),
    "a: string\nb: integer",
    "Fields:\n\n1. **a** (string)\n2. **b** (integer)\n\nThat is all.",
    "- `a`: text\n- `b`: whole number",
    "| Field | Type |\n|---|---|\n| a | string |\n| b | integer |",
    '{"fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "integer"}, {"na',
])
def test_one_draft_in_many_forms_is_one_schema(text: str) -> None:
    assert fields(text) == GOOD["properties"]


def test_dotted_names_make_objects_and_lists() -> None:
    found = fields({"fields": [
        {"name": "items[].price", "type": "number", "minimum": 0},
        {"name": "items", "type": "array", "maxItems": 4},
        {"name": "address.city", "type": "string"},
        {"name": "tags[]", "type": "string", "enum": ["a", "b"]},
        {"name": "note", "type": "string", "required": False},
    ]})
    assert found["items"]["maxItems"] == 4
    assert found["items"]["items"]["properties"] == {"price": {"type": "number", "minimum": 0}}
    assert found["items"]["items"]["additionalProperties"] is False
    assert found["address"]["required"] == ["city"]
    assert found["tags"] == {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}
    assert list(found) == ["items", "address", "tags", "note"]


def test_optional_fields_are_not_required() -> None:
    found = draft("a: string\nb: integer, optional\nc: date (optional) - when").schema
    assert found["required"] == ["a"]


def test_a_name_given_twice_counts_once() -> None:
    assert list(fields("a: string\nb: date\na: integer\nb: date")) == ["a", "b"]


@pytest.mark.parametrize(("word", "node"), [
    ("int", {"type": "integer"}),
    ("Date", {"type": "string", "format": "date"}),
    ("datetime", {"type": "string", "format": "date-time"}),
    ("list[str]", {"type": "array", "items": {"type": "string"}}),
    ("array of numbers", {"type": "array", "items": {"type": "number"}}),
    ("string[]", {"type": "array", "items": {"type": "string"}}),
    ("List<int>", {"type": "array", "items": {"type": "integer"}}),
    ("varchar(40)", {"type": "string", "maxLength": 40}),
    ("str?", {"type": ["string", "null"]}),
    ("Optional[int]", {"type": ["integer", "null"]}),
    ("string | null", {"type": ["string", "null"]}),
    ("string or integer", {"type": ["string", "integer"]}),
    ("enum: a | b", {"type": "string", "enum": ["a", "b"]}),
    ("one of low, normal or high", {"type": "string", "enum": ["low", "normal", "high"]}),
    ("'x' | 'y'", {"type": "string", "enum": ["x", "y"]}),
    ("Alice", None), ("date night", None), ("", None),
])
def test_words_for_types_are_understood(word: str, node: dict[str, Any] | None) -> None:
    assert of_word(word) == node


def test_a_phrase_says_type_limits_and_meaning() -> None:
    assert of_phrase("integer, 1 to 10 - how many") == {
        "type": "integer", "minimum": "1", "maximum": "10", "description": "how many"}
    assert fields("n: integer, 1 to 10 - how many")["n"]["maximum"] == 10
    assert fields("t: text, at most 80 characters\nu: url")["t"]["maxLength"] == 80


def test_examples_in_place_of_types_give_their_types_and_are_told() -> None:
    found = draft({"when": "2024-05-01", "mail": "a@example.com", "sizes": [1.5], "ok": True,
                   "inside": {"city": "Rome"}, "none": None})
    assert found.schema["properties"] == {
        "when": {"type": "string", "format": "date"},
        "mail": {"type": "string", "format": "email"},
        "sizes": {"type": "array", "items": {"type": "number"}},
        "ok": {"type": "boolean"},
        "inside": {"type": "object", "properties": {"city": {"type": "string"}},
                   "required": ["city"], "additionalProperties": False},
        "none": {"type": ["string", "null"]},
    }
    assert "when: an example stood in place of a type" in found.changes


def test_what_can_not_be_used_is_left_out_and_told() -> None:
    found = draft({"type": "object", "required": ["a", "ghost"], "properties": {
        "a": {"type": "int", "minimum": "9", "maximum": 1, "pattern": "(", "uniqueItems": "no"},
        "b": {"type": "xyz", "enum": []},
        "c": {"$ref": "https://example.com/c"},
        "d": {"enum": ["x", "x", 3, None], "nullable": True},
        "e": {"type": "array", "items": [{"type": "string"}]},
        "f": {"type": "string", "required": True, "example": "x", "minLength": -1},
    }})
    assert found.schema["properties"] == {
        "a": {"type": "integer", "minimum": 1, "maximum": 9},
        "b": {"type": "string"},
        "c": {"type": "string"},
        "d": {"type": ["string", "null"], "enum": ["x", None]},
        "e": {"type": "array", "prefixItems": [{"type": "string"}]},
        "f": {"type": "string"},
    }
    assert found.schema["required"] == ["a"]
    assert any(change.startswith("a: minimum and maximum") for change in found.changes)
    assert any("ghost" not in change and "do not exist" in change for change in found.changes)


def test_a_recursive_schema_stays_recursive() -> None:
    found = draft({"type": "object", "properties": {"tree": {"$ref": "#/$defs/node"}},
                   "$defs": {"node": {"type": "object", "properties": {
                       "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}}}).schema
    assert found["properties"]["tree"] == {"$ref": "#/$defs/node"}
    assert found["$defs"]["node"]["properties"]["next"]["anyOf"][1] == {"type": "null"}


def test_composed_objects_become_one_that_is_closed() -> None:
    found = draft({"type": "object", "properties": {"a": {"type": "string"}}, "allOf": [
        {"properties": {"b": {"type": "string"}}}]}).schema
    assert list(found["properties"]) == ["a", "b"]
    assert "allOf" not in found


def test_branches_of_a_closed_object_can_still_be_met() -> None:
    found = draft({"type": "object", "properties": {"kind": {"enum": ["card", "cash"]}}, "oneOf": [
        {"properties": {"kind": {"const": "card"}, "number": {"type": "string"}},
         "required": ["kind", "number"], "additionalProperties": False},
        {"properties": {"kind": {"const": "cash"}, "change": {"type": "number"}},
         "required": ["kind", "change"], "additionalProperties": False}]}).schema
    fits = Draft202012Validator(found).is_valid
    assert fits({"kind": "card", "number": "1"})
    assert fits({"kind": "cash", "change": 1})
    assert not fits({"kind": "cash", "number": "1"})
    assert not fits({"kind": "card", "number": "1", "other": 1})


def test_in_dataset_mode_a_label_is_there_and_required() -> None:
    found = draft(GOOD, dataset_mode=True, classes=("spam", "ham")).schema
    assert found["properties"]["label"]["enum"] == ["spam", "ham"]
    assert "label" in found["required"]


@pytest.mark.parametrize("said", [
    {"fields": [{"name": "t", "type": "string"}, {"name": "Label", "type": "string",
                                                  "enum": ["x", "y"], "required": False}]},
    {"properties": {"t": {"type": "string"}, "label": {"enum": ["x", "y"]}}, "required": ["t"]},
    {"fields": [{"name": "t", "type": "string"}], "classes": ["x", "y"]},
])
def test_the_models_own_classes_win(said: dict[str, Any]) -> None:
    found = draft(said, dataset_mode=True, classes=("p", "q")).schema
    assert found["properties"]["label"]["enum"] == ["x", "y"]
    assert "label" in found["required"]


def test_a_label_that_is_no_plain_value_becomes_one() -> None:
    found = fields({"t": "string", "label": {"spam": "bool", "ham": "bool"}}, dataset_mode=True)
    assert found["label"]["type"] == "string"


def test_a_label_of_two_types_is_left_as_it_is() -> None:
    found = fields([{"name": "label", "type": ["string", "null"]}], dataset_mode=True)
    assert found["label"] == {"type": ["string", "null"]}


def test_outside_dataset_mode_nothing_is_added() -> None:
    assert list(fields(GOOD, classes=("a",))) == ["a", "b"]


@pytest.mark.parametrize("text", [
    "", "   ", "I am sorry, I can't do that.", "{}", "[]", "null", "3", '"text"', "{}{}", "{{{{",
    '{"type": "object", "properties": {}}', '{"fields": []}', "Note: this is it.", "```json\n```",
    '{"a":' * 5_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "[" * 100_000, "a" * 300_000,
])
def test_nothing_usable_is_refused_with_advice(text: str) -> None:
    with pytest.raises(ReplyUnusable) as caught:
        read_draft(text, dataset_mode=False)
    assert caught.value.advice


def test_more_than_two_hundred_fields_are_refused() -> None:
    with pytest.raises(ReplyUnusable):
        draft({f"f{n}": "string" for n in range(201)})


@pytest.mark.parametrize("text", [
    json.dumps({"a": "list of " * 45 + "xs"}),
    json.dumps({"a": " - " * 80_000}),
    json.dumps({"a": "?" * 390, "b": "optional[" * 40}),
    json.dumps({"a": "x or " * 70, "b": "a|" * 190}),
    json.dumps({f"f{n}": {"type": n} for n in range(1_500)}),
    "- " + "a " * 200 + ":" * 300,
    "\n".join(["-a"] * 100_000),
    "'" * 60_000 + "{" + '"' * 60_000,
    "{" + "'a':" * 10_000,
])
def test_a_hostile_reply_costs_little_time(text: str) -> None:
    begun = time.process_time()
    with suppress(ReplyUnusable):
        read_draft(text, dataset_mode=True)
    assert time.process_time() - begun < 8  # seconds; counting coverage takes most of them


WORDS = st.sampled_from([
    "string", "int", "object", "array", "x", "", "a.b", "items[]", "label", "enum: a|b", "#/x",
    "date", "null", "optional",
])
KEYS = st.sampled_from([
    "type", "name", "properties", "items", "enum", "required", "fields", "label", "a", "b[].c",
    "minimum", "max", "pattern", "$ref", "anyOf", "allOf", "description", "schema",
    "additionalProperties", "$defs", "format", "nullable", "classes", "__proto__", "", "x y",
])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5) | st.lists(VALUES, max_size=4), st.booleans())
def test_any_reply_is_a_usable_schema_or_refused(value: Any, dataset_mode: bool) -> None:
    try:
        found = read_draft(json.dumps(value), dataset_mode=dataset_mode, classes=("p", "q"))
    except ReplyUnusable:
        return
    assert problems(found.schema) == ()
    assert not dataset_mode or "label" in found.schema["required"]


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet='{}[]":,\'a1-|*`\n\\ .()', max_size=60))
def test_any_text_is_a_usable_schema_or_refused(text: str) -> None:
    with suppress(ReplyUnusable):
        assert problems(read_draft(text, dataset_mode=False).schema) == ()
