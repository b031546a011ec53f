"""Jobs that the web process left on this replica's desk: the worker tells the others of them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping

from datagen.domain.jobs import Job
from datagen.engine.hearing import Hearing
from datagen.engine.removal import Removal
from datagen.ports import Clock, Desk
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import load_job
from datagen.protocol.requests import deleted_here

_LOG = logging.getLogger(__name__)


class HandedOver:
    """Publishes them, and again what the store lost of them. Raises StoreError."""

    def __init__(
        self, *, board: Board, desk: Desk, clock: Clock, hearing: Hearing, removal: Removal
    ) -> None:
        self._board, self._desk, self._clock = board, desk, clock
        self._hearing, self._removal = hearing, removal
        self._unreadable: set[str] = set()  # notes complained of
        self._leaving: set[str] = set()  # notes of deleted jobs whose files are on their way out

    def is_something(self) -> bool:
        """Whether the web process left a job here; a look at our own disk."""
        stay = self._unreadable | self._leaving
        return any(key not in stay for key in self._desk.notes(keys.DESK_JOBS))

    def never_shared(self) -> Iterator[str]:
        """Ids of jobs that the web process left here and nobody was told of yet."""
        created = self._desk.notes(keys.DESK_CREATED)
        for text in self._desk.notes(keys.DESK_JOBS).values():
            with contextlib.suppress(ValueError):
                job_id = load_job(text).id
                if job_id not in created:
                    yield job_id

    def publish(self, jobs: dict[str, Job]) -> None:
        """Put what the web process handed over among the jobs of the board."""
        for draft_id, text in self._desk.notes(keys.DESK_JOBS).items():
            try:
                job = load_job(text)
            except ValueError as exc:
                self._complain(draft_id, exc)
                continue
            # What stands is never taken back; written again, since a crash may have come
            # between the job and its entry in the owner's list.
            standing = jobs.get(job.id, job)
            job = standing if standing.inc else job  # ours, not what a neighbour put there
            if job.id not in jobs and job.id in deleted_here(self._desk):
                if job.id not in set(self.never_shared()):
                    self._hearing.remind(job, self._clock.now())
                if not self._removal.finish(job.id, job):  # it never gets there
                    self._leaving.add(draft_id)
                    continue
                self._leaving.discard(draft_id)
            else:
                self._desk.put_once(keys.DESK_CREATED, job.id, text)
                self._board.publish(job)
                jobs[job.id] = job
            self._desk.drop(keys.DESK_JOBS, draft_id)

    def put_back(self, jobs: dict[str, Job], made_here: Mapping[str, str]) -> None:
        """Publish again what the store lost of the open jobs made here, or gives forged."""
        said = self._board.said.jobs() if self._board.said else ()
        for job_id, text in made_here.items():
            if (job_id in jobs and jobs[job_id].inc) or job_id in said:
                continue  # what we said of it last is said again
            try:
                job = load_job(text)
            except ValueError as exc:
                self._complain(job_id, exc)
                continue
            _LOG.warning("Job %s is not in the shared store any more; it is put back.", job_id)
            self._board.publish(job)
            jobs[job_id] = job

    def _complain(self, draft_id: str, exc: Exception) -> None:
        if draft_id not in self._unreadable:
            self._unreadable.add(draft_id)
            _LOG.error("A job that was handed over can't be read (%s); it is left where it is.",
                       exc)
