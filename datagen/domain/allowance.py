"""How many tokens the answer to a record's call may have, estimated from the schema.

A server's own default (512 on a node, WIRE.md 3) cuts longer records. What is estimated is
a long record, not a usual one: a limit that is never reached costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from datagen.domain.schema import paths
from datagen.domain.schema.types import listed

MIN_TOKENS, MAX_TOKENS = 256, 4096  # of one answer
GROWTH = 4  # how much more the answer may have that follows one that was cut off

_CHARACTERS = 3  # of a token; JSON and names make it fewer than plain English has
_SLACK = 1.5  # spaces and line breaks of an indented answer, a fence, a polite sentence
_START = 96  # tokens besides all fields
_FREE_TEXT = 100  # tokens of a text without a limit: five sentences
_SHORT_TEXT = 24  # of a text with a format, as an address
_LONGEST_TEXT = 3_000  # characters; a higher limit is seldom used up
_NUMBER, _WORD, _ANYTHING = 8, 2, 60  # tokens
_USUAL_ITEMS, _MOST_ITEMS = 5, 50  # of a list without, and with, a limit
_DEEPEST = 12  # parts in parts that are looked at
_MOST_PARTS = 2_000


def for_schema(schema: Mapping[str, Any]) -> int:
    """Most tokens an answer may have that is a record of this schema."""
    tokens = _START + _SLACK * _Estimate(schema).of(schema, 0)
    return round(min(MAX_TOKENS, max(MIN_TOKENS, tokens)))


def after_a_cut(tokens: int) -> int:
    """The limit of the next try; the same where there is no more to allow."""
    return min(MAX_TOKENS, tokens * GROWTH)


class _Estimate:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._parts = 0

    def of(self, schema: Any, depth: int) -> float:
        """Tokens of a long value; the most there can be where the schema has no end."""
        if not isinstance(schema, Mapping):
            return _ANYTHING
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            return 0.0
        if "const" in schema:
            return _length(schema["const"])
        if isinstance(schema.get("enum"), list):
            return max(map(_length, schema["enum"]), default=_WORD)
        own = [self._typed(str(name), schema, depth) for name in listed(schema.get("type", ""))]
        return max(own, default=0.0) + self._elsewhere(schema, depth)

    def _elsewhere(self, schema: Mapping[str, Any], depth: int) -> float:
        """What a reference and combined schemas add."""
        found = 0.0
        if isinstance(schema.get("$ref"), str):
            try:
                found += self.of(paths.resolve(self._root, schema["$ref"]), depth + 1)
            except (LookupError, ValueError):
                found += _ANYTHING
        for keyword, combine in (("allOf", sum), ("anyOf", max), ("oneOf", max)):
            branches = schema.get(keyword)
            if isinstance(branches, list) and branches:
                found += combine([self.of(branch, depth + 1) for branch in branches])
        return found

    def _typed(self, kind: str, schema: Mapping[str, Any], depth: int) -> float:
        if kind == "object" or (not kind and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array" or (not kind and "items" in schema):
            return self._list(schema, depth)
        if kind == "string":
            return _text(schema)
        if kind in {"integer", "number"}:
            return _NUMBER
        combined = {"$ref", "allOf", "anyOf", "oneOf"} & schema.keys()
        return _WORD if kind or combined else _ANYTHING

    def _object(self, schema: Mapping[str, Any], depth: int) -> float:
        fields = schema.get("properties")
        if not isinstance(fields, Mapping) or not fields:
            return _ANYTHING
        return sum(len(str(name)) / _CHARACTERS + 4 + self.of(part, depth + 1)
                   for name, part in fields.items())

    def _list(self, schema: Mapping[str, Any], depth: int) -> float:
        first = schema.get("prefixItems")
        first = first if isinstance(first, list) else []
        low, high = schema.get("minItems"), schema.get("maxItems")
        count = high if isinstance(high, int) else max(
            _USUAL_ITEMS, low if isinstance(low, int) else 0)
        rest = max(0, min(_MOST_ITEMS, count) - len(first))
        return 2 + sum(self.of(part, depth + 1) for part in first) + rest * (
            2 + (self.of(schema.get("items", True), depth + 1) if rest else 0))


def _text(schema: Mapping[str, Any]) -> float:
    most = schema.get("maxLength")
    if isinstance(most, int):
        return 2 + min(most, _LONGEST_TEXT) / _CHARACTERS
    least = schema.get("minLength")
    short = "format" in schema or "pattern" in schema
    return max(_SHORT_TEXT if short else _FREE_TEXT,
               2 * least / _CHARACTERS if isinstance(least, int) else 0)


def _length(value: Any) -> float:
    return 1 + len(json.dumps(value, ensure_ascii=False)) / _CHARACTERS
