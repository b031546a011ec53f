"""Why records of a finished job failed: by reason, each with the replies, page by page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial

import streamlit as st

from datagen.domain.users import User
from datagen.services.datasets import Failure, FailureGroup
from datagen.ui import components
from datagen.ui.session import app
from datagen.ui.words import count, plain

REASONS = 20  # on one page
EACH = 10  # records of one reason on one page


def draw(user: User, job_id: str) -> None:
    """Nothing where none failed. Raises StoreError while they can't be read."""
    services = app()
    groups = services.patience.ask(
        ("failures", user, job_id), partial(services.datasets.failure_groups, user, job_id))
    if not groups:
        return
    st.markdown("#### Failures")
    start = (_page("failures_page", len(groups), REASONS) - 1) * REASONS
    for group in groups[start : start + REASONS]:
        with st.expander(f"{count(group.count, 'record')}: {plain(group.reason)}"):
            _group(user, job_id, group)
    _pages("failures_page", len(groups), REASONS)


def _group(user: User, job_id: str, group: FailureGroup) -> None:
    key = page_key(job_id, group.reason)
    opened = f"{key}_opened"
    if not st.session_state.get(opened):
        _replies(group.examples)
        if group.count > len(group.examples):
            st.button(f"Show all {group.count:,}", icon=":material/unfold_more:",
                      key=f"{opened}_button", on_click=_open, args=(opened,))
        return
    services, page = app(), _page(key, group.count, EACH)
    with st.spinner("Reading the replies …"):
        found = services.patience.ask(
            ("failures", user, job_id, group.reason, page),
            partial(services.datasets.failures_of, user, job_id, group.reason,
                    offset=(page - 1) * EACH, limit=EACH))
    _replies(found)
    _pages(key, group.count, EACH)


def page_key(job_id: str, reason: str) -> str:
    """Where the page of one group is kept."""
    mark = hashlib.sha256(f"{job_id} {reason}".encode()).hexdigest()
    return f"failures_page_{mark[:12]}"


def _open(name: str) -> None:
    st.session_state[name] = True


def _page(key: str, number: int, size: int) -> int:
    last = -(-number // size)
    return min(int(st.session_state.get(key, 1)), last)


def _pages(key: str, number: int, size: int) -> None:
    if number > size:
        st.pagination(-(-number // size), key=key)


def _replies(failures: Iterable[Failure]) -> None:
    for item in failures:
        st.markdown(f"Record {item.index + 1:,}: {plain(item.message)}")
        if item.raw:
            st.code(item.raw, language=None, wrap_lines=True)
        else:
            components.quiet("No reply was kept.")
