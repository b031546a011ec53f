"""Whatever the schema: the value fits, or there is none and it is said."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.model.sample import CannotGenerate, generate
from tests.model.schema_strategy import FORMATS, PATTERNS, schemas

TICKET: dict[str, Any] = {
    "type": "object", "additionalProperties": False,
    "required": ["ticket_id", "customer_name", "customer_email", "subject", "message"],
    "properties": {
        "ticket_id": {"type": "string", "pattern": r"^T-\d{6}$"},
        "customer_name": {"type": "string"},
        "customer_email": {"type": "string", "format": "email"},
        "priority": {"enum": ["low", "medium", "high"]},
        "subject": {"type": "string", "maxLength": 80},
        "message": {"type": "string", "minLength": 40, "maxLength": 600},
        "created_at": {"type": "string", "format": "date-time"},
        "resolved": {"type": "boolean"},
    },
}


def assert_fits(schema: Any, value: Any) -> None:
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=schemas(), seed=st.integers(0, 1000))
def test_a_value_fits_its_schema_whatever_that_is(schema: dict[str, Any], seed: int) -> None:
    assert_fits(schema, generate(schema, seed))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_met_with_and_without_a_length(name: str) -> None:
    for seed in range(20):
        assert_fits({"format": name, "type": "string"},
                    generate({"type": "string", "format": name}, seed))
    if name in {"email", "uri", "hostname"}:
        narrow = {"type": "string", "format": name, "minLength": 12, "maxLength": 14}
        assert_fits(narrow, generate(narrow, 1))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_met(pattern: str) -> None:
    for seed in range(20):
        schema = {"type": "string", "pattern": pattern}
        assert_fits(schema, generate(schema, seed))


HARD: dict[str, Any] = {
    "pattern and length": {"type": "string", "pattern": "^[a-z]+$", "minLength": 30,
                           "maxLength": 31},
    "format and pattern": {"type": "string", "format": "date", "pattern": "^20"},
    "tree": {"$ref": "#/$defs/node", "$defs": {"node": {
        "type": "object", "required": ["name", "children"],
        "properties": {"name": {"type": "string"},
                       "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}},
    "list in a list": {"type": "object", "properties": {"next": {"anyOf": [
        {"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]},
    "anchor": {"type": "array", "items": {"$ref": "#word"}, "minItems": 1,
               "$defs": {"w": {"$anchor": "word", "type": "string", "enum": ["a", "b"]}}},
    "if then else": {
        "type": "object", "required": ["country", "zip"], "additionalProperties": False,
        "properties": {"country": {"enum": ["US", "CA"]}, "zip": {"type": "string"}},
        "if": {"properties": {"country": {"const": "US"}}},
        "then": {"properties": {"zip": {"pattern": "^[0-9]{5}$"}}},
        "else": {"properties": {"zip": {"pattern": "^[A-Z][0-9][A-Z]$"}}}},
    "two ifs": {"type": "object", "required": ["k"], "properties": {"k": {"enum": ["a", "b"]}},
                "allOf": [{"if": {"properties": {"k": {"const": key}}}, "then": {
                    "required": [f"only_{key}"]}} for key in "ab"]},
    "one of kinds": {"oneOf": [
        {"type": "object", "properties": {"kind": {"const": kind}, "size": {"type": "integer"}},
         "required": ["kind", "size"], "additionalProperties": False} for kind in ("a", "b", "c")]},
    "all of with a base": {
        "$defs": {"base": {"type": "object", "properties": {"id": {"type": "integer"}},
                           "required": ["id"]}},
        "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"id": {"minimum": 7, "maximum": 9}}}],
        "unevaluatedProperties": False},
    "unique": {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
    "contains": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9},
                 "contains": {"const": 7}, "minContains": 2, "maxContains": 3},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}],
              "items": False, "minItems": 2},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2,
            "propertyNames": {"pattern": "^[a-z]{3}$"}},
    "not": {"type": "object", "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 3,
                                                   "not": {"enum": [0, 1, 2]}}}, "required": ["a"]},
    "not a type": {"not": {"type": ["string", "object", "array"]}},
    "dependent schemas": {
        "type": "object", "properties": {"card": {"type": "string"}}, "required": ["card"],
        "dependentSchemas": {"card": {"properties": {"cvc": {"type": "integer"}},
                                      "required": ["cvc"]}}},
    "narrow number": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
    "cents": {"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01},
    "big": {"type": "integer", "minimum": 10**18, "maximum": 10**18 + 1},
    "unusual price": {"type": "object", "properties": {"price": {"type": "number",
                                                                 "minimum": 90_000}},
                      "required": ["price"]},
    "nullable ref": {"type": "object", "required": ["a"], "properties": {"a": {
        "$ref": "#/$defs/s", "maxLength": 3}}, "$defs": {"s": {"type": ["string", "null"]}}},
}


@pytest.mark.parametrize("schema", HARD.values(), ids=HARD.keys())
def test_rules_that_need_thought_are_met(schema: Any) -> None:
    for seed in range(25):
        assert_fits(schema, generate(schema, seed))


@pytest.mark.parametrize("schema", [
    {"type": "integer", "minimum": 5, "maximum": 4},
    {"type": "string", "minLength": 3, "maxLength": 2},
    {"type": "object", "required": ["a"], "properties": {"a": False}},
    {"allOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "array", "items": {"enum": [1]}, "uniqueItems": True, "minItems": 2},
    {"$ref": "#/$defs/missing"},
    {"$ref": "https://example.com/schema.json"},
    {"$ref": "#"},
    {"type": "object", "required": ["me"], "properties": {"me": {"$ref": "#"}}},
    {"type": "text"},
    {"type": "string", "pattern": "["},
    {"not": {}},
])
def test_where_no_value_fits_it_is_said_and_none_is_made_up(schema: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(CannotGenerate):
        generate(schema, 1)
    assert time.monotonic() - begun < 5  # generous: the machine may be busy


def test_the_same_seed_gives_the_same_record_in_another_process() -> None:
    code = ("import json,sys; from datagen.model.sample import generate;"
            "print(json.dumps(generate(json.loads(sys.argv[1]), 'seed')))")
    other = subprocess.run([sys.executable, "-c", code, json.dumps(TICKET)], check=True,
                           capture_output=True, text=True, env={"PYTHONHASHSEED": "77"})
    assert json.loads(other.stdout) == generate(TICKET, "seed")


def test_different_seeds_give_different_records() -> None:
    records = {str(generate(TICKET, seed)) for seed in range(500)}
    assert len(records) == 500


def test_the_address_belongs_to_the_name() -> None:
    record = generate(TICKET, 3)
    assert record["customer_name"].split()[0].lower() in record["customer_email"]


def test_spam_reads_like_spam_and_ham_does_not() -> None:
    schema = {"type": "object", "required": ["text", "label"], "properties": {
        "text": {"type": "string"}, "label": {"enum": ["spam", "ham"]}}}
    records = [generate(schema, seed) for seed in range(60)]
    by_label = {label: {r["text"].split()[0] for r in records if r["label"] == label}
                for label in ("spam", "ham")}
    assert all(by_label.values())
    assert not by_label["spam"] & by_label["ham"]


def test_names_of_fields_decide_what_stands_in_them() -> None:
    schema = {"type": "object", "required": ["unitPrice", "currency", "orderId", "homepage", "age"],
              "properties": {"unitPrice": {"type": "number"}, "currency": {"type": "string"},
                             "orderId": {"type": "string"}, "homepage": {"type": "string"},
                             "age": {"type": "integer"}}}
    record = generate(schema, 1)
    assert 0 < record["unitPrice"] < 500
    assert len(record["currency"]) == 3
    assert record["orderId"].startswith("O-")
    assert record["homepage"].startswith("https://")
    assert 18 <= record["age"] <= 84


def test_a_typical_record_takes_about_two_milliseconds() -> None:
    generate(TICKET, "warm")
    times = []
    for seed in range(100):
        begun = time.perf_counter()
        generate(TICKET, seed)
        times.append(time.perf_counter() - begun)
    assert sorted(times)[10] < 0.002  # the machine may be busy: what the quick ones take
