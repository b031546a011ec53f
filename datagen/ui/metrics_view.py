"""What the metrics page draws, and what it says is not known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from datagen.domain.figures import Figures, Step, Window
from datagen.domain.users import User
from datagen.ui import charts, components, pages
from datagen.ui.session import app
from datagen.ui.words import count

_WINDOWS: Mapping[str, tuple[int, Step]] = {
    "14 days": (14, "day"), "30 days": (30, "day"), "90 days": (90, "day"),
    "12 months": (12, "month")}


def nothing_yet(user: User) -> None:
    """The state before the first job."""
    whose = "Nobody has" if user.role == "admin" else "You have"
    st.info(f"{whose} {'made a job' if user.role == 'admin' else 'no jobs'} yet: figures appear "
            "here with the first one.", icon=":material/monitoring:")
    st.page_link(pages.NEW, label="New dataset", icon=":material/add_circle:")


def totals(said: Mapping[str, Any]) -> None:
    """The API's totals."""
    components.figures({
        "Jobs": f"{said['totalJobs']:,}",
        "Running or waiting": f"{said['activeJobs']:,}",
        "Failed or cancelled": f"{said['failedJobs']:,}",
        "Records made": f"{said['totalRecordsGenerated']:,}",
        "Records asked for": f"{said['totalRecordsRequested']:,}",
    })
    latest = said["lastJobAt"]
    parts = [f"The latest job began on {components.moment(datetime.fromisoformat(latest))}"
             if latest else "No job has begun yet"]
    if "modelCalls" in said:
        parts.append(f"{count(said['modelCalls'], 'model call')} in all, "
                     f"{said['promptTokens']:,} tokens of prompts and "
                     f"{said['completionTokens']:,} of answers, as the workers last told")
    components.quiet(". ".join(parts) + ".")


def over_time(user: User, said: Mapping[str, Any]) -> None:
    """The charts. Raises StoreError."""
    chosen = st.segmented_control("Window", list(_WINDOWS), default="14 days", required=True,
                                  label_visibility="collapsed", key="metrics_window")
    steps, step = _WINDOWS[chosen or "14 days"]
    zone, named = _zone()
    window = Window.until(app().clock.now(), steps=steps, step=step, zone=zone)
    found = app().figures.seen_by(user, window)
    if not any(one.jobs for one in found.steps.values()):
        st.info(f"No job of these {chosen}.", icon=":material/info:")
    else:
        _charts(found, step)
    components.quiet(" ".join(_said(user, found, step, named, said)))


def _charts(found: Figures, step: Step) -> None:
    st.markdown(f"#### Records by {step}")
    charts.records(found.steps, step)
    if any(one.usage.tokens for one in found.steps.values()):
        st.markdown(f"#### Tokens by {step}")
        charts.tokens(found.steps, step)
    with st.expander("As a table", icon=":material/table:"):
        charts.as_table(found.steps, step)
    if found.peers:
        st.markdown("#### By peer")
        charts.peers(found.peers)


def _said(
    user: User, found: Figures, step: Step, zone: str, said: Mapping[str, Any]
) -> Iterator[str]:
    """How it is counted, and what is left out."""
    yield (f"A job's records and tokens count in the {step} in which it ended, a running one's in "
           f"that of its latest progress ({zone}).")
    estimated = sum(one.usage.estimated_tokens for one in found.steps.values())
    if estimated:
        yield (f"{estimated:,} tokens are estimated from lengths, since the model server did not "
               "count them.")
    if found.uncounted:
        yield (f"Tokens and calls of {count(found.uncounted, 'job')} are not known: an earlier "
               "version made them, or their peers can't be read.")
    if found.unread:
        yield f"Of {count(found.unread, 'job')} nobody knows which peer made what."
    if found.undated.jobs:
        yield (f"{count(found.undated.jobs, 'job')} with "
               f"{count(found.undated.ok + found.undated.failed, 'record')} ended nobody knows "
               "when: no chart has them.")
    if user.role != "admin":
        yield "Jobs that you deleted are not counted."
    elif said:
        yield from _only_in_totals(said)
    if len(found.peers) > 1:
        yield ("Records are told by share: a peer that helped another made some of the other's. "
               "Of a job that was retried, those of its latest round.")


def _only_in_totals(said: Mapping[str, Any]) -> Iterator[str]:
    left_out = said["totalJobs"] - len(app().jobs.snapshot().views)
    if left_out > 0:
        yield (f"The totals hold {count(left_out, 'job')} more than the charts can show: deleted "
               "ones, and what an earlier version had counted.")


def _zone() -> tuple[tzinfo, str]:
    """The reader's, and its name; UTC where it is unknown."""
    name = st.context.timezone
    try:
        return (ZoneInfo(name), name) if name else (UTC, "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC, "UTC"


