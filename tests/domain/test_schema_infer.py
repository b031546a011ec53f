"""What is pasted becomes a schema without a model: records fit the schema made of them."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.domain.errors import InputError
from datagen.domain.schema import problems, read_pasted
from datagen.domain.schema.infer import MAX_PASTED


def fields(text: Any) -> dict[str, Any]:
    found = read_pasted(text if isinstance(text, str) else json.dumps(text))
    assert found.kind == "records"
    assert problems(found.schema) == ()
    assert found.schema["additionalProperties"] is False
    return dict(found.schema["properties"])


SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x$"}}}


@pytest.mark.parametrize("value", [
    SCHEMA, {"schema": SCHEMA}, {"name": "x", "strict": True, "schema": SCHEMA},
    {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    {"type": "array", "items": SCHEMA}, {"properties": SCHEMA["properties"]},
    {"$schema": "http://json-schema.org/draft-07/schema#", **SCHEMA},
])
def test_a_schema_is_taken_as_it_is(value: Any) -> None:
    found = read_pasted(f"\ufeff {json.dumps(value)}\n")
    assert found.kind == "schema"
    assert found.schema["properties"] == SCHEMA["properties"]
    assert found.schema["$schema"].endswith("2020-12/schema")
    assert "additionalProperties" not in found.schema


def test_another_draft_is_told() -> None:
    assert read_pasted(json.dumps({"$schema": "draft-04", **SCHEMA})).notes


def test_a_schema_that_cannot_work_is_left_for_the_editor_to_tell() -> None:
    assert problems(read_pasted('{"type": "object", "properties": {"a": {"type": "x"}}}').schema)


def test_a_record_shows_types_and_formats_and_no_limits() -> None:
    assert fields({
        "id": 7, "price": 2.5, "ok": True, "day": "2024-02-29", "at": "2024-01-01T10:00:00Z",
        "mail": "a@example.com", "url": "https://example.com/x", "text": "2024-99-99",
        "key": "123e4567-e89b-12d3-a456-426614174000", "near": "2024-01-01 10:00",
    }) == {
        "id": {"type": "integer"}, "price": {"type": "number"}, "ok": {"type": "boolean"},
        "day": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
        "url": {"type": "string", "format": "uri"},
        "text": {"type": "string"},
        "key": {"type": "string", "format": "uuid"},
        "near": {"type": "string"},
    }


def test_required_is_what_every_record_has() -> None:
    found = read_pasted('[{"a": 1, "b": {"x": 1, "y": 2}}, {"a": 2, "b": {"x": 3}},'
                        ' {"b": {"x": 0}}]')
    assert found.schema["required"] == ["b"]
    assert found.schema["properties"]["b"]["required"] == ["x"]
    assert found.records == 3


def test_nested_lists_and_objects_are_read_through() -> None:
    assert fields([{"lines": [{"sku": "a"}, {"sku": "b", "n": 1}], "grid": [[1, 2], [0.5]]},
                   {"lines": [], "grid": []}]) == {
        "lines": {"type": "array", "items": {
            "type": "object", "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}},
            "required": ["sku"], "additionalProperties": False}},
        "grid": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    }


def test_null_makes_a_field_nullable_and_only_null_is_told() -> None:
    found = read_pasted('[{"a": 1, "b": null, "c": []}, {"a": null, "b": null, "c": []}]')
    assert found.schema["properties"] == {
        "a": {"type": ["integer", "null"]}, "b": {"type": ["string", "null"]},
        "c": {"type": "array", "items": {"type": "string"}}}
    assert len(found.notes) == 2


def test_few_values_that_repeat_are_the_allowed_ones() -> None:
    assert fields([{"s": "ab"[n % 2], "name": f"n{n}"} for n in range(6)]) == {
        "s": {"type": "string", "enum": ["a", "b"]}, "name": {"type": "string"}}
    assert "enum" not in fields([{"s": "a"}, {"s": "b"}, {"s": "a"}])["s"]
    assert "enum" not in fields([{"s": "a"}] * 9)["s"]
    assert fields([{"s": v} for v in ["x", None, "y"] * 3])["s"]["enum"] == ["x", "y", None]


def test_values_of_several_types_allow_all_of_them() -> None:
    node = fields([{"v": 1}, {"v": "x"}, {"v": {"a": 1}}, {"v": [True]}])["v"]
    assert node["type"] == ["integer", "string", "object", "array"]


def test_csv_columns_take_the_type_that_all_their_cells_show() -> None:
    assert fields("id,zip,price,ok,tags,note\n"
                  '1,01234,2.50,true,"[""a""]",\n'
                  '2,80331,3,FALSE,[],"x, y"\n') == {
        "id": {"type": "integer"}, "zip": {"type": "string"}, "price": {"type": "number"},
        "ok": {"type": "boolean"}, "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"type": ["string", "null"]},
    }


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_may_be_separated_in_other_ways(separator: str) -> None:
    assert list(fields(f"a{separator}b\n1{separator}x\n")) == ["a", "b"]


def test_json_lines_are_records() -> None:
    assert read_pasted('{"a": 1}\n\n{"a": 2}\n').records == 2


@pytest.mark.parametrize(("text", "word"), [
    ("", "Paste a JSON Schema"), ("   \n", "Paste a JSON Schema"), ("hello", "no JSON"),
    ("[1, 2]", "one per record"), ("[]", "one per record"), ("[{}, 3]", "one per record"),
    ('{"a": 1,,}', "Line 1, column"), ('{\n "a": x}', "Line 2, column"), ('{"a": NaN}', "NaN"),
    ("{", "Line 1"), ("{}", "no fields"), ("a,b\n1\n", "Line 2 has 1 columns"),
    ("a,,c\n1,2,3\n", "Column 2"), ("a,a\n1,2\n", "two columns"), ('a,b\n"1,2', "can't be read"),
    ('{"a":' * 5_000, "nested too deeply"), ('{"a":' * 200 + "1" + "}" * 200, "nested too deeply"),
    ('{"a":' * 12 + "1" + "}" * 12, "10 levels"),
    (json.dumps({f"f{n}": 1 for n in range(201)}), "201 fields"),
    ("x" * (MAX_PASTED + 1), "longer than"), ('{"\\ud800": 1}', "not JSON"),
])
def test_what_cannot_be_read_says_why_and_where(text: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        read_pasted(text)
    assert word in str(caught.value)


def test_a_key_that_would_reach_a_scripts_prototype_is_no_field() -> None:
    assert list(fields('{"__proto__": {"x": 1}, "a": 1}')) == ["a"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.sampled_from(
        ["", "a", "b", "2024-01-01", "2024-13-01", "a@b.de", "https://x.de", "é", " "]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["a", "b", "", "a.b", "type", "properties", "ü"]), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["x", "y", "z z"]), VALUES, min_size=1),
                   min_size=1, max_size=6)


@settings(max_examples=80, deadline=None)
@given(RECORDS)
def test_every_record_fits_the_schema_made_of_all(records: list[dict[str, Any]]) -> None:
    schema = read_pasted(json.dumps(records)).schema
    validator = Draft202012Validator(
        schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for record in json.loads(json.dumps(records)):
        assert validator.is_valid(record)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text(max_size=5), min_size=2, max_size=2), min_size=1, max_size=4))
def test_any_table_is_read_or_refused(cells: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["a", "b"], *cells])
    try:
        found = read_pasted(out.getvalue())
    except InputError:
        return
    assert list(found.schema["properties"]) == ["a", "b"]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='{}[]",:;\t\n ab1.-\\', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        assert problems(read_pasted(text).schema) == ()
