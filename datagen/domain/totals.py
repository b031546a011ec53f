"""Totals over jobs, as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from datagen.domain.jobs import Job


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Counts over some jobs. All but ``active`` only ever grow."""

    jobs: int = 0
    requested: int = 0  # records
    generated: int = 0  # records, failed ones too
    active: int = 0  # jobs that are not over
    failed: int = 0  # jobs
    last_at: datetime | None = None  # when the latest job started

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> Totals:
        """Those of the given jobs."""
        found = list(jobs)
        return cls(
            jobs=len(found),
            requested=sum(job.total_records for job in found),
            generated=sum(job.total_generated for job in found),
            active=sum(not job.is_over for job in found),
            failed=sum(job.status == "failed" for job in found),
            last_at=max((job.started_at for job in found if job.started_at), default=None),
        )

    def __add__(self, other: Totals) -> Totals:
        """Those of both together, which have no job in common."""
        return Totals(
            jobs=self.jobs + other.jobs,
            requested=self.requested + other.requested,
            generated=self.generated + other.generated,
            active=self.active + other.active,
            failed=self.failed + other.failed,
            last_at=max(filter(None, (self.last_at, other.last_at)), default=None),
        )
