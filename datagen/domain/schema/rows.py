"""The field table: what of a schema fits in rows.

A row shows a field's type, limits and description. What rows can't express (``oneOf``,
``$defs``, tuples, ``if``) has a row of type "other", or none, and stays in the JSON as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datagen.domain.schema import paths
from datagen.domain.schema.types import fits_type, listed

OTHER = "other"
ROW_TYPES = ("string", "integer", "number", "boolean", "object", "array", OTHER)
RANGES: Mapping[str, tuple[str, str]] = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "array": ("minItems", "maxItems"),
}
MAX_DEPTH = 24  # steps of a path; a schema in use has ten levels


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """One field of the table."""

    path: str  # "price", "address.city", "tags[]" (the items of tags), "items[].price"
    type: str = "string"  # one of ROW_TYPES; "other" = only the JSON can say it
    nullable: bool = False  # null is allowed besides the type
    required: bool = True
    allowed: tuple[Any, ...] = ()  # the only values, without null; () = any
    minimum: float | None = None  # of the number, the text's length, the list's items
    maximum: float | None = None
    format: str = ""
    pattern: str = ""
    description: str = ""
    was: str = ""  # the path it was read with; "" = a row of the user's own


def rows(schema: Any) -> tuple[FieldRow, ...]:
    """The schema's fields in its order; () for what is no object with properties."""
    return tuple(row for _, row in read(schema))


def read(schema: Any) -> list[tuple[paths.Steps, FieldRow]]:
    """The rows, each with the steps to its field."""
    return list(_fields(schema, ()))


def _fields(node: Any, steps: paths.Steps) -> Iterator[tuple[paths.Steps, FieldRow]]:
    if not isinstance(node, Mapping) or len(steps) >= MAX_DEPTH:
        return
    required = node.get("required")
    names = required if isinstance(required, list) else []
    for name, child in fields_of(node).items():
        yield from _field(child, (*steps, name), required=name in names)


def _field(
    node: Any, steps: paths.Steps, *, required: bool
) -> Iterator[tuple[paths.Steps, FieldRow]]:
    yield steps, row_of(node, paths.join(steps), required=required)
    yield from _fields(node, steps)
    items = node.get("items") if isinstance(node, Mapping) else None
    if isinstance(items, Mapping) and main_type(node) == "array" and len(steps) < MAX_DEPTH:
        inner = (*steps, paths.LIST)
        if fields_of(items):  # a list of objects: its fields say it all
            yield from _fields(items, inner)
        else:
            yield from _field(items, inner, required=True)


def fields_of(node: Any) -> dict[str, Any]:
    """The properties that a dotted path can name."""
    found = node.get("properties") if isinstance(node, Mapping) else None
    if not isinstance(found, Mapping) or main_type(node) != "object":
        return {}
    return {name: child for name, child in found.items() if paths.is_name(name)}


def main_type(node: Any) -> str:
    """The row type of a node: its one type besides null, or what its keywords are about."""
    if not isinstance(node, Mapping):
        return OTHER
    types = [name for name in listed(node["type"]) if name != "null"] if "type" in node else []
    if len(types) == 1 and types[0] in ROW_TYPES:
        return str(types[0])
    if "type" in node:
        return OTHER
    if isinstance(node.get("properties"), Mapping):
        return "object"
    if isinstance(node.get("items"), Mapping):
        return "array"
    values = [value for value in enum_of(node) if value is not None]
    fitting = [name for name in ("string", "boolean", "integer", "number")
               if values and all(fits_type(value, name) for value in values)]
    return fitting[0] if fitting else OTHER


def enum_of(node: Mapping[str, Any]) -> list[Any]:
    """The allowed values, where a row can show them all; [] else."""
    values = node.get("enum")
    plain = isinstance(values, list) and not any(isinstance(v, list | dict) for v in values)
    return list(values) if isinstance(values, list) and plain else []


def row_of(node: Any, path: str, *, required: bool) -> FieldRow:
    """What a row shows of one node."""
    kind = main_type(node)
    if not isinstance(node, Mapping):
        return FieldRow(path=path, was=path, type=kind, required=required)
    low, high = RANGES.get(kind, ("", ""))
    return FieldRow(
        path=path,
        was=path,
        type=kind,
        nullable="type" in node and "null" in listed(node["type"]) and kind != OTHER,
        required=required,
        allowed=tuple(value for value in enum_of(node) if value is not None),
        minimum=_number(node.get(low)),
        maximum=_number(node.get(high)),
        format=_text(node.get("format")),
        pattern=_text(node.get("pattern")),
        description=_text(node.get("description")),
    )


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
