"""What one user may ask for: open jobs, records in a day, drafts and tests of models in an hour.

Counted on the replica that is asked. Deleted jobs count for as long as this process knows of
them: their calls were paid for.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from datagen.domain.bounds import Most
from datagen.domain.errors import TooManyTries
from datagen.domain.jobs import Job
from datagen.ports import Clock
from datagen.services.throttle import MAX_KEYS, Allowed, Throttle

DAY, HOUR = 24 * 3600.0, 3600.0  # seconds


@dataclass(kw_only=True)
class Allowances:
    """Says no in time. Safe to call from any thread."""

    clock: Clock
    most: Most = field(default_factory=Most)
    _made: OrderedDict[str, deque[tuple[float, str, int]]] = field(default_factory=OrderedDict)
    _pending: dict[str, dict[str, int]] = field(default_factory=dict)  # records by job, by user
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self._drafts, self._tests = (
            Throttle(Allowed(tries=max(1, most), seconds=HOUR), self.clock)
            for most in (self.most.drafts_per_hour, self.most.model_tests_per_hour))

    def draft(self, name: str) -> None:
        """Count a draft. Raises TooManyTries, and counts none then."""
        most = self.most.drafts_per_hour
        self._take(most, self._drafts, name, f"You drafted {most:,} schemas within an hour, as "
                   "many as one may here (DATAGEN_MAX_DRAFTS_PER_HOUR).")

    def model_test(self, name: str) -> None:
        """Count a call that only tries a server out. Raises TooManyTries, and counts none then."""
        most = self.most.model_tests_per_hour
        self._take(most, self._tests, name, f"You asked model servers {most:,} times within an "
                   "hour, as often as one may here (DATAGEN_MAX_MODEL_TESTS_PER_HOUR).")

    def _take(self, most: int, throttle: Throttle, name: str, refusal: str) -> None:
        if not most:
            return
        with self._lock:
            if wait := throttle.wait(name):
                raise _refused(refusal, wait)
            throttle.count(name)

    @contextmanager
    def job(self, name: str, new: str, records: int,
            known: Callable[[], Collection[Job]]) -> Iterator[None]:
        """While ``name``'s job ``new`` is made. ``known`` tells the jobs that they have.

        Raises TooManyTries. Others may be made meanwhile: those count, and wait for nobody.
        """
        began = self.clock.monotonic()
        jobs = known() if self.most.open_jobs or self.most.records_per_day else ()
        with self._lock:
            self._check(name, records, jobs, began)
            self._pending.setdefault(name, {})[new] = records
        try:
            yield
            with self._lock:
                made = self._made.setdefault(name, deque())
                made.append((self.clock.monotonic(), new, records))
                self._made.move_to_end(name)
                while len(self._made) > MAX_KEYS:
                    self._made.popitem(last=False)
        finally:
            with self._lock:
                self._pending[name].pop(new, None)
                if not self._pending[name]:
                    del self._pending[name]

    def _check(self, name: str, records: int, known: Collection[Job], began: float) -> None:
        most, pending = self.most, self._pending.get(name, {})
        since = {job_id for at, job_id, _ in self._made.get(name, ()) if at >= began}
        running = {job.id for job in known if not job.is_over} | {*pending} | (
            since - {job.id for job in known})
        if most.open_jobs and len(running) >= most.open_jobs:
            raise TooManyTries(
                f"You have {len(running):,} jobs that are not finished, as many as one may have "
                "here (DATAGEN_MAX_OPEN_JOBS_PER_USER). Wait for one of them, or cancel one.",
                retry_after=60)
        if not most.records_per_day:
            return
        asked = self._asked(name, known)
        spent = sum(number for _, number in asked) + sum(pending.values())
        if spent + records > most.records_per_day:
            left = max(0, most.records_per_day - spent)
            raise _refused(
                f"This job would make more than {most.records_per_day:,} records within a day, as "
                f"many as one may here (DATAGEN_MAX_RECORDS_PER_DAY); {left:,} are left now.",
                min((rest for rest, _ in asked), default=DAY))

    def _asked(self, name: str, known: Collection[Job]) -> list[tuple[float, int]]:
        """Of the jobs of the last day: seconds until each is older, and its records."""
        now, ticks = self.clock.now(), self.clock.monotonic()
        found = {job.id: (DAY - (now - job.created_at).total_seconds(), job.total_records)
                 for job in known if now - job.created_at < timedelta(seconds=DAY)}
        made = self._made.get(name, deque())
        while made and ticks - made[0][0] >= DAY:
            made.popleft()
        for at, job_id, records in made:
            found.setdefault(job_id, (DAY - (ticks - at), records))
        return list(found.values())


def _refused(what: str, wait: float) -> TooManyTries:
    minutes = max(1, math.ceil(wait / 60))
    when = f"{minutes} minutes" if minutes < 120 else f"{math.ceil(minutes / 60)} hours"
    return TooManyTries(f"{what} Try again in {when}.", retry_after=max(1, math.ceil(wait)))
