"""Pieces that more than one page draws."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st

from datagen.domain.errors import Problem
from datagen.services.jobs import JobView
from datagen.ui import pages
from datagen.ui.session import app, require_user
from datagen.ui.words import ago, code, count, duration, plain, when

SOON = 1.0  # seconds until a page that could not be read tries again

_BADGES = {
    "queued": ("Queued", "gray", ":material/schedule:"),
    "running": ("Running", "blue", ":material/progress_activity:"),
    "succeeded": ("Done", "green", ":material/check_circle:"),
    "failed": ("Failed", "red", ":material/error:"),
    "cancelled": ("Cancelled", "gray", ":material/stop_circle:"),
    "not_closed": ("Not closed", "orange", ":material/cloud_off:"),
    "ending": ("Cancelling …", "orange", ":material/progress_activity:"),
}


def title(text: str) -> None:
    """A page title; user text is never markup."""
    st.html(f'<div class="dg-title" role="heading" aria-level="1">{html.escape(text)}</div>')


def quiet(text: str) -> None:
    """A small grey line."""
    st.html(f'<div class="dg-quiet">{html.escape(text)}</div>')


def prose(text: str) -> None:
    """A user's or model's own text, line breaks kept, never markup."""
    st.html(f'<div class="dg-text">{html.escape(text)}</div>')


def busy(text: str, seconds: float) -> None:
    """Something is under way, for so long by now; what counts up is not read out."""
    st.html(f'<div class="dg-busy"><span role="status">{html.escape(text)}</span>'
            f'<span aria-hidden="true">{seconds:.0f} s</span></div>')


def status_badge(view: JobView) -> None:
    """The job's status as a word, a colour and an icon."""
    label, color, icon = _badge(view)
    st.badge(label, color=color, icon=icon)  # type: ignore[arg-type]  # the table above holds Streamlit's own names


def _badge(view: JobView) -> tuple[str, str, str]:
    if view.not_closed:
        return _BADGES["not_closed"]
    if view.is_ending:
        return _BADGES["ending"]
    return _BADGES["cancelled" if view.job.was_cancelled else view.progress.status]


def progress_line(view: JobView) -> str:
    """How far a job is: ``12 of 20 records · 3.1/s · 3 s left``."""
    progress = view.progress
    parts = [f"{progress.done:,} of {count(progress.total, 'record')}"]
    if view.round and not view.job.is_over:
        parts.append(f"round {view.round + 1}")
    if progress.status == "running" and view.rate and not view.is_ending:
        parts.append(f"{view.rate:.1f}/s")
        if view.eta is not None:
            parts.append(f"about {duration(view.eta)} left")
    if progress.failed and app().settings.show_failures:
        parts.append(f"{progress.failed:,} failed")
    return " · ".join(parts)


def times_line(view: JobView) -> str:
    """When a job was made, and how long it took."""
    job, now = view.job, app().clock.now()
    parts = [f"Created {ago(job.created_at, now)}"]
    if job.is_over and view.round:  # between two rounds it may have rested for days
        parts.append(f"{view.round + 1} rounds")
    elif job.finished_at and job.started_at:
        parts.append(f"took {duration((job.finished_at - job.started_at).total_seconds())}")
    elif view.since:
        seconds = (app().jobs.as_of() - view.since).total_seconds()
        parts.append(f"running for {duration(seconds)}")
    return " · ".join(parts)


def job_card(view: JobView) -> None:
    """One job of the list, collapsed."""
    job = view.job
    label, color, _ = _badge(view)
    wrong = view.not_closed or view.waiting
    waiting = f" · {wrong}" if wrong and not job.is_over else ""
    with st.container(border=True, gap="xxsmall"):
        st.page_link(pages.JOB, label=f"**{plain(job.title)}**", query_params={"id": job.id})
        st.html(  # one element: a page of cards must draw within a blink
            f'<div class="dg-bar" role="progressbar" aria-label="Progress" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{fraction(view) * 100:.0f}">'
            f'<div style="width: {fraction(view) * 100:.1f}%"></div></div>'
            f'<span class="dg-badge dg-{color}">{label}</span> <span class="dg-quiet">'
            f"{html.escape(f'{progress_line(view)} · {times_line(view)}{waiting}')}</span>"
        )


