"""Where a schema or sample records are pasted in place of a description."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import InputError
from datagen.domain.schema import Inferred, read_pasted
from datagen.domain.schema.infer import MAX_PASTED
from datagen.ui.words import plain

_TEXT = "paste_text"


def draw() -> Inferred | None:
    """The schema of what was pasted, once its button is pressed; None else."""
    with st.expander("Start from a schema or a sample", icon=":material/content_paste:"):
        text = st.text_area(
            "Paste a schema, records as JSON, or CSV", key=_TEXT, height=180, max_chars=MAX_PASTED,
            placeholder='{"name": "Ann", "age": 41}   or   name,age …')
        st.caption("No model is asked: types, formats and repeated values are read from it, and "
                   "what you paste is not kept. You only need a title above.")
        pressed = st.button("Use this", icon=":material/arrow_forward:", key="paste_use")
        if not pressed:
            return None
        try:
            return read_pasted(text or "")
        except InputError as exc:
            st.markdown(f":red[:material/error: {plain(str(exc))}]")
            return None
