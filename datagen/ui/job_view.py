"""What a job's page draws: figures, values converted, latest failures, what was asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime

import streamlit as st

from datagen.domain.jobs import JobDetails
from datagen.domain.reasons import kind
from datagen.services.jobs import JobView
from datagen.ui import components
from datagen.ui.words import count, drafted_in, duration, plain


def figures(view: JobView, now: datetime) -> None:
    """Badge, bar, four figures, then how it ended, or why nothing moves where that is so."""
    components.status_badge(view)
    st.progress(components.fraction(view))
    progress, rate = view.progress, view.rate
    left = None if view.is_ending or view.not_closed else view.eta
    label, time = "Time left", duration(left) if left is not None else "—"
    if view.job.is_over:
        label, time, rate = _spent(view)
    elif view.not_closed:
        rate = None
    components.figures({
        "Records": f"{progress.done:,} / {progress.total:,}",
        "Failed": f"{progress.failed:,}",
        "Records per second": f"{rate:.1f}" if rate else "—",
        label: time,
    })
    if view.job.is_over:
        _end(view)
        return
    _asked(view)
    _obstacles(view)
    if view.since and not view.not_closed:
        components.quiet(f"Running for {duration((now - view.since).total_seconds())}")


def _spent(view: JobView) -> tuple[str, str, float | None]:
    """The last figure of a job that is over, and its records per second."""
    progress = view.progress
    if view.round:  # between two rounds it may have rested for days
        return "Rounds", f"{view.round + 1}", None
    if not (progress.started_at and progress.finished_at):
        return "Time taken", "—", None
    seconds = (progress.finished_at - progress.started_at).total_seconds()
    return "Time taken", duration(seconds), progress.done / max(seconds, 0.001)


def _end(view: JobView) -> None:
    """What is worth a word of a job's end."""
    if view.edition and view.edition.forced:
        st.info("Closed by hand while too few of its peers could be reached.",
                icon=":material/task_alt:")
    if view.job.was_cancelled:
        st.info(plain(view.job.error or ""), icon=":material/stop_circle:")
    elif view.job.error:
        st.error(plain(view.job.error), icon=":material/error:")


def _obstacles(view: JobView) -> None:
    """Why nothing moves, or the end does not come."""
    if view.not_closed:
        st.warning(f"{plain(view.not_closed)} Files downloaded now are named “not-closed”.",
                   icon=":material/cloud_off:")
    elif view.waiting:
        st.warning(plain(view.waiting), icon=":material/hourglass_empty:")
    troubles = Counter(state.trouble for state in view.states.values() if state.trouble)
    for trouble, times in troubles.items():
        on = f" On {times} peers." if times > 1 else ""
        st.warning(plain(trouble) + on, icon=":material/pause_circle:")


def _asked(view: JobView) -> None:
    """What people asked of an open job, and whether that can still be lost."""
    unknown = "" if view.is_known else " No other peer knows of it yet."
    if view.round and view.edition:
        st.info(f"Round {view.round + 1}: making "
                f"{count(view.job.total_records - view.edition.ok, 'record')} again; the dataset "
                f"as it was can be downloaded until it is done.{unknown}",
                icon=":material/replay:")
    if view.is_ending:
        st.info(("The job is being ended; what was generated is kept." if view.known_by else
                 "The worker was asked to end the job. What was generated is kept.") + unknown,
                icon=":material/stop_circle:")
    if view.is_closing:
        st.info("The worker was asked to close the job as it is.", icon=":material/task_alt:")


def converted(view: JobView) -> None:
    """How many values of another type than asked for were converted, by field; if any."""
    totals: Counter[str] = Counter()
    for state in view.states.values():
        totals.update(state.coerced)
    if not totals:
        return
    st.markdown("#### Values converted")
    components.table([{"Field": name, "Values": number} for name, number in totals.most_common()],
                     {}, most=10)
    components.quiet("The model wrote them in another form, such as a number between quotes. "
                     "Nothing was lost.")


def latest_failures(view: JobView) -> None:
    """The latest failures of a running job, newest first, each reason once."""
    errors = [error for state in view.states.values() for error in state.errors]
    if not errors or view.round:  # peers tell those of the first round alone
        return
    st.markdown("#### Latest failures")
    alike = defaultdict(list)
    for error in reversed(errors):
        alike[kind(error.message)].append(error)
    components.table([{"Records": ", ".join(f"{e.index + 1:,}" for e in found),
             "Reason": found[0].message if len(found) == 1 else reason}
            for reason, found in alike.items()],
           {"Records": st.column_config.TextColumn(width="small")}, most=10)


def details(view: JobView, asked: JobDetails) -> None:
    """What was asked for, in the user's own words, and the job's facts."""
    job = view.job
    left, right = st.columns(2)
    with left:
        st.markdown("#### Description")
        components.prose(asked.description)
        st.markdown("#### Instructions")
        components.prose(asked.instructions)
    with right:
        st.markdown("#### Facts")
        components.facts([
            ("Created", components.moment(job.created_at)),
            ("Started", components.moment(job.started_at)),
            ("Finished", components.moment(job.finished_at)),
            ("Schema drafted in", drafted_in(job.schema_duration_ms)),
            ("Drafted again",
             count(job.schema_refreshes, "time") if job.schema_refreshes else "never"),
            ("Dataset mode", "yes, with a ground-truth label" if job.dataset_mode else "no"),
            ("Model server", asked.inference.base_url + (
                ", your model profile" if asked.inference.use_external_api else "")),
            ("Model", asked.inference.model or "the server's own choice"),
        ])
