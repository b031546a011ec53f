"""One job: live progress, then the way to its dataset; what was asked; what failed."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import DatagenError, NotThere
from datagen.services.jobs import JobView
from datagen.ui import components, job_actions, job_view, pages
from datagen.ui.session import app, require_user
from datagen.ui.words import plain

user = require_user()
services = app()
job_id = st.query_params.get("id", "")


def load() -> JobView:
    """The job, or the end of the run with a way out."""
    try:
        return services.jobs.get(user, job_id)
    except NotThere:
        components.back_to_jobs("There is no such job among yours.")
        st.stop()
    except DatagenError as exc:
        st.error(f"{plain(str(exc))} Reload the page to try again.", icon=":material/cloud_off:")
        st.stop()


view = load()
with st.container(horizontal=True, vertical_alignment="center",
                  horizontal_alignment="distribute"):
    with st.container(width="content"):
        components.title(view.job.title)
    with st.container(horizontal=True, width="content"):
        if not view.job.is_over:
            job_actions.cancel_button(view)
        else:
            job_actions.delete_button(view)
            if view.job.total_ok:
                if st.button("Open table", icon=":material/table_chart:"):
                    st.switch_page(pages.DATASET, query_params={"id": job_id})
                components.download_buttons(job_id)


@st.fragment(run_every=None if view.job.is_over else services.settings.active_poll_seconds)
def draw_progress() -> None:
    """The live part; a job that ends, or is asked to, redraws the whole page once."""
    require_user()  # a fragment runs without the page, for as long as the tab asks
    latest, now = load(), services.clock.now()
    if latest.job.is_over != view.job.is_over or latest.is_ending != view.is_ending:
        st.rerun()
    job_view.figures(latest, now)
    if latest.job.is_over:
        if latest.job.total_failed:
            job_view.failures(services.datasets.failure_groups(user, job_id))
        job_view.peers(latest)
        job_view.converted(latest)
        return
    left, right = st.columns([2, 5])
    with left:
        job_view.in_flight(latest, now)
    with right:
        job_view.peers(latest)
        job_view.converted(latest)
        job_view.latest_failures(latest)


progress_tab, schema_tab, details_tab = st.tabs(["Progress", "Schema", "Details"])
with progress_tab:
    try:
        draw_progress()
    except DatagenError as exc:
        st.error(f"The failures can't be read now. {plain(str(exc))}")
try:
    asked = services.jobs.details(user, job_id)
except DatagenError as exc:
    st.error(f"The job's description can't be read now. {plain(str(exc))}")
else:
    with schema_tab:
        st.json(asked.schema, expanded=4)
    with details_tab:
        job_view.details(view, asked)
