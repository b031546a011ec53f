"""The quick validator and the reference agree, on whatever both are asked about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.domain.exact import RecordValidator
from datagen.domain.validity import Validity, quick, says_yes

VECTORS = Path(__file__).parents[1] / "vectors"
FORMATS = Draft202012Validator.FORMAT_CHECKER
SUITE = [json.loads(line)
         for line in (VECTORS / "json-schema-test-suite.jsonl").read_text().splitlines()]


def accepts(schema: Mapping[str, Any], value: Any) -> bool:
    return bool(RecordValidator(schema, format_checker=FORMATS).is_valid(value))


def schemas() -> Iterator[Any]:
    """The schemas of the other tests."""
    for path in sorted(VECTORS.rglob("*.json")):
        waiting = [json.loads(path.read_text())]
        while waiting:
            node = waiting.pop()
            if isinstance(node, dict):
                if isinstance(node.get("properties"), dict):
                    yield node
                waiting += node.values()
            elif isinstance(node, list):
                waiting += node


def test_they_agree_on_the_whole_of_the_json_schema_test_suite() -> None:
    judged, wrong = 0, []
    for group in SUITE:
        found = quick(group["schema"])
        if found is None:
            continue
        for value, _ in group["tests"]:
            judged += 1
            if found(value) != accepts(group["schema"], value):
                wrong.append((group["file"], group["description"], value))

    assert wrong == []
    assert judged > 900


def test_the_suite_finds_the_whole_judge_as_good_as_the_reference() -> None:
    for group in SUITE:
        if not isinstance(group["schema"], dict):
            continue
        judge = Validity(group["schema"])
        for value, _ in group["tests"]:
            try:
                expected = accepts(group["schema"], value)
            except Exception as exc:  # noqa: BLE001 - a remote schema, or one that is none
                with pytest.raises(type(exc)):
                    list(judge.errors(value))
                continue
            assert (not list(judge.errors(value))) == expected, (group["description"], value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(
        [0.0, -0.0, 1.0, 1.5, 0.1, 0.3, 19.99, 1e16, 2**53, 2**53 + 1, 2.0**53, 2**64, 2**70,
         -(2**63) - 1, 1e300, 5e-324, "", "a", "A", "ab", "é", "e\u0301", "😀", "a@b", "1",
         "2026-01-01", "2026-01-01T00:00:00Z", "10:00:00Z", "P1D", "127.0.0.1", "::1", "http://a",
         "/a", "a b", "[", "\u0000", "\ud800"])
    | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["a", "b", "ab", ""]), inner, max_size=3),
    max_leaves=6)
SIZES, NUMBERS = st.integers(0, 3), st.integers(-3, 3) | st.sampled_from([0.1, 1.0, 2**53, 1e16])
STEPS = st.sampled_from([1, 2, 0.1, 0.01, 1.0, 3, 1e-7])
NAMES = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=2, unique=True)


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    lists = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries({}, optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "object", "array",
                                 "null", ["string", "null"], ["integer", "string"]]),
        "enum": st.lists(VALUES, min_size=1, max_size=3), "const": VALUES,
        "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
        "required": NAMES, "additionalProperties": inner, "propertyNames": inner,
        "items": inner, "prefixItems": lists, "contains": inner, "minContains": SIZES,
        "maxContains": SIZES, "uniqueItems": st.booleans(), "minimum": NUMBERS,
        "maximum": NUMBERS, "exclusiveMinimum": NUMBERS, "exclusiveMaximum": NUMBERS,
        "multipleOf": STEPS, "minLength": SIZES, "maxLength": SIZES,
        "pattern": st.sampled_from(["^a", r"\d", r"a\Z", "(?i)^A$", "é", ""]),
        "format": st.sampled_from(sorted(FORMATS.checkers)), "minItems": SIZES,
        "maxItems": SIZES, "minProperties": SIZES, "maxProperties": SIZES,
        "dependentRequired": st.dictionaries(st.sampled_from(["a", "b"]), NAMES, max_size=1),
        "dependentSchemas": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=1),
        "allOf": lists, "anyOf": lists, "oneOf": lists, "not": inner, "if": inner,
        "then": inner, "else": inner, "title": st.just("x"),
    })


SCHEMAS = st.recursive(st.booleans() | _keywords(st.booleans()), _keywords, max_leaves=6)


@settings(max_examples=300, deadline=None)
@given(schema=SCHEMAS.filter(lambda schema: isinstance(schema, dict)), value=VALUES)
def test_what_the_quick_one_accepts_the_reference_accepts(schema: Any, value: Any) -> None:
    found = quick(schema)

    if says_yes(found, value):
        assert accepts(schema, value)


@settings(max_examples=100, deadline=None)
@given(schema=SCHEMAS.filter(lambda schema: isinstance(schema, dict)), value=VALUES)
def test_both_together_judge_as_the_reference_alone(schema: Any, value: Any) -> None:
    judge = Validity(schema)

    assert (not list(judge.errors(value))) == accepts(schema, value)
    assert judge.fits(schema, value) == accepts(schema, value)


def test_most_schemas_of_people_are_quick() -> None:
    found = [quick(schema) is not None for schema in schemas()]

    assert len(found) > 80
    assert sum(found) / len(found) > 0.7


@pytest.mark.parametrize("schema", [
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, {"format": "phone"},
    {"patternProperties": {"^a": True}}, {"unevaluatedProperties": False}, {"$id": "http://a"},
    {"properties": {"a": {"$dynamicRef": "#a"}}}, {"type": "text"}, {"format": {}}, True,
    {"items": [{"type": "string"}]}, {"minimum": "1"}, {"pattern": "("},
])
def test_what_they_could_read_differently_is_for_the_reference(schema: Any) -> None:
    assert quick(schema) is None
