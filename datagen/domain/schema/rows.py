"""The field table: what of a schema fits in rows, and rows back into the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ROW_TYPES = ("string", "integer", "number", "boolean", "object", "array", "other")


@dataclass(frozen=True, kw_only=True)
class FieldRow:
    """One field of the table."""

    path: str  # "price", "address.city", "tags[]", "items[].price"
    type: str = "string"  # one of ROW_TYPES; "other" = only the JSON can say it
    nullable: bool = False  # null is allowed besides the type
    required: bool = True
    allowed: tuple[Any, ...] = ()  # the only values; () = any
    minimum: float | None = None  # of the number; of the text's length; of the list's items
    maximum: float | None = None
    format: str = ""
    pattern: str = ""
    description: str = ""
    was: str = ""  # the path it was read with; "" = a new row


def rows(schema: Mapping[str, Any]) -> tuple[FieldRow, ...]:
    """The schema's fields, in its order."""
    return ()


def apply_rows(schema: Mapping[str, Any], rows: Sequence[FieldRow]) -> dict[str, Any]:
    """The schema with the rows' edits. Raises InputError with the row's path."""
    return dict(schema)
