"""The keys of the hash store, each with its one writer (DATA.md, section 1)."""

from __future__ import annotations

JOBS = "datagen:jobs"  # job id -> Job; the creator's worker
PEERS = "datagen:peers"  # peer id -> beat; that peer's worker
METRICS = "datagen:metrics"  # {peer}:{disk id} -> counters; that peer's worker

# Topics of the desk, the notes between the processes of one replica.
DESK_JOBS = "jobs"  # draft id -> Job: confirmed, to be published by the worker
DESK_CREATED = "created"  # job id -> "": made here, this replica's worker closes it
DESK_ASKED = "asked"  # {job id}:{what} -> request; asked here, or heard of from another peer
DESK_DELETED = "deleted"  # job id -> "": deleted for good; kept for ever, ids never come back
DESK_REVOKED = "revoked"  # session id -> expiry: sessions that were ended


def job_peers(job_id: str) -> str:
    """Hash peer id -> PeerState; each field written by that peer's worker."""
    return f"datagen:job:{job_id}:peers"


def job_control(job_id: str) -> str:
    """Hash peer id -> what was asked of a job; each field written by that peer's worker."""
    return f"datagen:job:{job_id}:control"


def user_jobs(username: str) -> str:
    """Hash job id -> short projection; the creator's worker."""
    return f"datagen:user:{username}:jobs"
