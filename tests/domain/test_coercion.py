"""Conversions: what means one thing only is converted and counted, all else is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from datagen.domain.coercion import RULES, Coerced, Coercion


def coerced(value: Any, **part: Any) -> Coerced:
    """``value`` as the field ``a`` of a record."""
    schema = {"type": "object", "properties": {"a": part}, "$defs": {"n": {"type": "integer"}}}
    validator = Draft202012Validator(schema)
    found = Coercion(schema, lambda s, v: validator.evolve(schema=s).is_valid(v)).apply(
        {"a": value})
    return Coerced(value=found.value["a"], fields=found.fields)


LIST = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(("value", "part", "becomes"), [
    ("42", {"type": "integer"}, 42),
    ("-1.5", {"type": "number"}, -1.5),
    ("3.0", {"type": "integer"}, 3),
    ("2", {"enum": [1, 2]}, 2),
    ("2", {"const": 2}, 2),
    (3.0, {"type": "integer"}, 3),
    ("true", {"type": "boolean"}, True),
    ("False", {"type": ["boolean", "null"]}, False),
    ("null", {"type": ["integer", "null"]}, None),
    (12345, {"type": "string"}, "12345"),
    (7, {"type": "string", "enum": ["7", "8"]}, "7"),
    ("red", LIST, ["red"]),
    (5, {"type": "array", "items": {"type": "integer"}}, [5]),
    ('{"x": 1}', {"type": "object"}, {"x": 1}),
    ("Open ", {"enum": ["open", "closed"]}, "open"),
    ("42", {"$ref": "#/$defs/n"}, 42),
    ("42", {"allOf": [{"type": "integer"}, {"minimum": 1}]}, 42),
    ("42", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, 42),
    ("42", {"oneOf": [{"type": "integer", "maximum": 9}, {"type": "integer", "minimum": 9}]}, 42),
])
def test_what_means_one_thing_is_converted_and_counted(
    value: Any, part: dict[str, Any], becomes: Any
) -> None:
    found = coerced(value, **part)
    assert json.dumps(found.value) == json.dumps(becomes)
    assert found.fields == ("a",)


@pytest.mark.parametrize(("value", "part"), [
    ("42", {"type": ["integer", "string"]}),
    ("42", {}),
    ("42", {"type": ["integer", "array"], "items": {"type": "string"}}),
    ("1,000", {"type": "number"}),
    ("007", {"type": "integer"}),
    ("1e400", {"type": "number"}),
    ("9007199254740993.0", {"type": "integer"}),
    ("0.10000000000000000000001", {"type": "number"}),
    ("٣", {"type": "integer"}),
    (True, {"type": "integer"}),
    (True, {"type": "string"}),
    (1.5, {"type": "string"}),
    (-0.0, {"type": "string"}),
    (1, {"type": "boolean"}),
    ("yes", {"type": "boolean"}),
    ("", {"type": ["integer", "null"]}),
    ("x", {"type": "null"}),
    (None, LIST),
    ("red, blue", LIST),
    ("none", LIST),
    (["red"], {"type": "array", "items": LIST}),
    ("red", {"type": "array"}),
    (9, {"type": "string", "enum": ["7", "8"]}),
    ("OPEN", {"enum": ["Open", "open"]}),
    ("3", {"anyOf": [{"type": "integer"}, LIST]}),
    (3.0, {"type": "number"}),
    (3.5, {"type": "integer"}),
    (1e300, {"type": "integer"}),
])
def test_what_fits_or_could_mean_two_things_is_left_as_it_is(
    value: Any, part: dict[str, Any]
) -> None:
    assert coerced(value, **part) == Coerced(value=value)


def test_fields_in_another_case_are_renamed_where_one_can_be_meant() -> None:
    schema = {"type": "object", "patternProperties": {"^X-": {}},
              "properties": {"order_id": {"type": "integer"}, "a": {}, "x-note": {},
                             "rows": {"type": "array", "items": {"properties": {"n": {}}}}}}
    coercion = Coercion(schema, lambda _s, _v: True)
    found = coercion.apply({"OrderID": "1", "X-Note": 1, "rows": [{"N": 1}, {"n": 2}]})
    assert found.value == {"order_id": 1, "X-Note": 1, "rows": [{"n": 1}, {"n": 2}]}
    assert found.fields == ("order_id", "order_id", "rows[].n")
    for value in ({"order_id": 1, "orderId": 2}, {"orderId": 1, "OrderId": 2}, {"b": 1}):
        assert coercion.apply(value) == Coerced(value=value)


def test_a_reference_to_nothing_or_to_itself_is_passed_over() -> None:
    for ref in ("#/$defs/none", "http://127.0.0.1:9/x", "#/properties/a"):
        assert coerced("1", **{"$ref": ref}) == Coerced(value="1")


def test_the_readme_shows_the_table_as_it_is() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for rule in RULES:
        assert (f"| {rule.asked} | `{rule.answered}` | `{rule.becomes}` | {rule.never} |"
                in readme), rule
