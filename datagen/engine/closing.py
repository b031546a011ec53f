"""What the creator's worker makes of all the peers' words (DATA.md, sections 1 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from datagen.domain.jobs import Job, PeerState, shares


def projected(job: Job, states: Mapping[str, PeerState], now: datetime) -> Job:
    """The job's next entry in the list; the same job where nothing is to be written.

    ``running`` from the first start on; final once every peer finished its share:
    ``succeeded`` with full coverage and at least one good record, else ``failed`` and why.
    """
    if job.is_over:
        return job
    known = {
        peer: states[peer]
        for peer, share in shares(job.total_records, job.peers).items()
        if peer in states and len(share)
    }
    starts = [state.started_at for state in known.values() if state.started_at]
    ends = [state.finished_at for state in known.values() if state.finished_at]
    if len(ends) == min(len(job.peers), job.total_records):  # a peer without records blocks nobody
        return _closed(job, known, min(starts, default=None), max(ends, default=now), now)
    if starts and job.status == "queued":
        return replace(job, status="running", started_at=min(starts), updated_at=now)
    return job


def _closed(
    job: Job,
    states: Mapping[str, PeerState],
    started_at: datetime | None,
    finished_at: datetime,
    now: datetime,
) -> Job:
    ok = sum(state.generated_ok for state in states.values())
    failed = sum(state.generated_failed for state in states.values())
    asked = shares(job.total_records, job.peers)
    covered = all(
        state.generated == len(state.share) == len(asked[peer]) for peer, state in states.items()
    )
    error = None
    if not covered:
        error = (
            f"Only {ok + failed} of {job.total_records} records were generated. "
            "Create the dataset again."
        )
    elif not ok:
        error = _why_none(states)
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
    )


def _why_none(states: Mapping[str, PeerState]) -> str:
    reasons = [state.errors[-1].message for state in states.values() if state.errors]
    reason = f" The last reason: {reasons[-1]}" if reasons else ""
    return (
        "Not one record could be used: no answer of the model fits the schema."
        f"{reason} Simplify the schema or use a stronger model, then create the dataset again."
    )
