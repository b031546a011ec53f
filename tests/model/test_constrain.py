"""What the decoder is held to fits the schema, and always ends."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.model import constrain


def narrow(schema: dict, **more) -> dict:
    text = constrain.grammar(schema, max_tokens=1024, **more)
    head, _, body = text.partition("%json ")
    assert head == "%llguidance {}\nstart: "
    found = json.loads(body)
    del found["x-guidance"]
    return found


def field(schema: dict, **more) -> dict:
    return narrow({"type": "object", "properties": {"a": schema}}, **more)["properties"]["a"]


@pytest.mark.parametrize(("schema", "copy"), [
    ({"type": "string"}, {"type": "string", "minLength": 1, "maxLength": 160}),
    ({"type": "string", "maxLength": 9}, {"type": "string", "minLength": 1, "maxLength": 9}),
    ({"type": "string", "maxLength": 0}, {"type": "string", "minLength": 0, "maxLength": 0}),
    ({"type": "string", "minLength": 500}, {"type": "string", "minLength": 500, "maxLength": 500}),
    ({"type": "string", "pattern": "^[A-Z]+$"},
     {"type": "string", "pattern": "^[A-Z]+$", "maxLength": 160}),
    ({"enum": ["x", None], "type": ["string", "null"]}, {"enum": ["x", None]}),
    ({"const": 3}, {"const": 3}),
    ({"type": "integer"}, {"type": "integer", "minimum": 0, "maximum": 1_000_000}),
    ({"type": "integer", "maximum": -5},
     {"type": "integer", "minimum": -1_000_005, "maximum": -5}),
    ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3},
     {"type": "integer", "minimum": 1, "maximum": 2}),
    ({"type": "number", "minimum": 0, "maximum": 9},
     {"type": "number", "minimum": 0, "maximum": 9, "multipleOf": 0.01}),
    ({"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": 9},
     {"type": "number", "minimum": 0, "maximum": 9, "multipleOf": 0.5}),
    ({"type": "boolean", "not": {"const": True}}, {"type": "boolean"}),
    ({"type": "array", "items": {"type": "boolean"}},
     {"type": "array", "minItems": 0, "maxItems": 3, "items": {"type": "boolean"}}),
    ({"type": "array", "items": {"type": "boolean"}, "minItems": 2, "uniqueItems": True},
     {"type": "array", "minItems": 2, "maxItems": 2, "items": False,
      "prefixItems": [{"enum": [True]}, {"enum": [False]}]}),
    ({"type": "array", "items": {"type": "string", "pattern": "^-+$"}, "uniqueItems": True},
     {"type": "array", "minItems": 0, "maxItems": 1,
      "items": {"type": "string", "pattern": "^-+$", "maxLength": 160}}),
    ({"type": "array", "items": {"enum": ["x", "y", "z"]}, "minItems": 1, "maxItems": 2,
      "uniqueItems": True},
     {"type": "array", "minItems": 1, "maxItems": 2, "items": False,
      "prefixItems": [{"enum": ["x", "z"]}, {"enum": ["y"]}]}),
    ({"anyOf": [{"type": "null"}, {"type": "boolean"}]},
     {"anyOf": [{"type": "null"}, {"type": "boolean"}]}),
    ({"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}),
])
def test_the_copy_is_stricter_and_bounded(schema, copy):
    assert field(schema) == copy


def test_objects_are_closed_and_required_fields_declared():
    assert narrow({"type": "object", "required": ["b"]}) == {
        "type": "object", "required": ["b"], "additionalProperties": False,
        "properties": {"b": {"type": "string", "minLength": 1, "maxLength": 160}}}


def test_many_texts_share_the_room_there_is():
    many = {"type": "object", "properties": {f"f{n}": {"type": "string"} for n in range(40)}}
    lengths = {p["maxLength"] for p in narrow(many)["properties"].values()}
    assert lengths == {max(24, (1024 * 2 - sum(len(f"f{n}") + 8 for n in range(40))) // 40)}


def test_patterns_can_be_left_out():
    assert "pattern" not in field({"type": "string", "pattern": "(?=x)"}, patterns=False)


def test_a_schema_that_is_none_leaves_the_rules_of_json():
    last = list(constrain.grammars({"type": "object", "properties": 3}, max_tokens=100))
    assert len(last) == 1
    assert '"type": "object"' in last[0]


@pytest.mark.parametrize("name", ["date", "date-time", "time", "duration", "email", "hostname",
                                  "ipv4", "ipv6", "uri", "uuid", "idn-email", "iri"])
@given(data=st.data())
def test_every_text_of_a_format_is_valid(name, data):
    schema = {"type": "string", "format": name}
    text = data.draw(st.from_regex(field(schema)["pattern"].removesuffix("$") + r"\Z",
                                   alphabet=string.printable))
    checker = Draft202012Validator.FORMAT_CHECKER
    assert Draft202012Validator(schema, format_checker=checker).is_valid(text)


@given(schema=st.fixed_dictionaries({"type": st.sampled_from(["integer", "number"])}, optional={
    "minimum": st.integers(-50, 0), "exclusiveMinimum": st.integers(-50, 0),
    "maximum": st.integers(3, 50), "exclusiveMaximum": st.integers(3, 50)}),
    value=st.integers(-60, 60))
def test_a_number_that_fits_the_copy_fits_the_schema(schema, value):
    limits = {k: v for k, v in field(schema).items() if k != "multipleOf"}
    if Draft202012Validator(limits).is_valid(value):
        assert Draft202012Validator(schema).is_valid(value)
    assert limits["minimum"] <= limits["maximum"]
