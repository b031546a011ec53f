"""What a job's page draws: figures, records in flight, peers, failures, what was asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from datagen.domain.jobs import JobDetails, PeerState, shares
from datagen.domain.peers import peer_name
from datagen.domain.reasons import kind
from datagen.services.datasets import FailureGroup
from datagen.services.jobs import JobView
from datagen.ui import components
from datagen.ui.session import app
from datagen.ui.words import count, duration, plain

MOST_REASONS = 20  # told apart on a finished job's page


def figures(view: JobView, now: datetime) -> None:
    """Badge, bar, four figures, and why nothing moves where that is so."""
    components.status_badge(view)
    st.progress(components.fraction(view))
    progress, rate = view.progress, view.rate
    left = None if view.is_ending else view.eta
    label, time = "Time left", duration(left) if left is not None else "—"
    if view.job.is_over:
        label, time = "Time taken", "—"
        if progress.started_at and progress.finished_at:
            seconds = (progress.finished_at - progress.started_at).total_seconds()
            time, rate = duration(seconds), progress.done / max(seconds, 0.001)
    components.figures({
        "Records": f"{progress.done:,} / {progress.total:,}",
        "Failed": f"{progress.failed:,}",
        "Records per second": f"{rate:.1f}" if rate else "—",
        label: time,
    })
    if view.job.was_cancelled:
        st.info(plain(view.job.error or ""), icon=":material/stop_circle:")
    elif view.job.error:
        st.error(plain(view.job.error), icon=":material/error:")
    if view.job.is_over:
        return
    if view.is_ending:
        st.info("The job is being ended; what was generated is kept." if view.known_by else
                "The worker was asked to end the job. What was generated is kept.",
                icon=":material/stop_circle:")
    if view.waiting:
        st.warning(plain(view.waiting), icon=":material/hourglass_empty:")
    troubles = Counter(state.trouble for state in view.states.values() if state.trouble)
    for trouble, times in troubles.items():
        on = f" On {times} peers." if times > 1 else ""
        st.warning(plain(trouble) + on, icon=":material/pause_circle:")
    if progress.started_at:
        components.quiet(f"Running for {duration((now - progress.started_at).total_seconds())}")


def in_flight(view: JobView, now: datetime) -> None:
    """Each record that waits for its answer."""
    st.markdown("#### In flight")
    rows: list[dict[str, object]] = [
        {"Record": item.index + 1, "Attempt": item.attempt,
         "Seconds": max((now - item.started_at).total_seconds(), 0)}
        for item in view.progress.in_flight
    ]
    if not rows:
        components.quiet("No record is waiting for an answer.")
        return
    _table(rows, {"Seconds": st.column_config.NumberColumn(format="%.0f")})
    components.quiet("As of the last progress write.")


def peers(view: JobView) -> None:
    """What every peer did."""
    st.markdown("#### Peers")
    here = app().settings.peer_id if len(view.job.peers) > 1 else None
    rows: list[dict[str, object]] = []
    for peer, share in shares(view.job.total_records, view.job.peers).items():
        state = view.states.get(peer) or PeerState(peer_id=peer, share=share)
        rows.append({
            "Peer": f"{peer_name(peer)} (here)" if peer == here else peer_name(peer),
            "Share": f"{share.start + 1:,} to {share.end:,}" if len(share) else "none",
            "Ok": state.generated_ok,
            "Failed": state.generated_failed,
            "Calls": state.calls,
            "Tokens": state.prompt_tokens + state.completion_tokens,
            "Started": components.moment(state.started_at),
            "Last word": "none yet" if state.last_update_at is None else components.moment(
                state.last_update_at),
        })
    _table(rows, {"Tokens": st.column_config.NumberColumn(format="localized")})


def converted(view: JobView) -> None:
    """How many values of another type than asked for were converted, by field; if any."""
    totals: Counter[str] = Counter()
    for state in view.states.values():
        totals.update(state.coerced)
    if not totals:
        return
    st.markdown("#### Values converted")
    _table([{"Field": name, "Values": number} for name, number in totals.most_common()],
           {"Values": st.column_config.NumberColumn(format="localized")}, most=10)
    components.quiet("The model wrote them in another form, such as a number between quotes. "
                     "Nothing was lost.")


def latest_failures(view: JobView) -> None:
    """The latest failures of a running job, newest first, each reason once."""
    errors = [error for state in view.states.values() for error in state.errors]
    if not errors:
        return
    st.markdown("#### Latest failures")
    alike = defaultdict(list)
    for error in reversed(errors):
        alike[kind(error.message)].append(error)
    _table([{"Records": ", ".join(f"{e.index + 1:,}" for e in found),
             "Reason": found[0].message if len(found) == 1 else reason}
            for reason, found in alike.items()],
           {"Records": st.column_config.TextColumn(width="small")}, most=10)


def failures(groups: Sequence[FailureGroup]) -> None:
    """The failures of a finished job by reason, each with the replies of some records."""
    if not groups:
        return
    st.markdown("#### Failures")
    for group in groups[:MOST_REASONS]:
        with st.expander(f"{count(group.count, 'record')}: {plain(group.reason)}"):
            for item in group.examples:
                st.markdown(f"Record {item.index + 1:,}: {plain(item.message)}")
                if item.raw:
                    st.code(item.raw, language=None, wrap_lines=True)
                else:
                    components.quiet("No reply was kept.")
            if group.count > len(group.examples):
                components.quiet(f"The first {len(group.examples)} of "
                                 f"{count(group.count, 'record')}.")
    if len(groups) > MOST_REASONS:
        rest = sum(group.count for group in groups[MOST_REASONS:])
        components.quiet(f"And {count(rest, 'record')} for rarer reasons.")


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
            ("Schema drafted in", duration(job.schema_duration_ms / 1000)),
            ("Drafted again",
             count(job.schema_refreshes, "time") if job.schema_refreshes else "never"),
            ("Dataset mode", "yes, with a ground-truth label" if job.dataset_mode else "no"),
            ("Model server", asked.inference.base_url),
            ("Model", asked.inference.model or "the server's own choice"),
        ])


def _table(rows: Sequence[dict[str, object]], config: dict[str, Any], most: int = 48) -> None:
    st.dataframe(pd.DataFrame(rows), hide_index=True, placeholder="", column_config=config,
                 height=components.table_height(min(len(rows), most)))
