"""Jobs, shares and what their peers say of them.

Field meanings follow DATA.md section 2 (the contract with stored data); the JSON
spelling lives in ``protocol/codec.py``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from datagen.domain.asked import Rename
from datagen.domain.chat import Dialect
from datagen.domain.usage import NOTHING_USED, Usage

Status = Literal["queued", "running", "succeeded", "failed"]

# Ids come from a store that neighbours can write, and name files and keys.
JOB_ID = re.compile(r"job_[A-Za-z0-9_-]{1,100}")
PEER_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
MAX_RECORDS = 10_000_000  # of one job
MAX_PEERS = 1_000  # of one job
MAX_UNMARKED = 200  # open jobs without our mark that are looked after: anyone can make them
MAX_IN_FLIGHT = 48  # calls a peer's state shows: those that wait longest
MAX_LATEST_ERRORS = 20  # failures a peer's state carries, newest last
MAX_COERCED = 16  # fields with converted values a peer's state tells apart
MAX_PARTS = 200  # files a peer's state lists: they merge as they grow, so a few are the rule


@dataclass(frozen=True, kw_only=True)
class Share:
    """The half-open range of record indices one peer answers for."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, kw_only=True)
class InFlight:
    """A record that waits for its model call."""

    index: int
    attempt: int  # 1 = first
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class RecordError:
    """Why one record failed, in a sentence."""

    index: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Inference:
    """The endpoint a job was confirmed with; never an API key."""

    base_url: str
    path: str
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    use_external_api: bool = False
    profile_id: str | None = None
    own: bool = False  # ours: the server's own endpoint, wherever that is by now
    dialect: Dialect | None = None  # ours: as its profile says; None = as the path does


@dataclass(frozen=True, kw_only=True)
class JobDetails:
    """What the job was asked to make; one immutable file."""

    id: str
    owner: str
    description: str
    instructions: str
    schema: Mapping[str, Any]
    inference: Inference
    dataset_mode: bool
    created_at: datetime
    schema_generated_at: datetime
    schema_duration_ms: int
    schema_refreshes: int


@dataclass(frozen=True, kw_only=True)
class Edition:
    """What a round came to; it is sealed once its peers agreed on it, or a person closed it."""

    round: int
    by: str  # the peer that made it
    forced: bool = False  # a person closed the job where no quorum was left
    status: Literal["succeeded", "failed"]
    ok: int  # records of the whole dataset, those of earlier rounds included
    failed: int
    manifest_cid: str
    sha256: str  # of the manifest's bytes, hex
    started_at: datetime | None = None
    finished_at: datetime
    error: str | None = None  # why the job as a whole failed
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """The job's entry in the list: what was asked, and a projection of how far it is."""

    id: str
    owner: str
    title: str
    status: Status
    total_records: int
    dataset_mode: bool = False
    peers: tuple[str, ...]
    total_generated: int = 0
    total_ok: int = 0
    total_failed: int = 0
    details_cid: str
    created_at: datetime
    schema_generated_at: datetime
    schema_duration_ms: int = 0
    schema_refreshes: int = 0
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    records_duration_ms: int | None = None
    error: str | None = None  # ours: why a job as a whole failed
    cancelled_at: datetime | None = None  # ours: it failed because somebody asked for its end
    cancelled_by: str | None = None
    renamed: Rename | None = None  # ours: what gave it its title; None = the draft did
    creator: str = ""  # ours: the peer where it was made; "" = unknown
    edition: Edition | None = None  # ours: the latest that is sealed
    inc: int = 0  # ours, as in PeerState; 0 = it is a job of the earlier application
    rev: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing will be generated any more."""
        return self.status in {"succeeded", "failed"}

    @property
    def was_cancelled(self) -> bool:
        """Whether it ended on request, with fewer records than were asked for."""
        return self.status == "failed" and self.cancelled_at is not None


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file of result lines of one round, in order of their index."""

    start: int  # the half-open range of indices it answers for
    end: int
    cid: str  # "" = there is no line
    sha256: str | None = None  # of the file's bytes, hex; None = not told
    round: int = 0
    ok: int
    failed: int
    whole: bool = True  # every index that was due has its line; else some of them


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a peer works on beside the first round of its own share."""

    of: str  # the peer whose share it is
    round: int = 0
    ok: int = 0  # as in PeerState
    failed: int = 0


@dataclass(frozen=True, kw_only=True)
class PeerState:
    """What one peer says of its share; only that peer's worker writes it."""

    peer_id: str
    share: Share
    generated_ok: int = 0  # distinct final records, never attempts
    generated_failed: int = 0
    started_at: datetime | None = None
    last_update_at: datetime | None = None
    finished_at: datetime | None = None
    result_cid: str | None = None
    errors_cid: str | None = None
    errors: tuple[RecordError, ...] = ()  # the latest, at most MAX_LATEST_ERRORS
    in_flight: tuple[InFlight, ...] = ()  # as of last_update_at
    under_way: int = 0  # calls of this job, as of last_update_at
    allowed: int | None = None  # calls at once that its model server gets, of all jobs
    usage: Usage = NOTHING_USED  # asked of models, retries and failures included
    coerced: Mapping[str, int] = field(default_factory=dict)  # converted values by field path
    trouble: str | None = None  # why nothing moves right now, in a sentence
    parts: tuple[Part, ...] = ()  # what it stored, of any share; at most MAX_PARTS
    effort: Effort | None = None
    owner: str | None = None  # ours: whose job it works on; None = the earlier application
    unsealed: bool = False  # ours: it works by an entry without our mark, as others may write it
    inc: int = 0  # as read: the start of the worker that wrote it; 0 = the earlier application
    rev: int = 0  # as read: grows at every write of one start

    @property
    def generated(self) -> int:
        return self.generated_ok + self.generated_failed


def shares(total: int, peers: Sequence[str]) -> dict[str, Share]:
    """Contiguous shares in the order of ``peers``; the first ``total % n`` get one more."""
    size, longer = divmod(total, len(peers))
    result: dict[str, Share] = {}
    start = 0
    for position, peer in enumerate(peers):
        end = start + size + (1 if position < longer else 0)
        result[peer] = Share(start=start, end=end)
        start = end
    return result


def in_turn(jobs: Iterable[Job]) -> list[Job]:
    """In the order in which they are looked after: ours first, then the older.

    Every open job costs reads of the store; of those without our mark, which a neighbour can
    make as many of as he likes, no more than MAX_UNMARKED are in the list.
    """
    ranked = sorted(jobs, key=lambda job: (not job.inc, job.created_at, job.id))
    open_ones = [job for job in ranked if not (job.inc or job.is_over)]
    left_out = {job.id for job in open_ones[MAX_UNMARKED:]}
    return [job for job in ranked if job.id not in left_out]


def heard(job: Job, states: Mapping[str, PeerState]) -> dict[str, PeerState]:
    """What the job's own peers say of it, in its order.

    Who is none of them isn't heard, nor what was said of a job of that id with another owner:
    one of the two is forged. Nor what was done for an entry without our mark, where the job has
    one: it may have asked for anything.
    """
    return {peer: states[peer] for peer in job.peers
            if peer in states and states[peer].owner in {None, job.owner}
            and not (job.inc and states[peer].unsealed)}


def job_id(created_at: datetime, draft_id: str) -> str:
    """``job_{epoch ms}_{6 hex}``; the same draft always gives the same id."""
    digest = hashlib.sha256(draft_id.encode()).hexdigest()[:6]
    return f"job_{int(created_at.timestamp() * 1000)}_{digest}"
