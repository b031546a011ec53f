"""How much room an answer gets follows from the schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datagen.domain.allowance import MAX_TOKENS, MIN_TOKENS, after_a_cut, for_schema
from datagen.model.sample.generate import generate

SCHEMAS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "replies" / "schemas.json").read_text())


def of(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_record_has_room_enough_even_when_it_is_indented(name: str) -> None:
    room = for_schema(SCHEMAS[name])
    for seed in range(5):
        text = json.dumps(generate(SCHEMAS[name], seed), indent=2, ensure_ascii=False)
        assert len(text) / 3 < room, text


def test_a_schema_that_allows_more_gets_more() -> None:
    text = {"type": "string"}
    grown = [for_schema(of(**{f"f{n}": text for n in range(fields)})) for fields in (1, 6, 12)]
    assert MIN_TOKENS == grown[0] < grown[1] < grown[2] < MAX_TOKENS
    assert for_schema(of(a={"type": "array", "items": text, "maxItems": 20})) > for_schema(
        of(a={"type": "array", "items": text, "maxItems": 5}))
    assert for_schema(of(a={"type": "string", "maxLength": 3000})) > 1000
    assert for_schema(of(a={"type": "string", "enum": ["x", "y"]})) == MIN_TOKENS


@pytest.mark.parametrize("schema", [
    {}, {"properties": 5}, of(a=True), of(a={"type": ["string", "null"]}), of(a={"enum": []}),
    of(a={"$ref": "#/nowhere"}), of(a={"items": 3, "type": "array"}), of(a={"const": {"b": 1}}),
    of(a={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    of(a={"prefixItems": [{}], "items": {}}),
])
def test_any_schema_gets_something_between_the_bounds(schema: dict[str, Any]) -> None:
    assert MIN_TOKENS <= for_schema(schema) <= MAX_TOKENS


def test_a_schema_without_end_gets_the_most_in_little_time() -> None:
    node = {"type": "array", "items": {"$ref": "#"}, "maxItems": 50}
    assert for_schema(of(**dict.fromkeys("abcdefg", node))) == MAX_TOKENS


def test_after_a_cut_there_is_more_up_to_the_bound() -> None:
    assert [after_a_cut(tokens) for tokens in (256, 1000, 2000, 4096)] == [1024, 4000, 4096, 4096]
