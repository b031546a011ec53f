"""Nested objects as columns of their own: ``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datagen.domain.errors import TooWide

MAX_COLUMNS = 16_384  # more are nobody's table


def spread(record: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """The record's values by path; lists and empty objects stay what they are.

    A dot or backslash in a key gets a backslash in front: no two paths are alike.
    """
    found: dict[str, Any] = {}
    for key, value in record.items():
        path = under + _escaped(key)
        if isinstance(value, Mapping) and value:
            found.update(spread(value, f"{path}."))
        else:
            found[path] = value
    return found


def spread_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of one level whose properties are the paths of the given one's."""
    return {"type": "object", "properties": _leaves(schema, "")}


def spread_columns(schema: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The paths of the schema, then others in the order they first appear.

    Raises TooWide for more than MAX_COLUMNS.
    """
    names = dict.fromkeys(_leaves(schema, ""))
    for record in records:
        names.update(dict.fromkeys(spread(record)))
        check_columns(len(names))
    return list(names)


def check_columns(number: int) -> None:
    """Raises TooWide where that many make no table."""
    if number > MAX_COLUMNS:
        raise TooWide(f"This dataset has more than {MAX_COLUMNS:,} columns, which no table holds. "
                      "Take it as JSON or JSON lines.")


def _leaves(schema: Mapping[str, Any], under: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    properties = schema.get("properties")
    for key, sub in (properties if isinstance(properties, Mapping) else {}).items():
        path = under + _escaped(str(key))
        inner = _leaves(sub, f"{path}.") if isinstance(sub, Mapping) else {}
        found.update(inner or {path: sub})
    return found


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.") if "." in key or "\\" in key else key
