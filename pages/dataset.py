"""One dataset: the whole table, page by page, and what each column holds."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import Conflict, NotThere, StoreError, TooWide
from datagen.services.datasets import Column, ColumnProfile, Page
from datagen.ui import components, downloads, pages, table
from datagen.ui.session import app, require_user
from datagen.ui.words import count, plain

user = require_user()
services = app()
job_id = st.query_params.get("id", "")


def read() -> tuple[Page, tuple[tuple[Column, ...], tuple[ColumnProfile, ...]] | None]:
    """What fetches the files; a large dataset's first rows are there before its table is."""
    return services.datasets.page(user, job_id), services.datasets.known(user, job_id)


try:
    view = services.jobs.known(user, job_id)
    job = view.offered or view.job
    with st.spinner("Reading the dataset …"):
        first, known = services.patience.ask(("dataset", user, job_id), read)
except NotThere:
    components.back_to_jobs("There is no such dataset among yours.")
    st.stop()
except TooWide as exc:
    components.title(job.title)
    st.info(str(exc), icon=":material/view_column:")
    downloads.box(view)
    st.stop()
except Conflict:
    st.info("This dataset isn't finished yet; its table appears here when it is.",
            icon=":material/hourglass_empty:")
    components.redraw_soon()
    st.page_link(pages.JOB, label="Watch its progress", query_params={"id": job_id},
                 icon=":material/arrow_back:")
    st.stop()
except StoreError as exc:
    components.not_yet("The dataset can't be read yet", exc)
    components.redraw_soon()
    st.stop()

with st.container(horizontal=True, vertical_alignment="center",
                  horizontal_alignment="distribute"):
    with st.container(width="content", gap=None):
        components.title(job.title)
        failed = f" · {count(job.total_failed, 'record')} failed and left out" \
            if job.total_failed else ""
        cut = f" · cancelled after {job.total_generated:,} of " \
            f"{count(job.total_records, 'record')}" if job.was_cancelled else ""
        components.quiet(f"{count(job.total_ok, 'row')} · "
                         f"{count(len(first.columns), 'column')}{failed}{cut}")
    with st.container(horizontal=True, width="content"):
        if st.button("Job", icon=":material/list_alt:"):
            st.switch_page(pages.JOB, query_params={"id": job_id})
        downloads.box(view)
if view.not_closed:
    st.warning(plain(view.not_closed), icon=":material/cloud_off:")
elif not view.job.is_over:
    components.quiet(f"Round {view.round + 1} makes other records; this is the dataset as it was.")

if not job.total_ok:
    components.back_to_jobs(
        "This job was cancelled before it had a record, so there is no table."
        if job.was_cancelled else
        "No record of this job succeeded, so there is no table. "
        "Its page tells why each record failed.")
    st.stop()

if known is None:
    components.quiet("These are the first rows. Searching, sorting and filtering come in a "
                     "moment: all rows are being read for them.")
    table.draw(first)
    components.redraw_soon()
    st.stop()
columns, profiles = known
rows_tab, columns_tab = st.tabs(["Rows", "Columns"])
with rows_tab:
    choice = table.controls(columns, profiles)
    result = services.datasets.page(
        user, job_id, offset=choice.offset, limit=choice.limit, sort=choice.sort,
        descending=choice.descending, search=choice.search, filters=choice.filters,
    )
    table.draw(result)
    table.pages(result.matching, result.total, choice.limit)
with columns_tab:
    table.profiles(profiles)