def fraction(view: JobView) -> float:
    """Progress between 0 and 1."""
    return min(view.progress.done / max(view.progress.total, 1), 1.0)


def same_tab(label: str, path: str) -> None:
    """A link that looks like a button and opens no other tab; both are our own words."""
    st.html(f'<a class="dg-button" href="{html.escape(path)}" target="_self">'
            f"{html.escape(label)}</a>", width="content")


def since(made: datetime) -> str | None:
    """When an account was made; the first admin's own date says nothing."""
    return None if made.year == 1970 else f"since {moment(made)}"


def table(rows: Sequence[dict[str, object]], config: Mapping[str, Any], most: int = 48) -> None:
    """A small table as high as its rows, of which at most ``most`` are seen at once.

    Whole numbers get separators, where ``config`` says nothing else.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    columns = pa.table({name: [row.get(name) for row in rows] for name in names})
    whole = {column.name: st.column_config.NumberColumn(format="localized")
             for column in columns.schema if pa.types.is_integer(column.type)}
    st.dataframe(columns, hide_index=True, placeholder="", column_config=whole | dict(config),
                 height=table_height(min(len(rows), most)))


def table_height(rows: int) -> int:
    """Pixels that show all rows and the header, without an empty tail."""
    return 33 * (rows + 1) + 4


def back_to_jobs(message: str) -> None:
    """The state of a page that has nothing to show, with the way out."""
    st.info(message, icon=":material/info:")
    st.page_link(pages.JOBS, label="Back to your jobs", icon=":material/arrow_back:")


def not_yet(what: str, exc: Exception) -> None:
    """Says that something can't be shown yet, on a page that tries again."""
    st.info(f"{what}; this page tries again by itself. {plain(str(exc))}",
            icon=":material/cloud_off:")


def redraw_soon() -> None:
    """Draw the whole page anew in a moment: there is more to come."""
    begun = app().clock.monotonic()

    @st.fragment(run_every=SOON)
    def wait() -> None:
        require_user()  # a fragment runs without the page, for as long as the tab asks
        if app().clock.monotonic() - begun >= SOON / 2:  # not while the page is drawn
            st.rerun()

    wait()


def figures(values: Mapping[str, str]) -> None:
    """A few numbers side by side; two in a row on a phone."""
    with st.container(key="figures"):
        for column, (label, value) in zip(st.columns(len(values)), values.items(), strict=True):
            column.metric(label, value, border=True)


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """A quiet two-column list of facts; what users typed is never markup."""
    frame = pd.DataFrame([(name, plain(value)) for name, value in pairs], columns=["", " "])
    st.table(frame, border="horizontal", hide_index=True, hide_header=True)


def moment(value: object) -> str:
    """A time in the reader's own zone, or a dash."""
    return when(value, st.context.timezone) if isinstance(value, datetime) else "—"


def complain(problems: Sequence[Problem], path: str, *, named: bool = False) -> None:
    """What is wrong with a field, beneath it; ``named``: with the field's name."""
    for problem in problems:
        if problem.path == path:
            name = f"{code(path)} " if named else ""
            st.markdown(f":red[:material/error: {name}{plain(problem.message)}]")


def weak_model_note() -> None:
    """Says once, where it matters, that the built-in model's texts are poor."""
    settings = app().settings
    if settings.mock_model:
        who = "The built-in sample model answers: its records fit the schema and mean nothing."
    elif settings.own_model:
        who = ("The small local model answers. It proves that everything works; "
               "its texts are poor.")
    else:
        return
    st.caption(f":material/info: {who} Connect a stronger one under *Models*.")
