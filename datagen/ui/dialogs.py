"""Questions over a page; while one is open no toast appears, since it would take its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

_OPEN = "dialogs.open"
P = ParamSpec("P")


def asks(
    title: str, *, then: Callable[[], object] = lambda: None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Makes a dialog of a function; ``then`` is called when somebody closes it unanswered."""
    def closed() -> None:
        begin()
        then()

    def wrap(draw: Callable[P, None]) -> Callable[P, None]:
        shown = st.dialog(title, on_dismiss=closed)(draw)

        def ask(*args: P.args, **kwargs: P.kwargs) -> None:
            st.session_state[_OPEN] = True
            shown(*args, **kwargs)

        return ask

    return wrap


def begin() -> None:
    """A page is drawn anew: what it does not ask again is closed."""
    st.session_state.pop(_OPEN, None)


def is_open() -> bool:
    """Whether a question stands over the page."""
    return _OPEN in st.session_state
