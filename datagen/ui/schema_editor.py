"""A schema as a table of fields beside its JSON; whichever is edited updates the other.

The state is one schema and a revision: a JSON edit or a new draft raises the revision and
with it both widgets start anew; a table edit keeps the table's own state and rewrites
the JSON beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from datagen.domain.errors import InputError, Problem
from datagen.domain.schema import ROW_TYPES, FieldRow, apply_rows, problems, rows
from datagen.ui.components import table_height
from datagen.ui.words import code, plain

_BASE, _NOW, _REVISION, _BAD_JSON = "schema_base", "schema_now", "schema_rev", "schema_bad_json"
_FORMATS = ("date", "date-time", "time", "email", "uri", "uuid", "ipv4", "hostname")
_COLUMNS = ("path", "type", "required", "allowed", "minimum", "maximum", "format",
            "description", "pattern", "nullable")


def load(schema: Mapping[str, Any]) -> None:
    """Start editing a schema."""
    st.session_state[_BASE] = st.session_state[_NOW] = dict(schema)
    st.session_state[_REVISION] = st.session_state.get(_REVISION, 0) + 1
    st.session_state.pop(_BAD_JSON, None)


def result() -> dict[str, Any]:
    """The schema as edited so far."""
    return dict(st.session_state[_NOW])


def draw() -> bool:
    """Draw both sides; True when what they hold can be used."""
    left, right = st.columns([13, 7])
    with left:
        wrong = _table()
    if not wrong:
        wrong = problems(st.session_state[_NOW])
    with right:
        bad_json = _json()
    for problem in wrong:
        where = f"{code(problem.path)}: " if problem.path else ""
        st.markdown(f":red[:material/error:] {where}{plain(problem.message)}")
    return not wrong and not bad_json


def _table() -> Sequence[Problem]:
    """The field table; its edits become the schema of now, or the problems they have."""
    base = st.session_state[_BASE]
    before = rows(base)
    edited = st.data_editor(
        _frame(before), key=f"schema_table_{st.session_state[_REVISION]}", num_rows="dynamic",
        hide_index=True, column_config=_CONFIG, column_order=_COLUMNS, placeholder="",
        height=min(table_height(len(before) + 3), 560),
    )
    try:
        st.session_state[_NOW] = apply_rows(base, _rows(edited, before))
    except InputError as exc:
        return exc.problems or (Problem(path="", message=str(exc)),)
    st.caption("A dot reaches into an object (`address.city`), `[]` into a list "
               "(`items[].price`). Add a field in the last row; select rows to delete them. "
               "Min and max bound a number, a text's length or a list's items.")
    return ()


def _json() -> bool:
    """The JSON beside the table; True while its text is no schema."""
    key = f"schema_json_{st.session_state[_REVISION]}"
    bad: str | None = st.session_state.get(_BAD_JSON)
    if bad is None:
        st.session_state[key] = json.dumps(st.session_state[_NOW], indent=2, ensure_ascii=False)
    with st.container(key="schema_json"):
        st.text_area("JSON Schema", key=key, height=520, on_change=_take_json, args=(key,))
    if bad is not None:
        st.markdown(f":red[:material/error: {plain(bad)}] The table still shows the last "
                    "version that could be read.")
    return bad is not None


def _take_json(key: str) -> None:
    """Make the edited JSON the schema, or keep its text and say what is wrong."""
    try:
        value = json.loads(st.session_state[key])
    except json.JSONDecodeError as exc:
        st.session_state[_BAD_JSON] = f"Line {exc.lineno}, column {exc.colno}: {exc.msg}."
        return
    except RecursionError:
        st.session_state[_BAD_JSON] = "This is nested too deeply."
        return
    if not isinstance(value, dict):
        st.session_state[_BAD_JSON] = "A schema is a JSON object: it starts with { and ends with }."
        return
    load(value)


def _frame(items: Sequence[FieldRow]) -> pd.DataFrame:
    """The rows as the editor shows them; texts stand for values of any type."""
    frame = pd.DataFrame(
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
        columns=list(_COLUMNS),
    )
    return frame.astype({"minimum": "float64", "maximum": "float64"})


def _rows(frame: pd.DataFrame, before: Sequence[FieldRow]) -> list[FieldRow]:
    """The edited table as rows; the index tells which row each one was."""
    edited = []
    for index, record in zip(frame.index, frame.to_dict("records"), strict=True):
        known = isinstance(index, int) and 0 <= index < len(before)
        was = before[index] if known else None
        row_type = _text(record["type"]) or "string"
        edited.append(FieldRow(
            path=_text(record["path"]).strip(), type=row_type,
            nullable=_flag(record["nullable"], was.nullable if was else False),
            required=_flag(record["required"], True),
            allowed=_allowed(record["allowed"], row_type, was),
            minimum=_number(record["minimum"]), maximum=_number(record["maximum"]),
            format=_text(record["format"]), pattern=_text(record["pattern"]),
            description=_text(record["description"]), was=was.was if was else "",
        ))
    return edited


def _allowed(value: object, row_type: str, was: FieldRow | None) -> tuple[Any, ...]:
    """Allowed values in the field's type; untouched ones keep the value they had."""
    if not isinstance(value, list | tuple):
        return ()
    known = {_shown(item): item for item in was.allowed} if was else {}
    return tuple(
        known[text] if text in known else _parsed(text, row_type)
        for text in map(str, value)
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


_CONFIG = {
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
