"""No value fits two places of a list without repetitions, and each fits the item."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.model import constrain, distinct
from datagen.model.sample import generate

ITEMS: list[dict[str, Any]] = [
    {"enum": ["a", "b", 3, None, "a"]}, {"type": "boolean"},
    {"type": "integer", "minimum": 1, "maximum": 9}, {"type": "integer", "maximum": -3},
    {"type": "number", "minimum": 0, "maximum": 5}, {"type": "number"},
    {"type": "string"}, {"type": "string", "minLength": 4, "maxLength": 9},
    {"type": "string", "maxLength": 1},
    {"type": "string", "pattern": "^[a-z]{3,12}$"}, {"type": "string", "format": "date"},
    {"type": "string", "pattern": r"^TCK-\d{5}$"}, {"type": "string", "format": "email"},
    {"type": "string", "pattern": "^(red|blue)$"},
    {"type": "object", "required": ["ok", "n"], "properties": {
        "ok": {"type": "boolean"}, "n": {"type": "integer"}, "more": {"type": "string"}}},
]


@pytest.mark.parametrize("item", ITEMS, ids=str)
@given(most=st.integers(2, 5), seed=st.integers(0, 10_000))
def test_parts_share_no_value(item: dict[str, Any], most: int, seed: int) -> None:
    parts = distinct.parts(constrain._Narrow(text=30, patterns=True).schema(item), most)

    assert 2 <= len(parts) <= most
    checks = [Draft202012Validator(part) for part in parts]
    for place, part in enumerate(parts):
        value = generate({"type": "object", "properties": {"v": part}, "required": ["v"]},
                         seed=seed)["v"]
        assert [check.is_valid(value) for check in checks] == [
            other == place for other in range(len(parts))]
        assert Draft202012Validator(item).is_valid(value)


@pytest.mark.parametrize("item", [
    None, True, {}, {"$ref": "#/$defs/x"}, {"enum": "ab"},
    {"type": "string", "pattern": "^-{1,9}$"}, {"type": "string", "pattern": "("},
    {"type": ["string", "null"]}, {"anyOf": [{"type": "string"}]}, {"type": "object"},
    {"type": "integer", "minimum": 0, "maximum": 9, "multipleOf": 3},
    {"type": "number", "minimum": 0.001, "maximum": 9, "multipleOf": 0.01},
    {"type": "string", "maxLength": 0},
])
def test_what_can_not_be_told_apart_has_no_parts(item: Any) -> None:
    assert distinct.parts(item, 3) == []
