"""Which jobs concern this peer, and what becomes of those that were made here.

All methods block; one worker calls them, one at a time. They may be cut off between any
two steps: whoever starts again comes to the same end.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from datagen.domain.errors import NotThere, StoreError
from datagen.domain.jobs import Job, PeerState
from datagen.engine.closing import projected
from datagen.engine.journal import disk_faults
from datagen.engine.outbox import clear
from datagen.ports import Clock, Desk, FileStore
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import load_job

_LOG = logging.getLogger(__name__)


class Roster:
    """Reads and tends the list of jobs. Raises StoreError."""

    def __init__(
        self, *, peer_id: str, cache: Path, board: Board, desk: Desk, files: FileStore,
        clock: Clock,
    ) -> None:
        self._peer_id, self._cache = peer_id, cache
        self._board, self._desk, self._files, self._clock = board, desk, files, clock
        self._unreadable: set[str] = set()  # notes complained of
        self._sweep_due = True  # journals of closed jobs may lie about

    def publish_handed_over(self) -> bool:
        """Put what the web process handed over on the board; whether there was anything."""
        published = False
        for draft_id, text in self._desk.notes(keys.DESK_JOBS).items():
            try:
                job = load_job(text)
            except ValueError as exc:
                self._complain(draft_id, exc)
                continue
            self._desk.put_once(keys.DESK_CREATED, job.id, "")
            # What stands is never taken back; written again, since a crash may have come
            # between the job and its entry in the owner's list.
            self._board.publish(self._board.job(job.id) or job)
            self._desk.drop(keys.DESK_JOBS, draft_id)
            published = True
        return published

    def survey(self, running: Collection[str]) -> list[tuple[Job, PeerState | None]]:
        """Shares of this peer that are not finished, oldest job first, and their last state.

        Jobs whose id is in ``running`` are left out. Moves the jobs made here on as well:
        to running, to their end, and their journals away.
        """
        jobs = self._board.jobs()
        created = self._desk.notes(keys.DESK_CREATED)
        found: list[tuple[Job, PeerState | None]] = []
        for job in sorted(jobs.values(), key=lambda job: (job.created_at, job.id)):
            mine = self._peer_id in job.peers
            if job.is_over:
                if job.id in created:
                    self._end(job)
            elif mine or job.id in created:
                states = self._board.states(job.id)
                if job.id in created or self._adopted(job):
                    jobs[job.id] = self._tend(job, states)
                state = states.get(self._peer_id)
                if mine and job.id not in running and not (state and state.finished_at):
                    found.append((job, state))
        if self._sweep_due:
            self._sweep_due = self._sweep(jobs, running)
        return found

    def _adopted(self, job: Job) -> bool:
        """Whether nobody but this peer can close a job that came without a note."""
        if job.peers != (self._peer_id,):
            return False
        self._desk.put_once(keys.DESK_CREATED, job.id, "")
        return True

    def _tend(self, job: Job, states: Mapping[str, PeerState]) -> Job:
        moved = projected(job, states, self._clock.now())
        if moved.is_over:
            self._end(moved)
        elif moved is not job:
            self._board.publish(moved)
        return moved

    def _end(self, job: Job) -> None:
        """Write a job's end, the owner's list included, and be done with it."""
        self._board.publish(job)
        self._desk.drop(keys.DESK_CREATED, job.id)
        self._sweep_due = True
        _LOG.info("Job %s %s: %d records good, %d failed.", job.id, job.status,
                  job.total_ok, job.total_failed)

    def _sweep(self, jobs: Mapping[str, Job], running: Collection[str]) -> bool:
        """Delete journals that nobody needs any more; whether some may follow soon."""
        follow = False
        with disk_faults(self._cache):
            folders = list(self._cache.glob(f"job_*/{self._peer_id}"))
        for folder in folders:
            job_id = folder.parent.name
            job = jobs.get(job_id)
            if job is None or not job.is_over:
                continue
            if job_id in running:
                follow = True
                continue
            self._clear(folder, job_id)
        return follow

    def _clear(self, folder: Path, job_id: str) -> None:
        state = self._board.states(job_id).get(self._peer_id)
        if state is None or state.result_cid is None:
            return
        try:
            clear(folder, self._files, state.result_cid)
        except (StoreError, NotThere) as exc:
            _LOG.warning("The journal of job %s is kept: %s", job_id, exc)

    def _complain(self, draft_id: str, exc: Exception) -> None:
        if draft_id not in self._unreadable:
            self._unreadable.add(draft_id)
            _LOG.error("A job that was handed over can't be read (%s); it is left where it is.",
                       exc)
