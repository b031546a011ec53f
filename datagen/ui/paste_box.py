"""Where a schema or sample records are given as a file or pasted, in place of a description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from datagen.domain.errors import InputError
from datagen.domain.schema import Inferred, read_pasted
from datagen.domain.schema.infer import MAX_PASTED
from datagen.ui import file_box
from datagen.ui.words import plain

_TEXT = "paste_text"


@dataclass(frozen=True, kw_only=True)
class Given:
    """A schema or a sample that takes the place of a description."""

    found: Inferred
    title: str = ""  # of the file it came in


def draw(*, again: bool) -> Given | None:
    """What was given, once a file is chosen or the button is pressed; None else.

    ``again``: there is a draft already, whose editor must not be pushed out of sight.
    """
    label = "Start again from a schema or a sample" if again else "Start from a schema or a sample"
    with st.expander(label, icon=":material/upload_file:"):
        st.caption("No model is asked: types, formats and repeated values are read from it, and "
                   "what you give is not kept. You only need a title above; a file brings its own.")
        given = _read(_from_file)
        text = st.text_area(
            "Or paste a schema, records as JSON, or CSV", key=_TEXT, height=180,
            max_chars=MAX_PASTED, placeholder='{"name": "Ann", "age": 41}   or   name,age …')
        if st.button("Use this", icon=":material/arrow_forward:", key="paste_use"):
            given = _read(lambda: Given(found=read_pasted(text or "")))
        return given


def _from_file() -> Given | None:
    file = file_box.draw()
    return Given(found=read_pasted(file.text), title=file.title) if file else None


def _read(source: Callable[[], Given | None]) -> Given | None:
    """What ``source`` gives; what is wrong with it is told in its place."""
    try:
        return source()
    except InputError as exc:
        st.markdown(f":red[:material/error: {plain(str(exc))}]")
        return None
