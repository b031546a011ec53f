"""One row's edit of one node: what is wrong with it, and the smallest change it means."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from datagen.domain.schema import tree
from datagen.domain.schema.check import pattern_fault
from datagen.domain.schema.explain import shown
from datagen.domain.schema.rows import OTHER, RANGES, ROW_TYPES, FieldRow, enum_of
from datagen.domain.schema.types import fits_type, listed

_KEYWORDS_OF = {
    "string": {"minLength", "maxLength", "pattern", "format", "contentEncoding",
               "contentMediaType", "contentSchema"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "array": {"items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems",
              "minContains", "maxContains", "unevaluatedItems"},
    "object": {"properties", "required", "additionalProperties", "patternProperties",
               "propertyNames", "minProperties", "maxProperties", "dependentRequired",
               "dependentSchemas", "unevaluatedProperties"},
}
_KEPT_OF_OTHER = ("title", "description")
_SAID = {"string": "text", "boolean": "true or false", "object": "an object", "array": "a list",
         OTHER: "a field that only the JSON can describe"}


def faults(row: FieldRow, known: FieldRow | None) -> Iterator[str]:
    """What is wrong with what a row changes; nothing for what it leaves as it was."""
    before = known or FieldRow(path=row.path, type="")
    anew = row.type != before.type
    if row.type not in ROW_TYPES or (anew and row.type == OTHER):
        yield f"Choose one of the types {', '.join(ROW_TYPES[:-1])}."
        return
    if anew or _range(row) != _range(before):
        yield from _range_faults(row, before)
    if row.pattern and row.type == "string" and (anew or row.pattern != before.pattern):
        fault = pattern_fault(row.pattern)
        yield from [fault] if fault else []
    for what, text, old in (("pattern", row.pattern, before.pattern),
                            ("format", row.format, before.format)):
        if text and text != old and row.type != "string":
            yield f"A {what} is for text; this is {_said(row.type)}."
    if row.allowed and (anew or not same(row.allowed, before.allowed)):
        yield from _allowed_faults(row)


def _said(kind: str) -> str:
    return _SAID.get(kind, "a number")


def _range(row: FieldRow) -> tuple[float | None, float | None]:
    """Both limits as floats: a table widget has no other numbers."""
    return _float(row.minimum), _float(row.maximum)


def _float(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.inf


def _range_faults(row: FieldRow, before: FieldRow) -> Iterator[str]:
    limits = [limit for limit in (row.minimum, row.maximum) if limit is not None]
    if not limits:
        return
    if row.type not in RANGES:
        if _range(row) != _range(before):
            yield f"Min and max do not apply to {_said(row.type)}."
        return
    if not all(math.isfinite(limit) for limit in limits):
        yield "Min and max must be numbers."
        return
    if row.type in {"string", "array"} and any(
        limit < 0 or limit != int(limit) for limit in limits
    ):
        what = "a text's length" if row.type == "string" else "the number of items"
        yield f"Min and max are for {what}: use whole numbers from 0."
    if len(limits) == 2 and limits[0] > limits[1]:
        yield f"Min ({limits[0]:g}) is greater than max ({limits[1]:g})."


def _allowed_faults(row: FieldRow) -> Iterator[str]:
    if row.type in {"object", "array", OTHER}:
        yield f"Allowed values do not apply to {_said(row.type)}."
        return
    for value in row.allowed:
        if not fits_type(coerced(value, row.type), row.type):
            wanted = "a whole number" if row.type == "integer" else _said(row.type)
            yield f"The allowed value {shown(value)} is not {wanted}."


def coerced(value: Any, kind: str) -> Any:
    """An allowed value in the row's type, where it is one in other clothes ("3" for 3)."""
    if fits_type(value, kind):
        return int(value) if kind == "integer" else value
    if kind == "string" and isinstance(value, int | float | bool):
        return json.dumps(value)
    if isinstance(value, str):
        try:
            read = json.loads(value.strip().lower())
        except (ValueError, RecursionError):
            return value
        return read if fits_type(read, kind) else value
    return value


def edited(node: Any, row: FieldRow, before: FieldRow) -> Any:
    """The node with what the row changes; the same node when it changes nothing."""
    if (row.type, row.nullable) != (before.type, before.nullable):
        node = _retyped(node, row, before)
    changed: dict[str, Any] = {}
    anew = row.type != before.type
    low, high = RANGES.get(row.type, ("", ""))
    if low and (anew or _range(row) != _range(before)):
        for keyword, value, old in ((low, row.minimum, before.minimum),
                                    (high, row.maximum, before.maximum)):
            if anew or _float(value) != _float(old):
                changed[keyword] = None if value is None else _limit(value, row.type)
    for keyword, text, old_text in (
        ("format", row.format, before.format), ("pattern", row.pattern, before.pattern),
        ("description", row.description, before.description),
    ):
        if text != old_text and (keyword == "description" or row.type == "string"):
            changed[keyword] = text or None
    if not same(row.allowed, before.allowed) or (anew and row.allowed):
        changed["enum"] = _enum(node, row)
    if not changed:
        return node
    node = dict(node) if isinstance(node, dict) else {}
    for keyword, value in changed.items():
        node.pop(keyword, None) if value is None else node.__setitem__(keyword, value)
    return node


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Equality as JSON sees it: true is not 1."""
    return len(one) == len(other) and all(
        a == b and isinstance(a, bool) == isinstance(b, bool)
        for a, b in zip(one, other, strict=True)
    )


def made(row: FieldRow) -> dict[str, Any]:
    """The node of a new row."""
    start = tree.new_object() if row.type == "object" else {"type": row.type}
    node: dict[str, Any] = edited(start, row, FieldRow(path=row.path, type=row.type))
    return node


def _retyped(known: Any, row: FieldRow, before: FieldRow) -> dict[str, Any]:
    node: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
    if row.type != before.type:
        if before.type == OTHER:
            node = {key: node[key] for key in _KEPT_OF_OTHER if key in node}
        kind = "number" if row.type in {"integer", "number"} else row.type
        gone = set().union(*(words for name, words in _KEYWORDS_OF.items() if name != kind))
        node = {key: value for key, value in node.items() if key not in gone}
        for key in ("default", "const"):
            if key in node and not fits_type(node[key], row.type):
                del node[key]
        node.pop("examples", None)
        types: list[Any] = [row.type]
    else:
        types = [name for name in listed(node.get("type", row.type)) if name != "null"]
    if row.nullable:
        types.append("null")
    if "type" not in node:
        node = {"type": None, **node}
    node["type"] = types[0] if len(types) == 1 else types
    values = enum_of(node)
    if values and row.nullable != (None in values):
        node["enum"] = [v for v in values if v is not None] + ([None] if row.nullable else [])
    return node


def _limit(value: float, kind: str) -> float:
    return int(value) if kind != "number" and value == int(value) else value


def _enum(node: Any, row: FieldRow) -> list[Any] | None:
    values = list(dict.fromkeys((isinstance(v, bool), v) for v in
                                (coerced(value, row.type) for value in row.allowed)))
    if not values:
        return None
    return [value for _, value in values] + ([None] if row.nullable else [])
