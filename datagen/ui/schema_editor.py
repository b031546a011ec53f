"""A schema as a table of fields beside its JSON; whichever is edited updates the other.

The state is one schema and a revision: a JSON edit, a new draft or an undo raises the
revision and with it both widgets start anew; a table edit keeps the table's own state and
rewrites the JSON beside it. What the schema was before each change is kept for Undo.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from datagen.domain.errors import InputError, Problem
from datagen.domain.schema import apply_rows, problems, rows, warnings
from datagen.ui import schema_table
from datagen.ui.components import table_height
from datagen.ui.session import app
from datagen.ui.words import code, count, plain

_BASE, _NOW, _REVISION, _BAD_JSON = "schema_base", "schema_now", "schema_rev", "schema_bad_json"
_PAST, _BAD_TABLE = "schema_past", "schema_bad_table"
MAX_UNDO = 50  # states kept
_MAX_SHOWN = 20_000  # characters of an example


def load(schema: Mapping[str, Any], *, anew: bool = False) -> None:
    """Start editing a schema; Undo leads back to the one before it, unless ``anew``."""
    if anew:
        st.session_state[_PAST] = []
    elif _NOW in st.session_state:
        _remember(st.session_state[_NOW], schema)
    _show(schema)


def result() -> dict[str, Any]:
    """The schema as edited so far."""
    return dict(st.session_state[_NOW])


def draw() -> bool:
    """Draw both sides; True when what they hold can be used."""
    left, right = st.columns([13, 7])
    with left:
        wrong = _table()
        st.session_state[_BAD_TABLE] = bool(wrong)
    if not wrong:
        wrong = problems(st.session_state[_NOW])
    with right:
        bad_json = _json()
    for problem in wrong:
        where = f"{code(problem.path)}: " if problem.path else ""
        st.markdown(f":red[:material/error:] {where}{plain(problem.message)}")
    return not wrong and not bad_json


def undo_button() -> None:
    """The way back, change by change."""
    st.button("Undo", icon=":material/undo:", key="schema_undo", on_click=_undo,
              disabled=not (_past() or _is_torn()),
              help="Takes back the last change of the schema.")


def outlook() -> None:
    """What to expect of the schema: an example record, and rules that models may not keep."""
    _example()
    _notes()


def _is_torn() -> bool:
    """Whether the table or the JSON holds something that did not get into the schema."""
    return bool(st.session_state.get(_BAD_TABLE) or st.session_state.get(_BAD_JSON))


def _show(schema: Mapping[str, Any]) -> None:
    st.session_state[_BASE] = st.session_state[_NOW] = dict(schema)
    # not from 0: a tab whose server was restarted tells its edits of that table once more
    st.session_state[_REVISION] = st.session_state.get(_REVISION, secrets.randbelow(10**9)) + 1
    st.session_state.pop(_BAD_JSON, None)
    st.session_state.pop(_BAD_TABLE, None)


def _past() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = st.session_state.setdefault(_PAST, [])
    return found


def _remember(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Keep what the schema was, where it is another now; order and 1 or true count."""
    if json.dumps(before) != json.dumps(after):
        _past().append(dict(before))
        del _past()[:-MAX_UNDO]


def _undo() -> None:
    """Drop what could not be read; else go back to the schema before the last change."""
    _show(st.session_state[_NOW] if _is_torn() or not _past() else _past().pop())


def _table() -> Sequence[Problem]:
    """The field table; its edits become the schema of now, or the problems they have."""
    if f"schema_table_{st.session_state[_REVISION]}" not in st.session_state:
        st.session_state[_BASE] = st.session_state[_NOW]  # the page was left: the widget forgot
    base = st.session_state[_BASE]
    before = rows(base)
    edited = st.data_editor(
        schema_table.frame(before), key=f"schema_table_{st.session_state[_REVISION]}",
        num_rows="dynamic", hide_index=True, column_config=schema_table.CONFIG,
        column_order=schema_table.COLUMNS, placeholder="",
        height=min(table_height(len(before) + 3), 560),
    )
    try:
        now = apply_rows(base, schema_table.read_rows(edited, before))
    except InputError as exc:
        return exc.problems or (Problem(path="", message=str(exc)),)
    _remember(st.session_state[_NOW], now)
    st.session_state[_NOW] = now
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


def _notes() -> None:
    """Rules that model servers may ignore, for who wants to know."""
    found = warnings(st.session_state[_NOW])
    if found:
        with st.expander(f"{count(len(found), 'note')} on rules a model may not keep by itself",
                         icon=":material/info:"):
            for note in found:
                st.caption(f"{code(note.path)}: {plain(note.message)}")


def _example() -> None:
    """One record of the schema, made here at once."""
    st.markdown("##### Example record")
    try:
        record = app().illustrate(st.session_state[_NOW])
    except InputError as exc:
        st.caption(f":material/info: {plain(str(exc))}")
        return
    text = json.dumps(record, indent=2, ensure_ascii=False)
    st.code(text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}\n…", language="json",
            wrap_lines=True, height=260)
    st.caption("Only an illustration of the schema: made at once without your model, its values "
               "mean nothing.")
