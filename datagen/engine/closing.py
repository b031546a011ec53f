"""What the creator's worker makes of all the peers' words (DATA.md, sections 1 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from datagen.domain.asked import NOTHING, Asked, Request
from datagen.domain.jobs import Job, PeerState, shares


def projected(
    job: Job, states: Mapping[str, PeerState], now: datetime, *,
    asked: Asked = NOTHING, overdue: bool = False,
) -> Job:
    """The job's next entry in the list; the same job where nothing is to be written.

    ``running`` from the first start on; final once every peer finished its share, and when
    its end was ``asked`` for without those that are ``overdue``: ``succeeded`` with full
    coverage and at least one good record, else ``failed`` and why.
    """
    if job.is_over:
        return job
    known = {
        peer: states[peer]
        for peer, share in shares(job.total_records, job.peers).items()
        if peer in states and len(share)
    }
    starts = [state.started_at for state in known.values() if state.started_at]
    ended = {peer: state for peer, state in known.items() if state.finished_at}
    for state in known.values():  # who stopped may have heard of it first
        asked = asked.joined(state.asked)
    waited_for = min(len(job.peers), job.total_records)  # a peer without records blocks nobody
    if len(ended) == waited_for or (asked.end and overdue):
        return _closed(job, ended, min(starts, default=None), now, asked.end)
    if starts and job.status == "queued":
        return replace(job, status="running", started_at=min(starts), updated_at=now)
    return job


def _closed(
    job: Job,
    states: Mapping[str, PeerState],
    started_at: datetime | None,
    now: datetime,
    end: Request | None,
) -> Job:
    ok = sum(state.generated_ok for state in states.values())
    failed = sum(state.generated_failed for state in states.values())
    covered = all(
        peer in states and states[peer].generated == len(states[peer].share) == len(share)
        for peer, share in shares(job.total_records, job.peers).items() if len(share)
    )
    error = None
    if not covered:
        error = _why_some(job, ok, failed, end)
    elif not ok:
        error = _why_none(states)
    cancelled = None if covered else end
    finished_at = max((s.finished_at for s in states.values() if s.finished_at), default=now)
    spent = finished_at - (started_at or finished_at)
    return replace(
        job,
        status="failed" if error else "succeeded",
        total_generated=ok + failed,
        total_ok=ok,
        total_failed=failed,
        started_at=started_at,
        finished_at=finished_at,
        records_duration_ms=max(0, round(spent.total_seconds() * 1000)),
        updated_at=now,
        error=error,
        cancelled_at=cancelled.at if cancelled else None,
        cancelled_by=cancelled.by if cancelled else None,
    )


def _why_some(job: Job, ok: int, failed: int, end: Request | None) -> str:
    if end is None:
        return (f"Only {ok + failed} of {job.total_records} records were generated. "
                "Create the dataset again.")
    if not ok + failed:
        return f"Cancelled by {end.by} before the first record."
    kept = " What was generated is kept." if ok else ""
    return f"Cancelled by {end.by} after {ok + failed:,} of {job.total_records:,} records.{kept}"


def _why_none(states: Mapping[str, PeerState]) -> str:
    reasons = [state.errors[-1].message for state in states.values() if state.errors]
    reason = f" The last reason: {reasons[-1]}" if reasons else ""
    return (
        "Not one record could be used: no answer of the model fits the schema."
        f"{reason} Simplify the schema or use a stronger model, then create the dataset again."
    )
