"""What jobs came to by day or month, and by peer: the figures behind charts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from datagen.domain.jobs import Job
from datagen.domain.usage import NOTHING_USED, Usage

Step = Literal["day", "month"]


@dataclass(frozen=True, kw_only=True)
class Window:
    """The days or months that are looked at, the present one last."""

    step: Step
    first: date  # of a month, its first day
    last: date
    zone: tzinfo  # whose days they are

    @classmethod
    def until(cls, now: datetime, *, steps: int, step: Step, zone: tzinfo) -> Window:
        """So many days or months, of which ``now`` is in the last."""
        today = now.astimezone(zone).date()
        if step == "day":
            return cls(step=step, first=today - timedelta(days=steps - 1), last=today, zone=zone)
        this, months = today.replace(day=1), today.year * 12 + today.month - steps
        return cls(step=step, first=date(months // 12, months % 12 + 1, 1), last=this, zone=zone)

    def start_of(self, moment: datetime) -> date | None:
        """The day or month a moment is in; None = none of these."""
        day = moment.astimezone(self.zone).date()
        day = day if self.step == "day" else day.replace(day=1)
        return day if self.first <= day <= self.last else None

    def starts(self) -> Iterator[date]:
        """All of them, in order."""
        day = self.first
        while day <= self.last:
            yield day
            day = day + timedelta(days=1) if self.step == "day" else \
                (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Jobs and records of one day, month or peer."""

    jobs: int = 0
    ok: int = 0  # records
    failed: int = 0
    usage: Usage = NOTHING_USED  # of the jobs of which that is known

    def plus(self, *, ok: int, failed: int, usage: Usage = NOTHING_USED) -> Sums:
        """With one more job."""
        return replace(self, jobs=self.jobs + 1, ok=self.ok + ok, failed=self.failed + failed,
                       usage=self.usage + usage)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What one peer says of its part in one job."""

    ok: int  # records of its share, whoever made them
    failed: int
    usage: Usage | None  # None = it was not counted


Efforts = Mapping[str, Mapping[str, Effort]]  # by job id, by peer id; what is known


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that charts show, and what they leave out."""

    steps: Mapping[date, Sums]  # every day or month of the window
    peers: Mapping[str, Sums]  # of the window's jobs that are known by peer
    undated: Sums  # jobs that ended nobody knows when
    unread: int  # jobs of the window of which no peer's part is known
    uncounted: int  # jobs of the window whose calls and tokens are not known, at least in part


def when(job: Job) -> datetime | None:
    """The moment by which a job's records count: its end, or its latest progress."""
    return job.finished_at if job.is_over else job.updated_at


def figures(jobs: Iterable[Job], window: Window, efforts: Efforts) -> Figures:
    """Of all these jobs, those in the window."""
    steps, peers = {start: Sums() for start in window.starts()}, dict[str, Sums]()
    undated, unread, uncounted = Sums(), 0, 0
    for job in jobs:
        moment = when(job)
        if moment is None:
            undated = undated.plus(ok=job.total_ok, failed=job.total_failed)
            continue
        start = window.start_of(moment)
        if start is None:
            continue
        known = efforts.get(job.id, {})
        unread += not known
        uncounted += not _is_counted(known.values())
        usage = sum((one.usage for one in known.values() if one.usage), NOTHING_USED)
        steps[start] = steps[start].plus(ok=job.total_ok, failed=job.total_failed, usage=usage)
        for peer, one in known.items():
            peers[peer] = peers.get(peer, Sums()).plus(
                ok=one.ok, failed=one.failed, usage=one.usage or NOTHING_USED)
    return Figures(steps=steps, peers=peers, undated=undated, unread=unread, uncounted=uncounted)


def _is_counted(efforts: Collection[Effort]) -> bool:
    return bool(efforts) and all(one.usage is not None for one in efforts)
