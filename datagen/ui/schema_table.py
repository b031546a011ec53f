"""The field table as a data frame for the editor widget, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from datagen.domain.schema import ROW_TYPES, FieldRow

COLUMNS = ("path", "type", "required", "allowed", "minimum", "maximum", "format",
           "description", "pattern", "nullable")
_FORMATS = ("date", "date-time", "time", "email", "uri", "uuid", "ipv4", "hostname")


def frame(items: Sequence[FieldRow]) -> pd.DataFrame:
    """The rows as the editor shows them; texts stand for values of any type."""
    shown = pd.DataFrame(
        [
            {
                "path": row.path, "type": row.type, "required": row.required,
                "allowed": [_shown(value) for value in row.allowed],
                "minimum": row.minimum, "maximum": row.maximum, "format": row.format or None,
                "pattern": row.pattern or None, "nullable": row.nullable,
                "description": row.description or None,
            }
            for row in items
        ],
        columns=list(COLUMNS),
    )
    return shown.astype({"minimum": "float64", "maximum": "float64"})


def read_rows(edited: pd.DataFrame, before: Sequence[FieldRow]) -> list[FieldRow]:
    """The edited table as rows; the index tells which row each one was."""
    found = []
    for index, record in zip(edited.index, edited.to_dict("records"), strict=True):
        known = isinstance(index, int) and 0 <= index < len(before)
        was = before[index] if known else None
        row_type = _text(record["type"]) or "string"
        found.append(FieldRow(
            path=_text(record["path"]).strip(), type=row_type,
            nullable=_flag(record["nullable"], was.nullable if was else False),
            required=_flag(record["required"], True),
            allowed=_allowed(record["allowed"], row_type, was),
            minimum=_number(record["minimum"]), maximum=_number(record["maximum"]),
            format=_text(record["format"]), pattern=_text(record["pattern"]),
            description=_text(record["description"]), was=was.was if was else "",
        ))
    return found


def _allowed(value: object, row_type: str, was: FieldRow | None) -> tuple[Any, ...]:
    """Allowed values in the field's type; untouched ones keep the value they had."""
    if not isinstance(value, list | tuple):
        return ()
    texts = [str(item) for item in value]
    if was and texts == [_shown(item) for item in was.allowed]:
        return was.allowed  # also where "1" and 1 look alike
    known = {_shown(item): item for item in was.allowed} if was else {}
    return tuple(
        known[text] if text in known else _parsed(text, row_type)
        for text in texts
    )


def _parsed(text: str, row_type: str) -> Any:
    if row_type == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _flag(value: object, default: bool) -> bool:
    return value if isinstance(value, bool) else default


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or pd.isna(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


CONFIG = {
    "path": st.column_config.TextColumn("Field", required=True, pinned=True),
    "type": st.column_config.SelectboxColumn("Type", options=ROW_TYPES, default="string",
                                             required=True, width=90),
    "required": st.column_config.CheckboxColumn("Required", default=True, width=95),
    "allowed": st.column_config.ListColumn("Allowed values", width=170),
    "minimum": st.column_config.NumberColumn("Min", width=75),
    "maximum": st.column_config.NumberColumn("Max", width=75),
    "format": st.column_config.SelectboxColumn("Format", options=_FORMATS, width=95),
    "pattern": st.column_config.TextColumn("Pattern", width="small"),
    "nullable": st.column_config.CheckboxColumn("May be empty", default=False, width="small"),
    "description": st.column_config.TextColumn("Description", width="medium"),
}
