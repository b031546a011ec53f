"""The figures behind the charts of the metrics page: one's own, for admins everybody's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import partial

from datagen.domain.errors import StoreError
from datagen.domain.figures import Effort, Efforts, Window, figures, when
from datagen.domain.figures import Figures as Found
from datagen.domain.folds import Case
from datagen.domain.jobs import Job, heard, shares
from datagen.domain.users import User
from datagen.ports import Clock
from datagen.protocol.board import Board
from datagen.services.jobs import Jobs, JobView
from datagen.services.patience import Patience

_LOG = logging.getLogger(__name__)

MOST_READ = 200  # finished jobs of a window whose peers are looked up, the latest ones
MOST_KEPT = 2_000  # finished jobs whose peers are remembered
AGAIN_AFTER = 60.0  # seconds until a job is looked up again of which some peer told no end

_Kept = tuple[Job, Mapping[str, Effort], float]  # as it was, what is known, until (monotonic)


class Figures:
    """Safe to call from any thread.

    What the list of jobs tells costs nothing; who made what is looked up once per finished job.
    """

    def __init__(self, *, jobs: Jobs, board: Board, patience: Patience, clock: Clock) -> None:
        self._jobs, self._board, self._patience, self._clock = jobs, board, patience, clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def seen_by(self, user: User, window: Window) -> Found:
        """Over the user's jobs, for an admin over all that are there.

        What peers say of finished jobs and can't be read now is left out, and said to be.
        Raises StoreError where not even the jobs can be read.
        """
        views = list(self._jobs.snapshot().views.values()) if user.role == "admin" else \
            self._jobs.list(user)
        inside = [view for view in views
                  if (moment := when(view.job)) and window.start_of(moment)]
        return figures([view.job for view in views], window, self._efforts(inside))

    def _efforts(self, views: Sequence[JobView]) -> Efforts:
        now = {view.job.id: _efforts_of(view.case) for view in views if view.case}
        over = sorted((view.job for view in views if view.job.id not in now and view.job.is_over),
                      key=lambda job: (job.finished_at or job.updated_at, job.id), reverse=True)
        wanted = over[:MOST_READ]
        missing = [job for job in wanted if not self._is_known(job)]
        if missing:
            try:
                self._patience.ask(("figures", frozenset(job.id for job in missing)),
                                   partial(self._read, missing))
            except StoreError as exc:
                _LOG.warning("Some figures by peer are left out for now. %s", exc)
        with self._lock:
            return now | {job.id: self._kept[job.id][1] for job in wanted if job.id in self._kept}

    def _is_known(self, job: Job) -> bool:
        with self._lock:
            kept = self._kept.get(job.id)
        return kept is not None and kept[0] == job and self._clock.monotonic() < kept[2]

    def _read(self, jobs: Sequence[Job]) -> None:
        self._patience.together([partial(self._read_one, job) for job in jobs])

    def _read_one(self, job: Job) -> None:
        states = heard(job, self._board.states(job.id))
        told = all(peer in states and states[peer].finished_at
                   for peer, share in shares(job.total_records, job.peers).items() if len(share))
        until = float("inf") if told else self._clock.monotonic() + AGAIN_AFTER
        with self._lock:
            self._kept.pop(job.id, None)
            self._kept[job.id] = job, _efforts_of(Case(job=job, states=states)), until
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]


def _efforts_of(case: Case) -> dict[str, Effort]:
    """What is known of each peer's part; of a retried job, in its latest round."""
    found = {}
    for peer, state in case.states.items():
        ok, failed = case.counts(peer)
        found[peer] = Effort(ok=ok, failed=failed, usage=state.usage if state.inc else None)
    return found
