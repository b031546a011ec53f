"""What no value could satisfy is told by its field; what servers ignore is told besides."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.domain.schema import problems, warnings
from datagen.domain.schema.hopeless import lengths, matches_nothing


def of(_: str = "", /, **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


NODE = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/$defs/node"}}}
LOOP = of(a={"$ref": "#/$defs/node"}) | {"$defs": {"node": NODE}}
CLOSED = {"additionalProperties": False}


@pytest.mark.parametrize(("schema", "path", "word"), [
    (of(n={"type": "integer", "minimum": 0.2, "maximum": 0.8}), "n", "no whole number"),
    (of(n={"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}), "n", "no whole"),
    (of(n={"type": "number", "minimum": 1, "maximum": 4, "multipleOf": 5}), "n", "multiple of 5"),
    (of(s={"type": "string", "pattern": "a^b"}), "s", "No text at all"),
    (of(s={"type": "string", "pattern": r"^[^\s\S]+$"}), "s", "No text at all"),
    (of(s={"type": "string", "pattern": "^[A-Z]{5}$", "maxLength": 3}), "s", "at least 5"),
    (of(s={"type": "string", "pattern": "^[A-Z]{2}$", "minLength": 9}), "s", "fewer characters"),
    (of(s={"type": "string", "enum": ["x"], "format": "date"}), "s", "Each allowed value"),
    (of(n={"type": "integer", "enum": [1, 2], "minimum": 5}), "n", "Each allowed value"),
    (of(n={"type": "integer", "const": "1"}), "n", "fixed value"),
    (of(a={"type": "array", "items": False, "minItems": 1}), "a", "allows 0"),
    (of(a={"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3}),
     "a", "must differ"),
    (of(a={"type": "array", "contains": {}, "minContains": 3, "maxItems": 2}), "a", "minContains"),
    (of(a={"type": "object", "maxProperties": 1, "required": ["x", "y"],
           "properties": {"x": {}, "y": {}}}), "a", "maxProperties"),
    (of(a={"type": "object", "minProperties": 2, "properties": {"x": {}}, **CLOSED}),
     "a", "minProperties"),
    (of(k={}) | CLOSED | {"if": {}, "then": {"required": ["x"]}}, "", '"x" is asked for'),
    (of(a=False), "", '"a" is false'),
    (of(a={"type": "object", "properties": {"b": False}}), "a", '"b" is false'),
    (of(a={"not": {}}), "a", "excludes every value"),
    (of(a={"anyOf": [False]}), "a", "no value at all"),
    (of(a={"allOf": [False, {}]}), "a", "holds false"),
    (LOOP, "$defs.node", "without end"),
    (of(a={"$ref": "#"}) | {"required": ["a"]}, "", "without end"),
    (of(a={"type": "array", "minItems": 1, "items": {"$ref": "#"}}) | {"required": ["a"]},
     "", "without end"),
])
def test_a_field_that_no_value_fits_is_a_problem(
    schema: dict[str, Any], path: str, word: str
) -> None:
    found = [(problem.path, problem.message) for problem in problems(schema)]
    assert any(where == path and word in message for where, message in found), found


@pytest.mark.parametrize("schema", [
    of(n={"type": "number", "minimum": 0.1, "maximum": 0.3, "multipleOf": 0.1}),
    of(n={"type": "integer", "minimum": 3, "maximum": 3}),
    of(n={"type": "number", "exclusiveMinimum": 0, "maximum": 1e-9}),
    of(s={"type": "string", "pattern": "^(|a{2})$", "maxLength": 0}),
    of(s={"type": ["string", "null"], "enum": ["a", None]}),
    of(a={"type": "array", "items": {"$ref": "#"}}) | {"required": ["a"]},
    of(a={"anyOf": [{"$ref": "#"}, {"type": "null"}]}) | {"required": ["a"]},
    of(a={"$ref": "#"}),
    of(kind={"enum": ["x", "y"]}, extra={}) | {"oneOf": [
        {"properties": {"kind": {"const": "x"}}, "required": ["extra"]},
        {"properties": {"kind": {"const": "y"}, "other": {}}, "required": ["other"]}]},
    of(a={"allOf": [{"properties": {"x": {}}}, {"properties": {"y": {}}, "required": ["x"]}]}),
    of(then={"type": "object", "properties": {"x": {}}, "required": ["x"]}),
    of(kind={"enum": ["x", "y"]}, extra={"type": "string"}) | {
        "if": {"properties": {"kind": {"const": "x"}}}, "then": {"properties": {"extra": False}}},
])
def test_what_some_value_fits_is_no_problem(schema: dict[str, Any]) -> None:
    assert problems(schema) == ()


PIECES = st.sampled_from(["a", "^", "$", "[^a]", r"\d", "(b|c)", "x*", "(?=a)", "(?!a)", ".",
                          r"[\s\S]", r"[^\s\S]", "(a$|b)", "(^a)?", "c{2,3}", r"\b", "é", "\\n"])


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=6).map("".join),
       st.text(alphabet="abcx1 \né", max_size=6))
def test_a_text_that_matches_proves_that_a_pattern_is_not_hopeless(pattern: str, text: str) -> None:
    found = re.search(pattern, text)
    if found:
        assert not matches_nothing(pattern)
        least, most = lengths(pattern)
        assert len(text) >= least
        assert most is None or len(text) <= most


@pytest.mark.parametrize("pattern", [r"[^\x00-￿]", "[^a-z]", "(?m)a$\nb", "a$\n?", "(?:a^)?b",
                                     "[中]", "^[äöü]+$", "[^ä]", "[é-í]", "^$", "$^"])
def test_odd_patterns_that_do_match_something_are_let_pass(pattern: str) -> None:
    assert not matches_nothing(pattern)


def told(**fields: Any) -> list[tuple[str, str]]:
    return [(warning.path, warning.message) for warning in warnings(of(**fields))]


@pytest.mark.parametrize(("node", "word"), [
    ({"type": "number", "minimum": 0, "maximum": 9}, "minimum and maximum"),
    ({"type": "integer", "multipleOf": 5}, "multipleOf"),
    ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "uniqueItems"),
    ({"type": "array", "items": {"type": "string"}, "contains": {"const": "x"}}, "contains"),
    ({"type": "string", "not": {"const": "x"}}, "not"),
    ({"type": "string", "if": {"minLength": 3}, "then": {"pattern": "^a$"}}, "if"),
    ({"type": "string", "format": "email"}, "format email"),
    ({"type": "string", "format": "uri"}, "format uri"),
    ({"type": "string", "format": "date"}, "shape of a date"),
    ({"type": "string", "pattern": r"^\d{3}$"}, "pattern"),
    ({"type": "string", "pattern": "[0-9]{3}"}, "pattern"),
    ({"type": "object", "patternProperties": {"^x$": {"type": "string"}}}, "patternProperties"),
    (True, "Any value"),
])
def test_a_rule_that_servers_ignore_is_told_and_does_not_block(node: Any, word: str) -> None:
    assert problems(of(a=node)) == ()
    assert any(path == "a" and word in message for path, message in told(a=node)), told(a=node)


@pytest.mark.parametrize("node", [
    {"type": "integer", "minimum": 0, "maximum": 9}, {"type": "string", "maxLength": 9},
    {"type": "string", "pattern": "^[0-9]{3}$"}, {"type": "string", "format": "uuid"},
    {"enum": ["a", "b"]}, {"type": "array", "items": {"type": "boolean"}, "uniqueItems": False},
])
def test_a_rule_that_servers_keep_is_not_told(node: Any) -> None:
    assert told(a=node) == []


def test_a_schema_with_problems_has_no_warnings_yet() -> None:
    assert told(a={"type": "number", "minimum": 2, "maximum": 1}) == []


def test_a_big_schema_is_looked_through_quickly() -> None:
    node = {"type": "string", "enum": [f"v{n}" for n in range(50)], "pattern": "^v[0-9]+$"}
    schema = of(**{f"f{n}": node for n in range(200)})
    begun = time.process_time()
    assert problems(schema) == ()
    assert time.process_time() - begun < 4  # seconds; counting coverage takes most of them


NUMBERS = st.integers(-4, 8) | st.sampled_from([0.1, 0.2, 0.3, 0.5, 1.5, 1e-9, 1e9])
LIMITS = st.fixed_dictionaries({"type": st.sampled_from(["integer", "number"])}, optional={
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), NUMBERS),
    "multipleOf": st.sampled_from([1, 2, 3, 0.1, 0.5, 0.25]),
    "enum": st.lists(NUMBERS, min_size=1, max_size=3),
})


@settings(max_examples=200, deadline=None)
@given(LIMITS, NUMBERS)
def test_a_number_that_fits_proves_that_its_limits_do_not_contradict(
    node: dict[str, Any], value: float
) -> None:
    if Draft202012Validator(node).is_valid(value):
        assert problems(of(n=node)) == ()
