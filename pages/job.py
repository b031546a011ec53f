"""One job: live progress, then the way to its dataset; what was asked; what failed."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from datagen.domain.errors import DatagenError, NotThere
from datagen.services.jobs import JobView
from datagen.ui import components, pages
from datagen.ui.session import app, require_user
from datagen.ui.words import duration, plain

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
        st.error(f"{exc} Reload the page to try again.", icon=":material/cloud_off:")
        st.stop()


view = load()
with st.container(horizontal=True, vertical_alignment="center",
                  horizontal_alignment="distribute"):
    with st.container(width="content"):
        components.title(view.job.title)
    if view.job.is_over and view.job.total_ok:
        with st.container(horizontal=True, width="content"):
            if st.button("Open table", icon=":material/table_chart:"):
                st.switch_page(pages.DATASET, query_params={"id": job_id})
            components.download_buttons(job_id)


def draw_figures(now: JobView) -> None:
    """Badge, bar and four figures."""
    components.status_badge(now)
    st.progress(components.fraction(now))
    progress = now.progress
    took = "—"
    if progress.started_at:
        end = progress.finished_at or services.clock.now()
        took = duration((end - progress.started_at).total_seconds())
    left = duration(now.eta) if now.eta is not None and progress.status == "running" else "—"
    rate = now.rate
    if progress.started_at and progress.finished_at:
        rate = progress.done / max((progress.finished_at - progress.started_at).total_seconds(),
                                   0.001)
    figures = {
        "Records": f"{progress.done:,} / {progress.total:,}",
        "Failed": f"{progress.failed:,}",
        "Records per second": f"{rate:.1f}" if rate else "—",
        "Time left" if not now.job.is_over else "Time taken":
            left if not now.job.is_over else took,
    }
    for column, (label, value) in zip(st.columns(4), figures.items(), strict=True):
        column.metric(label, value, border=True)
    if now.job.error:
        st.error(plain(now.job.error), icon=":material/error:")
    elif now.waiting and not now.job.is_over:
        st.warning(plain(now.waiting), icon=":material/hourglass_empty:")
    for state in now.states.values():
        if state.trouble and not now.job.is_over:
            st.warning(plain(state.trouble), icon=":material/pause_circle:")


def draw_in_flight(now: JobView) -> None:
    """Each record that waits for its answer, as of the last progress write."""
    moment = services.clock.now()
    rows = [
        {"Record": f.index + 1, "Attempt": f.attempt,
         "Seconds": max((moment - f.started_at).total_seconds(), 0)}
        for f in now.progress.in_flight
    ]
    st.markdown("#### In flight")
    if not rows:
        components.quiet("No record is waiting for an answer.")
        return
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=components.table_height(len(rows)),
                 column_config={"Seconds": st.column_config.NumberColumn(format="%.0f")})
    components.quiet("As of the last progress write.")


def draw_peers(now: JobView) -> None:
    """What every peer did."""
    rows = []
    for peer in now.job.peers:
        state = now.states.get(peer)
        rows.append({
            "Peer": peer,
            "Share": f"{state.share.start + 1:,}-{state.share.end:,}" if state else "—",
            "Ok": state.generated_ok if state else 0,
            "Failed": state.generated_failed if state else 0,
            "Calls": state.calls if state else 0,
            "Tokens": state.prompt_tokens + state.completion_tokens if state else 0,
            "Last word": components.moment(state.last_update_at) if state else "—",
        })
    st.markdown("#### Peers")
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=components.table_height(len(rows)),
                 column_config={"Tokens": st.column_config.NumberColumn(format="localized")})


def draw_failures(now: JobView) -> None:
    """The latest failures with their reasons; a finished job shows the raw replies too."""
    if not now.progress.failed:
        return
    st.markdown("#### Latest failures")
    if now.job.is_over:
        for failure in services.datasets.failures(user, job_id, limit=20):
            with st.expander(f"Record {failure.index + 1}: {plain(failure.message)}"):
                if failure.raw:
                    st.code(failure.raw, language=None, wrap_lines=True)
                else:
                    components.quiet("No reply was kept.")
        return
    errors = [error for state in now.states.values() for error in state.errors]
    st.dataframe(pd.DataFrame(
        [{"Record": e.index + 1, "Reason": e.message} for e in reversed(errors)]
    ), hide_index=True)


poll = services.settings.active_poll_seconds


@st.fragment(run_every=None if view.job.is_over else poll)
def draw_progress() -> None:
    """The live part; a job that ends redraws the whole page once."""
    now = load()
    draw_figures(now)
    if now.job.is_over:
        draw_failures(now)
        draw_peers(now)
    else:
        left, right = st.columns([2, 5])
        with left:
            draw_in_flight(now)
        with right:
            draw_peers(now)
            draw_failures(now)
    if now.job.is_over and not view.job.is_over:
        st.rerun()


def draw_details() -> None:
    """What was asked for, in the user's own words."""
    details = services.jobs.details(user, job_id)
    job = view.job
    left, right = st.columns(2)
    with left:
        st.markdown("#### Description")
        components.prose(details.description)
        st.markdown("#### Instructions")
        components.prose(details.instructions)
    with right:
        st.markdown("#### Facts")
        components.facts([
            ("Created", components.moment(job.created_at)),
            ("Started", components.moment(job.started_at)),
            ("Finished", components.moment(job.finished_at)),
            ("Schema drafted in", duration(job.schema_duration_ms / 1000)),
            ("Drafted again", f"{job.schema_refreshes} times"),
            ("Dataset mode", "yes, with a ground-truth label" if job.dataset_mode else "no"),
            ("Model server", details.inference.base_url),
            ("Model", details.inference.model or "the server's own choice"),
        ])


progress_tab, schema_tab, details_tab = st.tabs(["Progress", "Schema", "Details"])
with progress_tab:
    draw_progress()
try:
    with schema_tab:
        st.json(services.jobs.details(user, job_id).schema, expanded=4)
    with details_tab:
        draw_details()
except DatagenError as exc:
    st.error(f"The job's description can't be read now. {plain(str(exc))}")
