"""A job as a person sees it, whatever is drawn or answered of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.folds import Case, Progress, ended
from datagen.domain.jobs import Edition, Job, PeerState
from datagen.domain.titles import named
from datagen.services.pulse import GONE_AFTER


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job as a person sees it."""

    job: Job  # of an open job, status, totals and times are the fold's, not the stored ones
    progress: Progress
    states: Mapping[str, PeerState] = field(default_factory=dict)  # by peer id
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # good, failed by share
    helpers: Mapping[str, str] = field(default_factory=dict)  # who works on whose share
    still: Mapping[str, float] = field(default_factory=dict)  # seconds without progress by share
    silent: Mapping[str, float] = field(default_factory=dict)  # seconds since a peer's last beat
    rate: float | None = None  # records per second of late; None = can't be told, or over
    eta: float | None = None  # seconds until the last record; None = can't be told
    waiting: str | None = None  # why nothing moves, in a sentence; None = a worker is alive
    not_closed: str | None = None  # why a job that is complete does not end, in a sentence
    asked: Asked = NOTHING  # of an open job: what was asked, here or elsewhere
    known_by: int = 0  # peers, this one among them, that pass on all that was asked
    edition: Edition | None = None  # the latest sealed one: what can be downloaded
    case: Case | None = None  # of an open job: all that its peers say
    round: int = 0  # that is worked on, or was the last one

    @property
    def is_ending(self) -> bool:
        """Whether somebody asked for its end, which has not come yet."""
        return self.asked.ends(self.round) is not None and not self.job.is_over

    @property
    def is_closing(self) -> bool:
        """Whether somebody asked to have it closed as it is, which is not done yet."""
        close = self.asked.close
        return close is not None and close.round >= self.round and not self.job.is_over

    @property
    def is_known(self) -> bool:
        """Whether what was asked outlives the replica that was asked."""
        return self.known_by > 1 or len(self.job.peers) == 1

    @property
    def since(self) -> datetime | None:
        """When its latest round began; None = it waits."""
        retry = self.asked.retry
        return retry.at if self.round and retry else self.progress.started_at

    @property
    def heard(self) -> Mapping[str, PeerState]:
        """What those peers say that may be alive; where there is one alone, it has its word."""
        return {peer: state for peer, state in self.states.items() if len(self.job.peers) == 1
                or self.silent.get(peer, GONE_AFTER) < GONE_AFTER}

    @property
    def offered(self) -> Job | None:
        """The job with the totals of the dataset that can be taken now; None = there is none.

        While a round runs, this is the job as the one before left it.
        """
        if self.edition is not None and self.not_closed is None:
            return ended(self.job, self.edition)
        return self.job if self.job.is_over or self.not_closed else None

    @property
    def retryable(self) -> int:
        """Records that a new round would make again: those that failed or were never made."""
        over = self.job.is_over and self.edition is not None
        return self.job.total_records - self.edition.ok if over and self.edition else 0


def view_of(case: Case) -> JobView:
    """What can be told of a job without having watched it."""
    job, progress = named(case.job, case.asked.rename), case.progress
    if case.is_open:
        updates = [s.last_update_at for s in case.states.values() if s.last_update_at]
        job = replace(
            job, status=progress.status, total_generated=progress.done, total_ok=progress.ok,
            total_failed=progress.failed, started_at=progress.started_at or job.started_at,
            updated_at=max([job.updated_at, *updates]), edition=case.edition,
        )
    elif case.edition is not None:
        job = ended(job, case.edition)
    return JobView(
        job=job, progress=progress, states=case.states if case.is_open else {},
        counts=case.all_counts if case.is_open else {},
        helpers=case.helpers(), asked=case.asked if case.is_open else NOTHING,
        known_by=sum(NOTHING != word.asked == case.asked for word in case.words.values()),
        edition=case.edition, round=case.round, case=case if case.is_open else None,
    )
