"""Schemas made to be slow: each is judged, or refused as too big, within a second or two."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from datagen.domain.errors import InputError, ReplyUnusable
from datagen.domain.schema import read_draft
from datagen.domain.schema.check import problems
from datagen.model.sample.illustrate import illustrate

SECONDS = 6.0  # of processor time, on a slow machine


def of(field: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": field}, **more}


def chain(links: int, link: Callable[[int], Any], **more: Any) -> dict[str, Any]:
    defs = {f"n{at}": link(at + 1) for at in range(links)}
    return of(link(0), **{"$defs": {**more, **defs, f"n{links}": {"type": "integer"}}})


def to(at: int) -> dict[str, Any]:
    return {"$ref": f"#/$defs/n{at}"}


def texts(pattern: str) -> dict[str, Any]:
    fields = {f"f{at}": {"type": "string", "pattern": pattern} for at in range(190)}
    return {"type": "object", "properties": fields}


HOSTILE = {
    "a long chain": chain(4_000, to),
    "a chain within the bounds": chain(198, to),
    "a chain of branches": chain(4_000, lambda at: {"allOf": [to(at)]}),
    "two ways at each of 60 forks": chain(60, lambda at: {"anyOf": [to(at), to(at)]}),
    "two fields at each": chain(60, lambda at: {
        "type": "object", "properties": {"x": to(at), "y": to(at)}, "required": ["x", "y"]}),
    "anchors at the end": of({"$ref": "#n0"}, **{"$defs": {
        **{f"z{at}": {} for at in range(1_500)},
        **{f"n{at}": {"$anchor": f"n{at}", "allOf": [{"$ref": f"#n{to}"} for to in range(14)]}
           for at in range(14)}}}),
    "a circle": chain(60, lambda at: to(at % 60)),
    "itself": of({"$ref": "#"}, required=["a"]),
    "optional patterns": texts("(a?)" * 240), "bounded repeats": texts("[a-z]{0,9}" * 95),
    "repeats in repeats": of({"type": "string", "pattern": "(((a{1,99}){1,99}){1,99})" * 9}),
    "a great repeat": of({"type": "string", "pattern": "(a{1000}){1000}"}),
    "references back": of({"type": "string", "pattern": r"(.*)\1(.*)\2(.*)\3" * 10}),
    "many allowed values": of({"enum": [f"x{at}" for at in range(20_000)]}),
    "many allowed objects": of({"enum": [{"b": {"c": at}} for at in range(2_500)]}),
    "great lists": of({"type": "array", "minItems": 10**9, "items": {
        "type": "array", "minItems": 10**9}}),
    "a great text": of({"type": "string", "minLength": 10**12}),
    "a great number": of({"type": "integer", "minimum": 10**4_000}),
    "fine steps": of({"type": "number", "multipleOf": 1e-300, "minimum": 1e300}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_schema_is_judged_and_shown_in_bounded_time(name: str) -> None:
    schema, begun = HOSTILE[name], time.process_time()
    with suppress(InputError):
        if not problems(schema):
            illustrate(schema)
    with suppress(ReplyUnusable):
        read_draft(json.dumps(schema), dataset_mode=False)
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize(("name", "what"), [
    ("a long chain", "parts"), ("optional patterns", "characters of patterns"),
])
def test_what_would_take_long_to_judge_is_too_big(name: str, what: str) -> None:
    problem, = problems(HOSTILE[name])
    assert what in problem.message


def test_so_many_references_and_no_more() -> None:
    assert problems(chain(198, to)) == ()
    problem, = problems(chain(200, to))
    assert problem.message == "The schema has 201 references; at most 200 are allowed."
