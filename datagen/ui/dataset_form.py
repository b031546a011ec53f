"""The form of a new dataset: its fields keep their text across pages and failed calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from datagen.domain.errors import Problem
from datagen.domain.examples import Example
from datagen.domain.requests import (
    MAX_DESCRIPTION,
    MAX_INSTRUCTIONS,
    MAX_TITLE,
    DraftRequest,
)
from datagen.services.drafts import Draft
from datagen.settings import Settings
from datagen.ui import components

_TITLE, _DESCRIPTION, _INSTRUCTIONS = "form_title", "form_description", "form_instructions"
_RECORDS, _SEED, _MODE = "form_records", "form_seed", "form_mode"
_PRESET_DONE, _CLEAR, _TAKE = "form_preset_done", "form_clear", "form_take"
_DEFAULT_RECORDS = 20
_MOST = 2**53 - 1  # the largest number a browser holds exactly
_TEXTS = {_TITLE: MAX_TITLE, _DESCRIPTION: MAX_DESCRIPTION, _INSTRUCTIONS: MAX_INSTRUCTIONS}


def fill(example: Example) -> None:
    """Put an example into the form."""
    _set(example.title, example.description, example.instructions, example.records,
         example.dataset_mode)


def clear() -> None:
    """Empty the form the next time it is drawn, after its dataset was created."""
    st.session_state[_CLEAR] = True


def take(draft: Draft) -> None:
    """Show a draft's texts in the form the next time it is drawn."""
    st.session_state[_TAKE] = (draft.title, draft.description, draft.instructions,
                               draft.total_records, draft.dataset_mode,
                               draft.inference.parameters.get("seed"))


def held() -> Mapping[str, Any]:
    """What the fields hold now, by their keys: texts, and the rest."""
    return {"texts": {key: st.session_state.get(key) or "" for key in _TEXTS},
            "rest": {key: st.session_state.get(key) for key in (_RECORDS, _SEED, _MODE)}}


def put_back(kept: Mapping[str, Any]) -> None:
    """The same from a browser, which may send anything: what fits its field."""
    texts, rest = (kept[name] if isinstance(kept.get(name), Mapping) else {}
                   for name in ("texts", "rest"))
    for key, most in _TEXTS.items():
        if isinstance(text := texts.get(key), str):
            st.session_state[key] = text[:most]
    for key in (_RECORDS, _SEED):
        if type(number := rest.get(key)) is int and abs(number) <= _MOST:
            st.session_state[key] = number
    if isinstance(mode := rest.get(_MODE), bool):
        st.session_state[_MODE] = mode


def prepare(preset: Mapping[str, Any] | None) -> None:
    """Before drawing: empty the form where asked; fill it once from DATAGEN_UI_TEST_PRESET."""
    if st.session_state.pop(_CLEAR, False):
        _set("", "", "", _DEFAULT_RECORDS, False)
    if taken := st.session_state.pop(_TAKE, None):
        _set(*taken)
    if preset is None or st.session_state.get(_PRESET_DONE):
        return
    st.session_state[_PRESET_DONE] = True
    records = preset.get("totalRecords", _DEFAULT_RECORDS)
    _set(str(preset.get("title", "")), str(preset.get("description", "")),
         str(preset.get("instructions", "")),
         records if isinstance(records, int) else _DEFAULT_RECORDS,
         preset.get("datasetMode") is True)


def draw(settings: Settings, problems: Sequence[Problem]) -> DraftRequest:
    """Draw the fields, with what is wrong beneath each, and return what they hold now."""
    st.session_state.setdefault(_RECORDS, min(_DEFAULT_RECORDS, settings.max_records_per_job))
    title = st.text_input(
        "Title", key=_TITLE, max_chars=MAX_TITLE, persist_state="session",
        placeholder="Support tickets")
    components.complain(problems, "title")
    description = st.text_area(
        "What is one record?", key=_DESCRIPTION, max_chars=MAX_DESCRIPTION, height=96,
        persist_state="session",
        placeholder="A support ticket of an online shop, as a customer wrote it.")
    components.complain(problems, "description")
    instructions = st.text_area(
        "Instructions", key=_INSTRUCTIONS, max_chars=MAX_INSTRUCTIONS, height=140,
        persist_state="session",
        placeholder="Fields: ticket id, subject, message, priority (low, normal, urgent) … "
                    "Tone, languages, what must vary, what must never appear.")
    components.complain(problems, "instructions")
    left, middle, right = st.columns(3)
    with left:
        records = st.number_input(
            # no bounds: a widget keeps silently to its last value where one is overstepped
            "Number of records", key=_RECORDS, step=10, persist_state="session",
            help=f"At most {settings.max_records_per_job:,} here; the limit is "
                 "`DATAGEN_MAX_RECORDS_PER_JOB`.")
        components.complain(problems, "totalRecords")
    with middle:
        seed = st.number_input(
            "Seed", key=_SEED, value=None, step=1, placeholder="any", persist_state="session",
            help="With one seed and one schema the model is asked the same again: one that is "
                 "deterministic gives the same records.")
        components.complain(problems, "inferenceParams.seed")
    with right:
        st.space("small")
        mode = st.toggle(
            "Dataset mode", key=_MODE, persist_state="session",
            help="For training and testing models: every record carries a ground-truth "
                 "`label`, which no other field gives away.")
    return DraftRequest(title=title or "", description=description or "",
                        instructions=instructions or "", total_records=int(records),
                        dataset_mode=mode,
                        parameters={} if seed is None else {"seed": int(seed)})


def _set(title: str, description: str, instructions: str, records: int, mode: bool,
         seed: int | None = None) -> None:
    values = {_TITLE: title, _DESCRIPTION: description, _INSTRUCTIONS: instructions,
              _RECORDS: min(records, 10**9), _SEED: seed, _MODE: mode}
    for key, value in values.items():
        st.session_state[key] = value
