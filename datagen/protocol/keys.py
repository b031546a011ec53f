"""The keys of the hash store, each with its one writer (DATA.md, section 1)."""

from __future__ import annotations

JOBS = "datagen:jobs"  # job id -> Job; the creator's worker
PEERS = "datagen:peers"  # peer id -> beat; that peer's worker
METRICS = "datagen:metrics"  # {peer}:{disk id} -> counters; that peer's worker
# The earlier application's, plain under the same name: totals over all its jobs; only read.
METRICS_BASELINE = METRICS
USERS = "datagen:users"  # user name -> UserIndex; the worker where they signed up
EMAILS = "datagen:user-email-index"  # e-mail -> user name, a hint; the same
MAIL_FAILURES = "datagen:register-mail-failures"  # e-mail -> undelivered sign-up mail; the same

# Topics of the desk, the notes between the processes of one replica.
DESK_JOBS = "jobs"  # draft id -> Job: confirmed, to be published by the worker
DESK_CREATED = "created"  # job id -> Job as it was handed over, "" if adopted: we close it
DESK_ASKED = "asked"  # {job id}:{what} -> request; asked here, or heard of from another peer
DESK_DELETED = "deleted"  # job id -> its owner and totals, or "": gone for good, the id too
DESK_STORED = "stored"  # id -> name of each file that the worker stored and did not remove
DESK_SAID = "said"  # hash and field -> our last word there, to be said again
DESK_PROFILES = "profiles"  # {user}:{number} -> what was saved here, to be told by the worker
DESK_REVOKED = "revoked"  # mark of a session -> its end: ended here or on another replica
DESK_COUNTED = "counted"  # disk id -> what was asked of models: counted on this disk
DESK_LEVELS = "levels"  # a model server's fingerprint -> how many calls at once it took last
DESK_ACCOUNTS = "accounts"  # user name -> the newest version of the account that was ever shown
DESK_AUDIT = "audit"  # a number -> what somebody did, to be told by the worker
DESK_SESSIONS = "sessions"  # mark of a session -> whose it is, and where it was opened: here
DESK_HANDED = "handed"  # hash, field and a number -> what the worker is to write there
DESK_DOUBLE = "double"  # "since" -> when the worker stood aside: another has this peer's id
DESK_HEARD = "heard"  # "beat" -> when the worker last heard another peer's

CONTROL = ":control"  # how the hash of what was asked of a job ends


def job_of(hkey: str, field: str) -> str:
    """The id of the job that one of our fields is about."""
    return hkey.split(":")[2] if hkey.startswith("datagen:job:") else field


def job_peers(job_id: str) -> str:
    """Hash peer id -> PeerState; each field written by that peer's worker."""
    return f"datagen:job:{job_id}:peers"


def job_control(job_id: str) -> str:
    """Hash peer id -> what was asked of a job; each field written by that peer's worker."""
    return f"datagen:job:{job_id}{CONTROL}"


def user_settings(username: str) -> str:
    """Plain key: the user's model profiles as the earlier application reads them.

    Its keys are never in what we write there; whoever saved last writes it, and it decides
    nothing but for profiles that are not in our own hash.
    """
    return f"datagen:user:{username}:settings"


def user_profiles(username: str) -> str:
    """Hash peer id -> the user's model profiles as that peer knows them; that peer's worker."""
    return f"datagen:user:{username}:profiles"


def user_tokens(username: str) -> str:
    """Hash peer id -> the user's personal tokens as that peer knows them; that peer's worker."""
    return f"datagen:user:{username}:tokens"


def audit(peer_id: str) -> str:
    """Hash page -> what people did on that replica; its worker."""
    return f"datagen:audit:{peer_id}"


def user_jobs(username: str) -> str:
    """Hash job id -> short projection; the creator's worker."""
    return f"datagen:user:{username}:jobs"
