"""Jobs: a card per job of the user, newest first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from datagen.domain.errors import StoreError
from datagen.domain.examples import EXAMPLES
from datagen.services.jobs import JobView
from datagen.ui import components, dataset_form, job_actions, job_filter, pages
from datagen.ui.session import app, require_user
from datagen.ui.words import count, plain

CARDS = 10  # per page of the list

user = require_user()
services = app()
job_actions.say_deleted()

with st.container(horizontal=True, vertical_alignment="center",
                  horizontal_alignment="distribute"):
    components.title("Jobs")
    if st.button("New dataset", icon=":material/add:", type="primary"):
        st.switch_page(pages.NEW)


def draw_examples() -> None:
    """The first visit: something ready to start from."""
    st.markdown("You have no jobs yet. Describe your own dataset, or start from an example:")
    for column, example in zip(st.columns(len(EXAMPLES)), EXAMPLES, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{plain(example.title)}**")
            components.quiet(example.description)
            if st.button("Use this example", key=f"example_{example.title}",
                         icon=":material/bolt:"):
                dataset_form.fill(example)
                st.switch_page(pages.NEW)
    components.weak_model_note()


def draw_totals(views: Sequence[JobView]) -> None:
    """Figures over all of the user's jobs."""
    components.figures({
        "Datasets": f"{sum(v.job.status == 'succeeded' for v in views):,}",
        "Running or waiting": f"{sum(not v.job.is_over for v in views):,}",
        "Records made": f"{sum(v.progress.ok for v in views):,}",
        "Records asked for": f"{sum(v.progress.total for v in views):,}",
    } | ({"Records failed": f"{sum(v.progress.failed for v in views):,}"}
         if services.settings.show_failures else {}))


def interval() -> float:
    """Seconds between two refreshes: quick while something runs, or nothing was read yet."""
    try:
        busy = any(not view.job.is_over for view in services.jobs.list(user))
    except StoreError:
        return components.SOON
    settings = services.settings
    return settings.active_poll_seconds if busy else settings.idle_poll_seconds


every = interval()


@st.fragment(run_every=every)
def draw_jobs() -> None:
    """The live part."""
    require_user()  # a fragment runs without the page, for as long as the tab asks
    try:
        views = services.jobs.list(user)
    except StoreError as exc:
        components.not_yet("Your jobs can't be shown yet", exc)
        return
    if interval() != every:
        st.rerun()
    if not views:
        draw_examples()
        return
    draw_totals(views)
    chosen = job_filter.draw(views)
    if not chosen:
        job_filter.nothing_found()
        return
    shown = st.session_state.get(job_filter.PAGE, 1)
    last = max(1, -(-len(chosen) // CARDS))
    start = (min(shown, last) - 1) * CARDS
    for view in chosen[start : start + CARDS]:
        components.job_card(view)
    if last > 1:
        st.pagination(last, key=job_filter.PAGE)
    if len(views) > job_filter.FEW:
        of = f" of {count(len(views), 'job')}" if len(chosen) < len(views) else ""
        components.quiet(f"{len(chosen):,}{of}" if of else count(len(views), "job"))


draw_jobs()
