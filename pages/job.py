"""One job: live progress, then the way to its dataset; what was asked; what failed."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import streamlit as st

from datagen.domain.errors import NotThere, StoreError
from datagen.services.jobs import JobView
from datagen.ui import (
    components,
    downloads,
    job_actions,
    job_progress,
    job_view,
    pages,
)
from datagen.ui.session import app, require_user

user = require_user()
services = app()
job_id = st.query_params.get("id", "")


def load() -> JobView:
    """The job as far as it can be read, or the end of the run with a way out."""
    try:
        with suppress(StoreError):  # then without what each peer did
            return services.jobs.get(user, job_id)
        return services.jobs.known(user, job_id)
    except NotThere:
        components.back_to_jobs("There is no such job among yours.")
        st.stop()
    except StoreError as exc:
        components.not_yet("This job can't be shown yet", exc)
        components.redraw_soon()
        st.stop()


view = load()
with st.container(horizontal=True, vertical_alignment="center",
                  horizontal_alignment="distribute"):
    with st.container(width="content", horizontal=True, vertical_alignment="center"):
        components.title(view.job.title)
        job_actions.rename_button(view)
    with st.container(horizontal=True, width="content"):
        with st.container(horizontal=True, width="content"):  # the box after it stays in its place
            job_actions.buttons(view)
            has_rows = bool(view.offered and view.offered.total_ok)
            if has_rows and st.button("Open table", icon=":material/table_chart:"):
                st.switch_page(pages.DATASET, query_params={"id": job_id})
        downloads.box(view)
job_actions.question(view)


def live(view: JobView) -> bool:
    """Whether there is more of it to come."""
    return not view.job.is_over or not view.states


def stage(view: JobView) -> object:
    """What the page around the live part depends on."""
    return (view.job.is_over, view.is_ending, view.is_closing, live(view), view.round,
            view.edition is None, view.not_closed is None, view.job.total_ok > 0)


@st.fragment(run_every=services.settings.active_poll_seconds if live(view) else None)
def draw_progress() -> None:
    """The live part; a job that ends, or is asked to, redraws the whole page once."""
    require_user()  # a fragment runs without the page, for as long as the tab asks
    latest, now = load(), services.jobs.as_of()
    if stage(latest) != stage(view) and not job_actions.is_being_typed(view):
        st.rerun()
    job_view.figures(latest, now)
    if not latest.job.is_over:
        job_progress.of_running(latest, now)
    elif live(latest):
        components.quiet("What each peer did can't be read yet; it appears by itself.")
    else:
        job_progress.of_finished(user, latest)


progress_tab, schema_tab, details_tab = st.tabs(["Progress", "Schema", "Details"])
with progress_tab:
    try:
        draw_progress()
    except StoreError as exc:
        components.not_yet("The failures can't be read yet", exc)
        components.redraw_soon()
try:
    asked = services.patience.ask(("details", user, job_id),
                                  partial(services.jobs.details, user, job_id))
except StoreError as exc:
    for tab in (schema_tab, details_tab):
        with tab:
            components.not_yet("What was asked for can't be read yet", exc)
    components.redraw_soon()
else:
    with schema_tab:
        st.json(asked.schema, expanded=4)
    with details_tab:
        job_view.details(view, asked)
