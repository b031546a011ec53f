"""What a person looks for among their jobs: words of the title, a status, an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from datagen.services.job_list import Kind, Order, kind, listed
from datagen.services.jobs import JobView

FEW = 4  # jobs that are seen at a glance
PAGE = "jobs_page"
_SEARCH, _KINDS, _ORDER = "jobs_search", "jobs_kinds", "jobs_order"
_LABELS: Mapping[Kind, str] = {
    "open": "Running or waiting", "done": "Done", "failed": "Failed", "cancelled": "Cancelled"}
_ORDERS: Mapping[Order, str] = {
    "newest": "Newest first", "oldest": "Oldest first", "unfinished": "Running first",
    "largest": "Most records first", "title": "By title"}


def draw(views: Sequence[JobView]) -> list[JobView]:
    """Draw the controls, and return the jobs that they ask for, in their order."""
    if len(views) <= FEW and not _is_filtered():
        return list(views)
    counts = {name: sum(kind(view) == name for view in views) for name in _LABELS}
    with st.container(horizontal=True, vertical_alignment="bottom", key="job_filter"):
        search = st.text_input(
            "Search", key=_SEARCH, placeholder="Search titles", label_visibility="collapsed",
            icon=":material/search:", on_change=_to_the_first_page, persist_state="session",
            max_chars=200)
        kinds = st.pills(
            "Status", [name for name in _LABELS if counts[name] or name in _chosen()],
            selection_mode="multi", key=_KINDS, label_visibility="collapsed",
            format_func=lambda name: f"{_LABELS[name]} · {counts[name]:,}",
            on_change=_to_the_first_page, persist_state="session")
        order = st.selectbox(
            "Order", list(_ORDERS), key=_ORDER, format_func=_ORDERS.__getitem__, width=190,
            label_visibility="collapsed", on_change=_to_the_first_page, persist_state="session")
    return listed(views, search=search or "", kinds=kinds or (), order=order or "newest")


def nothing_found() -> None:
    """The state of a list that holds jobs, none of which is asked for."""
    st.info("No job of yours matches. Search for other words, or show all of them.",
            icon=":material/search_off:")
    st.button("Show all jobs", icon=":material/filter_alt_off:", on_click=_reset)


def _is_filtered() -> bool:
    return bool(st.session_state.get(_SEARCH) or _chosen())


def _chosen() -> Sequence[Kind]:
    return st.session_state.get(_KINDS) or ()


def _to_the_first_page() -> None:
    st.session_state[PAGE] = 1


def _reset() -> None:
    st.session_state[_SEARCH], st.session_state[_KINDS] = "", []
    _to_the_first_page()
