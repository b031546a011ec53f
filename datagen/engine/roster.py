"""Which jobs concern this peer, and what becomes of those that were made here.

All methods block; one worker calls them, one at a time. They may be cut off between any
two steps: whoever starts again comes to the same end.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.jobs import Job, PeerState, heard, in_turn, shares
from datagen.engine.closing import projected
from datagen.engine.errands import Errands
from datagen.engine.hearing import Hearing
from datagen.engine.journal import JOURNAL, disk_faults
from datagen.engine.outbox import clear
from datagen.engine.removal import Removal
from datagen.engine.repeating import Repeating
from datagen.ports import Clock, Desk, FileStore
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import load_job
from datagen.protocol.requests import (
    asked_here,
    deleted_here,
    nothing_to_cancel,
    wanted_away,
)

_LOG = logging.getLogger(__name__)
LAST_PARTS = 60.0  # seconds that a cancelled job waits for what its other peers have


@dataclass(frozen=True, kw_only=True)
class Due:
    """A share of this peer that is not finished."""

    job: Job
    before: PeerState | None  # what this peer last said of it
    asked: Asked


class Roster:
    """Reads and tends the list of jobs. Raises StoreError."""

    def __init__(
        self, *, peer_id: str, cache: Path, board: Board, desk: Desk, files: FileStore,
        clock: Clock, errands: Errands, forget_table: Callable[[str], None],
    ) -> None:
        self._peer_id, self._cache = peer_id, cache
        self._board, self._desk, self._files, self._clock = board, desk, files, clock
        self._errands = errands
        self._removal = Removal(peer_id=peer_id, cache=cache, board=board, desk=desk,
                                files=files, errands=errands, forget_table=forget_table)
        self._repeating = None if board.said is None else Repeating(
            peer_id=peer_id, board=board, said=board.said, clock=clock)
        self._hearing = Hearing(peer_id=peer_id, board=board, desk=desk)
        self._unreadable: set[str] = set()  # notes complained of
        self._leaving: set[str] = set()  # notes of deleted jobs whose files are on their way out
        self._said: dict[str, Mapping[str, PeerState]] = {}  # by job id, as of this look
        self._over: set[str] = set()  # jobs that were over at the last look
        self._sweep_due = True  # journals of closed jobs may lie about
        self._asked_since: dict[str, float] = {}  # job id -> monotonic seconds
        self._cleared: set[str] = set()  # deleted jobs of which this disk holds nothing any more

    def is_handed_something(self) -> bool:
        """Whether the web process left a job here; a look at our own disk."""
        stay = self._unreadable | self._leaving
        return any(key not in stay for key in self._desk.notes(keys.DESK_JOBS))

    def _handed_over(self) -> Iterator[Job]:
        """What the web process left here and is not on the board yet."""
        for text in self._desk.notes(keys.DESK_JOBS).values():
            with contextlib.suppress(ValueError):
                yield load_job(text)

    def _publish_handed_over(self, jobs: dict[str, Job]) -> None:
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
                if not self._removal.finish(job.id, job):  # it never gets there
                    self._leaving.add(draft_id)
                    continue
                self._leaving.discard(draft_id)
            else:
                self._desk.put_once(keys.DESK_CREATED, job.id, text)
                self._board.publish(job)
                jobs[job.id] = job
            self._desk.drop(keys.DESK_JOBS, draft_id)

    def _put_back(self, jobs: dict[str, Job], made_here: Mapping[str, str]) -> None:
        """Publish again what the store lost of the open jobs made here, or gives forged."""
        for job_id, text in made_here.items():
            if job_id in jobs and jobs[job_id].inc:
                continue
            try:
                job = load_job(text)
            except ValueError as exc:
                self._complain(job_id, exc)
                continue
            _LOG.warning("Job %s is not in the shared store any more; it is put back.", job_id)
            self._board.publish(job)
            jobs[job_id] = job

    def survey(self, running: Collection[str]) -> list[Due]:
        """Shares of this peer that are not finished, in turn.

        Jobs whose id is in ``running`` are left out. Publishes what was handed over, and moves
        the jobs made here on: to running, to their end, and their journals away; and deletes
        those that should be.
        """
        self._said.clear()
        if self._repeating is not None:
            self._repeating.begin()
        asked = asked_here(self._desk)
        gone = self._desk.notes(keys.DESK_DELETED)
        jobs = self._board.jobs()
        self._publish_handed_over(jobs)
        created = self._desk.notes(keys.DESK_CREATED)
        self._put_back(jobs, {job_id: text for job_id, text in created.items()
                              if text and job_id not in gone.keys() | wanted_away(asked)})
        found: list[Due] = []
        for job in in_turn(jobs.values()):
            if job.id in gone:
                self._removal.finish(job.id, job)  # a store brought it back
                continue
            due = self._tended(job, asked.get(job.id, NOTHING), is_ours=job.id in created)
            jobs[job.id] = due.job
            if job.id in running:
                continue
            if due.job.is_over:
                self._settle(due.job, due.asked)
            elif self._is_mine(due):
                found.append(due)
        self._take_away_the_rest(jobs)
        over = {job.id for job in jobs.values() if job.is_over}
        self._hearing.of_some([job for job in jobs.values()
                               if job.id in over and job.id not in self._cleared])
        if self._repeating is not None:
            self._repeating.some(jobs, running, gone=gone.keys(), leaving=wanted_away(asked))
        if self._sweep_due or not over <= self._over:  # whichever replica ended them
            self._sweep_due = self._sweep(jobs, running)
            self._over = over
        return found

    def _take_away_the_rest(self, jobs: Collection[str]) -> None:
        """Go on with deletions that were cut off, or whose job the node lost."""
        asked = asked_here(self._desk)
        never_shared = {job.id for job in self._handed_over()}
        for job_id in sorted(wanted_away(asked) - set(jobs)):
            if job_id not in never_shared:
                self._hearing.of(job_id, asked[job_id])
            self._removal.finish(job_id, None)

    def _tended(self, job: Job, asked: Asked, *, is_ours: bool) -> Due:
        """The job and what is known of it, moved on where that is ours to do."""
        before = None
        if job.is_over and is_ours:
            self._end(job)
        elif not job.is_over and (is_ours or asked.end or self._peer_id in job.peers):
            asked = self._hearing.of(job.id, asked)
            said = self._states(job.id)
            states = heard(job, said)
            before = said.get(self._peer_id)
            if is_ours or self._adopted(job):
                job = self._moved(job, states, asked)
        return Due(job=job, before=before, asked=asked)

    def _is_mine(self, due: Due) -> bool:
        before = due.before
        if before is not None and before.owner not in {None, due.job.owner}:
            return False  # we work, or worked, for somebody else: this entry is forged
        finished = before is not None and before.finished_at is not None
        return self._peer_id in due.job.peers and not finished

    def _adopted(self, job: Job) -> bool:
        """Whether this peer closes a job that came without a note.

        Nobody but its only peer can; and of one that the earlier application made, the first
        of its peers does, so that exactly one replica does.
        """
        if job.peers[0] != self._peer_id or (job.inc and len(job.peers) > 1):
            return False
        self._desk.put_once(keys.DESK_CREATED, job.id, "")
        return True

    def _moved(self, job: Job, states: Mapping[str, PeerState], asked: Asked) -> Job:
        moved = projected(job, states, self._clock.now(), asked=asked,
                          overdue=self._is_overdue(job, states, asked))
        if moved.is_over:
            self._end(moved)
        elif moved is not job:
            self._board.publish(moved)
        return moved

    def _is_overdue(self, job: Job, states: Mapping[str, PeerState], asked: Asked) -> bool:
        """Whether the other peers had their time for the last parts of a cancelled job.

        Our own share is waited for as long as it takes.
        """
        if asked.end is None:
            return False
        now = self._clock.monotonic()
        since = self._asked_since.setdefault(job.id, now)
        share = shares(job.total_records, job.peers).get(self._peer_id)
        mine = states.get(self._peer_id)
        ours_is_in = not share or (mine is not None and mine.finished_at is not None)
        return ours_is_in and now - since >= LAST_PARTS

    def _end(self, job: Job) -> None:
        """Write a job's end, the owner's list included, and be done with it."""
        self._board.publish(job)
        self._desk.drop(keys.DESK_CREATED, job.id)
        self._asked_since.pop(job.id, None)
        _LOG.info("Job %s %s: %d records good, %d failed.", job.id,
                  "was cancelled" if job.was_cancelled else job.status,
                  job.total_ok, job.total_failed)

    def _settle(self, job: Job, asked: Asked) -> None:
        """See to what is asked of a job that is over."""
        if asked.delete is None:
            if asked.cancel:
                nothing_to_cancel(self._desk, job.id)
            return
        if job.id not in self._cleared:
            asked = self._hearing.of(job.id, asked)
            self._removal.clear_disk(job.id)
            self._cleared.add(job.id)
        self._removal.finish_if_due(job, asked, self._clock.now())

    def _states(self, job_id: str) -> Mapping[str, PeerState]:
        """What the peers say of a job, read once at each look."""
        if job_id not in self._said:
            states = self._board.states(job_id)
            mine = self._board.last_word(job_id, self._peer_id)
            if mine is not None:  # whatever the node shows
                states[self._peer_id] = mine
            self._said[job_id] = states
        return self._said[job_id]

    def _sweep(self, jobs: Mapping[str, Job], running: Collection[str]) -> bool:
        """Have journals deleted that nobody needs any more; whether some may follow soon."""
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
        state = self._states(job_id).get(self._peer_id)
        if state is None or state.finished_at is None:
            return
        if state.inc or not (folder / JOURNAL).exists():  # of our records we said it ourselves
            self._errands.add(f"clearing the journal of job {job_id}",
                              partial(clear, folder, self._files, state.result_cid))

    def _complain(self, draft_id: str, exc: Exception) -> None:
        if draft_id not in self._unreadable:
            self._unreadable.add(draft_id)
            _LOG.error("A job that was handed over can't be read (%s); it is left where it is.",
                       exc)
