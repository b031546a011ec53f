"""Says this peer's last words again, a few at each look at the board (DATA.md, rule 3)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

from datagen.domain.jobs import Job
from datagen.domain.titles import is_named, named
from datagen.engine.returning import Returning
from datagen.ports import Clock
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.said import KEPT, Place, Said

PER_LOOK = 5  # fields; what is new must not wait behind what was said before
AT_MOST = 1.0  # seconds of one look, for the same reason: a write may take some
BEATS_EVERY = 30.0  # seconds between two looks at who is back
ALONE = 300.0  # seconds between two tries while no other node confirms anything


class Repeating:
    """Who calls it writes no other field of this peer meanwhile. Raises StoreError."""

    def __init__(self, *, peer_id: str, board: Board, said: Said, clock: Clock) -> None:
        self._peer_id, self._board, self._said, self._clock = peer_id, board, said, clock
        self._returning = Returning(peer_id=peer_id, board=board, clock=clock)
        self._look_at = self._not_before = -math.inf  # monotonic seconds
        self._adopted: dict[str, Job] = {}  # others' jobs whose entries we repeat, by id
        self._entries: set[str] = set()  # ids of jobs whose entry their creator may have lost
        self._knows_all: bool | None = None  # False: our disk is new, and perhaps not the peer

    def begin(self) -> None:
        """Before anything is said: see what an earlier start left on our disk."""
        if self._knows_all is None:
            self._knows_all = not self._said.is_empty()

    def some(
        self, jobs: Mapping[str, Job], running: Collection[str], *,
        gone: Collection[str], leaving: Collection[str],
    ) -> None:
        """Write again what is due.

        ``running``: jobs of whose share somebody else writes now; ``gone``: those that were
        deleted; ``leaving``: those that will be, and whose entry is not put back.
        """
        now = self._clock.monotonic()
        if not self._knows_all:
            self._remember(jobs)
            self._knows_all = True
        if now >= self._look_at:
            self._see_who_is_back(jobs)
            self._adopt_orphans(jobs, {*gone, *leaving})
            self._look_at = now + BEATS_EVERY
        lost = self._said.jobs() - jobs.keys() - set(leaving)
        self._said.at_once(lambda place: place.hkey == keys.JOBS and place.field in lost)
        if self._board.is_alone and now < self._not_before:
            return
        left = PER_LOOK - self._put_back_entries(jobs, {*gone, *leaving})
        for place in self._said.due({job.id for job in jobs.values() if not job.is_over}):
            job_id, is_word = place.job_id, place.hkey.endswith(keys.CONTROL)
            if not is_word and (job_id in gone or (job_id in leaving and job_id not in jobs)):
                self._said.forget(place)
            elif is_word or not (job_id in running and place.field == self._peer_id):
                self._say_again(place, jobs.get(job_id))
                left -= 1
            spent = self._clock.monotonic() - now
            if left <= 0 or spent >= AT_MOST or self._board.is_alone:
                break
        if self._board.is_alone:
            self._not_before = now + ALONE

    def _remember(self, jobs: Mapping[str, Job]) -> None:
        """Take what our node shows of us for our last word: the disk that had it was lost."""
        since = self._clock.now() - KEPT
        for job in jobs.values():
            if self._peer_id in job.peers and job.created_at > since:
                state = self._board.states(job.id).get(self._peer_id)
                is_whole = state is not None and state.inc and state.finished_at
                self._board.adopt(job.id, state=state if is_whole else None,
                                  word=self._board.words(job.id).get(self._peer_id))

    def _say_again(self, place: Place, listed: Job | None) -> None:
        """Write it; an entry that the list has a later end or title for stays as it is there.

        Who comes back with an older disk doesn't know of those.
        """
        if place.hkey == keys.JOBS and listed is not None:
            mine = self._board.last_entry(place.field)
            known = mine.edition.round if mine and mine.edition else -1
            if listed.edition is not None and known < listed.edition.round:
                self._board.adopt_entry(named(listed, mine.renamed if mine else None))
            elif mine is not None and not is_named(mine, listed.renamed):
                is_ours = listed.creator == self._peer_id
                self._board.adopt_entry(named(mine, listed.renamed) if is_ours else listed)
        self._board.say_again(place)

    def _put_back_entries(self, jobs: Mapping[str, Job], away: Collection[str]) -> int:
        """Write entries of jobs again whose creator came back, and may have come with nothing."""
        written = 0
        for job_id in sorted(self._entries)[: PER_LOOK - 1]:
            if job_id in jobs and job_id not in away:
                self._board.publish(jobs[job_id], again=True)
                written += 2
            self._entries.discard(job_id)
        return written

    def _adopt_orphans(self, jobs: Mapping[str, Job], away: Collection[str]) -> None:
        """Repeat also the entries of jobs whose creator may not: it is silent, or lost them.

        The peer next to the creator does, as long as it is there; the others where it isn't. A
        creator that lost its disk takes them from its node.
        """
        since, said = self._clock.now() - KEPT, self._said.jobs()
        for job in jobs.values():
            if not (job.inc and self._peer_id in job.peers and job.created_at > since
                    and job.id not in away):
                continue
            if job.creator == self._peer_id:
                if job.id not in said:
                    self._board.adopt_entry(job)
                continue
            entry = replace(job, inc=1, rev=0)
            if self._adopted.get(job.id) != entry and (
                    self._is_next(job) or self._returning.is_silent(job.creator)):
                self._adopted[job.id] = entry
                self._board.adopt_entry(job)

    def _is_next(self, job: Job) -> bool:
        at = job.peers.index(job.creator) if job.creator in job.peers else -1
        return job.peers[(at + 1) % len(job.peers)] == self._peer_id

    def _see_who_is_back(self, jobs: Mapping[str, Job]) -> None:
        back, since = self._returning.look(), self._clock.now() - KEPT
        self._entries.update(
            job.id for job in jobs.values()
            if back.get(job.creator) and job.inc and job.created_at > since)
        if back:
            self._said.at_once()
