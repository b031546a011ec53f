"""What is wrong with a schema is told by its field; what is right is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.domain.errors import InputError
from datagen.domain.schema import problems, sanitise
from datagen.domain.schema.check import MAX_BYTES, MAX_FIELDS, MAX_PROBLEMS
from datagen.domain.schema.metaschema import META

OFFICIAL = Draft202012Validator(Draft202012Validator.META_SCHEMA)


def of(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


def told(schema: Any) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in problems(schema)]


def test_a_usable_schema_has_no_problems() -> None:
    schema = of(
        kind={"enum": ["a", "b"]},
        size={"type": "integer", "minimum": 1, "maximum": 1},
        tree={"$ref": "#/$defs/tree"},
        near={"$ref": "#spot"},
    ) | {"$defs": {
        "tree": {"type": "object", "properties": {
            "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}},
        "place/a": {"$anchor": "spot", "type": "string"},
    }}
    assert told(schema) == []


@pytest.mark.parametrize(("schema", "path", "word"), [
    (True, "", "without fields"),
    ([], "", "JSON object"),
    ("x", "", "JSON object"),
    ({}, "", "no fields"),
    ({"type": "object", "properties": {}}, "", "no fields"),
    ({"type": "array", "items": {}, "properties": {"a": {}}}, "", "root"),
    (of(a={"type": "strin"}), "a", '"strin" is not a type'),
    (of(items={"type": "array", "items": of(price={"type": "number", "minimum": "0"})}),
     "items[].price", 'minimum can\'t be "0"'),
    (of(items={"type": "array", "items": of(price={"minimum": 2, "maximum": 1})}),
     "items[].price", "greater than maximum"),
    (of(a={"minLength": 3, "maxLength": 2}), "a", "greater than maxLength"),
    (of(a={"exclusiveMinimum": 3, "maximum": 3}), "a", "leaves nothing"),
    (of(a={"pattern": "(["}), "a", "can't be read"),
    (of(a={"patternProperties": {"(": {}}}), "a", "can't be read"),
    (of(a={"pattern": "a" * 1001}), "a", "longer than"),
    (of(a={"pattern": "^(a+)+$"}), "a", "take for ever"),
    (of(a={"patternProperties": {r"(\w+\s?)*x": {}}}), "a", "take for ever"),
    (of(a={"enum": []}), "a", "empty"),
    (of(a={"type": "integer", "enum": ["1"]}), "a", "No allowed value"),
    (of(a={}) | {"required": ["b"]}, "", '"b" is required'),
    (of(a=of(x={}) | {"required": ["y"]}), "a", '"y" is required'),
    (of(a={"$ref": "https://example.com/s"}), "a", "points outside"),
    (of(a={"$ref": "other.json#/x"}), "a", "points outside"),
    (of(a={"$ref": "#/$defs/none"}), "a", "points at nothing"),
    (of(a={"$ref": "#none"}), "a", "points at nothing"),
    (of(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": {"$ref": "#/properties/a"}}},
     "a", "without end"),
    (of(a={"$id": "https://example.com/a"}), "a", "root only"),
    (of(a={"enum": [float("nan")]}), "", "not JSON"),
    (of(a={"const": "\ud800"}), "", "not JSON"),
    (of(a={"const": "x" * MAX_BYTES}), "", "KiB"),
    (of(**{f"f{n}": {} for n in range(MAX_FIELDS + 1)}), "", "201 fields"),
])
def test_a_problem_says_where_and_what(schema: Any, path: str, word: str) -> None:
    found = told(schema)
    assert any(p == path and word in message for p, message in found), found


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = of(x=schema)
    return schema


def test_ten_levels_are_enough_and_eleven_too_many() -> None:
    assert told(nested(10)) == []
    assert told(nested(11))[0][0] == ".".join("x" * 11)


def test_a_bomb_of_five_thousand_levels_is_only_a_problem() -> None:
    bomb = nested(5_000)
    assert "nested too deeply" in told(bomb)[0][1]
    with pytest.raises(InputError) as caught:
        sanitise(bomb)
    assert caught.value.problems


def test_a_schema_full_of_faults_tells_the_first_twenty() -> None:
    assert len(told(of(**{f"f{n}": {"type": n} for n in range(100)}))) == MAX_PROBLEMS


def test_sanitising_sets_the_dialect_and_the_root_and_drops_what_is_unknown() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#", "$id": "x", "example": {"a": 1},
        "properties": {"a": {"type": "string", "example": "x", "title": "A", "x-mine": 1,
                             "examples": ["q"]},
                       "example": {"type": "string"}},
    }
    assert sanitise(schema) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"a": {"type": "string", "title": "A", "x-mine": 1, "examples": ["q"]},
                       "example": {"type": "string"}},
    }


def test_keys_that_would_reach_a_scripts_prototype_are_dropped() -> None:
    schema = json.loads('{"properties": {"__proto__": {"type": "string"}, "a": '
                        '{"__proto__": {"x": 1}, "constructor": {"y": 2}}}, "prototype": {}}')
    assert sanitise(schema)["properties"] == {"a": {}}
    assert "prototype" not in sanitise(schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "#", "#/x", "["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "properties", "items", "$ref", "required", "enum", "allOf",
                         "minimum", "maximum", "pattern", "$defs", "a", "x-y"]),
        inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_anything_is_either_usable_or_a_problem_and_never_a_crash(value: Any) -> None:
    schema = value if isinstance(value, dict) else {"properties": {"a": value}}
    clean = sanitise(schema)
    assert sanitise(clean) == clean
    if not problems(clean):
        Draft202012Validator.check_schema(clean)
        list(Draft202012Validator(clean).iter_errors({"a": 1}))


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_the_joined_meta_schema_judges_as_the_official_one(value: Any) -> None:
    assert META.is_valid(value) == OFFICIAL.is_valid(value)
