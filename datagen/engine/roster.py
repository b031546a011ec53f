"""Which jobs concern this peer, and what becomes of them.

All methods block; one worker calls them, one at a time. They may be cut off between any
two steps: whoever starts again comes to the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.editions import Word
from datagen.domain.folds import Case
from datagen.domain.jobs import Job, PeerState, Share, in_turn, shares
from datagen.domain.titles import is_named
from datagen.engine.closing import Closing
from datagen.engine.entries import Entries
from datagen.engine.errands import Errands
from datagen.engine.handover import HandedOver
from datagen.engine.hearing import Hearing
from datagen.engine.helping import share_to_help
from datagen.engine.journal import JOURNAL, folder_of
from datagen.engine.outbox import discard
from datagen.engine.removal import Removal
from datagen.engine.repeating import Repeating
from datagen.engine.shelf import Shelf
from datagen.engine.stillness import Stillness
from datagen.engine.sweeping import Sweep
from datagen.ports import Clock, Desk, FileStore
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.requests import asked_here, named_so, past, wanted_away

PER_LOOK = 5  # jobs that are over, of which one look hears what is said of them


@dataclass(frozen=True, kw_only=True)
class Due:
    """A share that this peer should work on."""

    job: Job
    of: str  # the peer whose share it is
    share: Share
    case: Case
    before: PeerState | None  # what this peer last said of the job

    @property
    def is_ended(self) -> bool:
        """Whether people asked for the end of this round."""
        return self.case.asked.ends(self.case.round) is not None


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one look at the board came to."""

    due: list[Due]  # in turn
    open: Mapping[str, int]  # the round of each job that has not ended, by job id
    over: Collection[str]  # of the jobs that are worked on, those that have ended


class Roster:
    """Reads and tends the list of jobs. Raises StoreError."""

    def __init__(
        self, *, peer_id: str, cache: Path, board: Board, desk: Desk, files: FileStore,
        clock: Clock, errands: Errands, shelf: Shelf, forget_table: Callable[[str], None],
        dead_after: float,
    ) -> None:
        """``dead_after``: seconds without progress from which on a share is helped; 0 = never."""
        self._peer_id, self._cache = peer_id, cache
        self._board, self._desk, self._files, self._clock = board, desk, files, clock
        self._errands, self._shelf, self._dead_after = errands, shelf, dead_after
        self._removal = Removal(peer_id=peer_id, cache=cache, board=board, desk=desk,
                                files=files, errands=errands, forget_table=forget_table)
        self._repeating = None if board.said is None else Repeating(
            peer_id=peer_id, board=board, said=board.said, clock=clock)
        self._hearing = Hearing(peer_id=peer_id, board=board, desk=desk)
        self._still = Stillness()
        self._closing = Closing(
            peer_id=peer_id, files=files, shelf=shelf, errands=errands, clock=clock,
            still=self._still, cache=cache, patience=2 * dead_after)
        self._sweep = Sweep(peer_id=peer_id, cache=cache, board=board, files=files,
                            errands=errands, closing=self._closing)
        self._entries = Entries(peer_id=peer_id, board=board, clock=clock, still=self._still)
        self._handed = HandedOver(board=board, desk=desk, clock=clock, hearing=self._hearing,
                                  removal=self._removal)
        self._turn = 0  # of the jobs that are over, the next to look at
        self._open: set[str] = set()  # jobs that had not ended at the last look

    def is_handed_something(self) -> bool:
        """Whether the web process left a job here; a look at our own disk."""
        return self._handed.is_something()

    def survey(self, running: Collection[str]) -> Survey:
        """Tend all jobs that are open, and some that are over.

        Jobs whose id is in ``running`` are worked on here already. Publishes what was handed
        over, has the jobs ended that can be, and deletes those that should be.
        """
        if self._repeating is not None:
            self._repeating.begin()
        asked = asked_here(self._desk)
        gone = self._desk.notes(keys.DESK_DELETED)
        jobs = self._board.jobs()
        self._handed.publish(jobs)
        created = self._desk.notes(keys.DESK_CREATED)
        self._handed.put_back(jobs, {job_id: text for job_id, text in created.items()
                                     if text and job_id not in gone.keys() | wanted_away(asked)})
        listed = dict(jobs)
        found: list[Due] = []
        still_open: dict[str, int] = {}
        astray: set[str] = set()  # that are worked on by an entry that is not ours
        for job in self._in_need(jobs, {*asked, *created, *running, *gone, *self._open}):
            if job.id in gone:  # a store brought it back, or a peer that has not heard of it
                if job.peers != (self._peer_id,):
                    self._hearing.remind(job, self._clock.now())
                self._removal.finish(job.id, job)
                continue
            case = self._tended(job, asked.get(job.id, NOTHING), made_here=job.id in created)
            jobs[job.id] = case.job
            if case.here.rename is not None and is_named(job, case.here.rename):
                named_so(self._desk, job.id, case.here.rename)
            if not case.is_open or case.asked.delete:
                self._settle(case, is_running=job.id in running)
                continue
            still_open[job.id] = case.round
            if self._is_astray(job):
                astray.add(job.id)
            helped = self._to_help(case)  # at every look, or nobody would seem stuck
            due = None if job.id in running else self._due(case, helped)
            if due is not None:
                found.append(due)
        self._take_away_the_rest(jobs, running)
        self._removal.look_again(gone)
        self._hearing.forget(jobs)
        if self._repeating is not None:
            self._repeating.some(listed, running, gone=gone.keys(), leaving=wanted_away(asked))
        self._sweep.look(jobs, running)
        self._open = set(still_open)
        known = {*jobs, *gone, *wanted_away(asked)}  # others it may be about to hear of again
        over = {job_id for job_id in running if job_id in astray or (
            job_id in known and job_id not in still_open)}
        return Survey(due=found, open=still_open, over=over)

    def _in_need(self, jobs: Mapping[str, Job], stirred: Collection[str]) -> Iterator[Job]:
        """The jobs to look at now, in turn: of those that are over, ``stirred`` and a few more."""
        over = []
        for job in in_turn(list(jobs.values())):
            if job.is_over and job.id not in stirred:
                over.append(job)
            else:
                yield job
        shared = [job for job in over if self._peer_id in job.peers and len(job.peers) > 1]
        yield from shared[self._turn : self._turn + PER_LOOK]
        self._turn = self._turn + PER_LOOK if self._turn + PER_LOOK < len(shared) else 0

    def _take_away_the_rest(self, jobs: Collection[str], running: Collection[str]) -> None:
        """Go on with deletions that were cut off, or whose job the node lost."""
        asked = asked_here(self._desk)
        never_shared = set(self._handed.never_shared())
        for job_id in sorted(wanted_away(asked) - set(jobs) - set(running)):
            self._removal.clear_disk(job_id)
            if job_id not in never_shared:
                self._hearing.pass_on(job_id, asked[job_id])
            delete = asked[job_id].delete
            self._removal.finish(job_id, None, by=delete.by if delete else "")

    def _tended(self, job: Job, here: Asked, *, made_here: bool) -> Case:
        """The job and what is known of it, moved on where that is ours to do."""
        if not self._concerns_us(job, here):
            return Case(job=job, here=here)
        case = replace(self._hearing.case(job, here), read_at=self._clock.monotonic())
        if job.is_over and job.edition is None and not job.inc:  # the earlier application's
            word = case.words[self._peer_id]
            asked = word.asked.joined(Asked(rename=case.asked.rename))
            self._hearing.say(job.id, replace(word, asked=asked))
            return replace(case, job=self._entries.moved_on(case, made_here=False))
        mine = case.words.get(self._peer_id, Word(peer_id=self._peer_id))
        word = self._closing.word(case, mine=mine, made_here=made_here)
        if self._is_worth_saying(case):
            self._hearing.say(job.id, word)
        case = replace(case, words={**case.words, self._peer_id: word})
        return replace(case, job=self._entries.moved_on(case, made_here=made_here))

    def _concerns_us(self, job: Job, here: Asked) -> bool:
        if not job.inc and not job.is_over:  # the first of its peers closes it
            return self._peer_id in job.peers
        return self._peer_id in job.peers or here != NOTHING

    def _is_worth_saying(self, case: Case) -> bool:
        """Whether anybody else reads it, or the job's own entry can't hold it."""
        return case.job.peers != (self._peer_id,) or not case.job.inc

    def _to_help(self, case: Case) -> str | None:
        if self._peer_id not in case.job.peers:
            return None
        return share_to_help(
            case, self._peer_id, without=self._shelf.unreadable(), still=self._still,
            limit=self._dead_after)

    def _due(self, case: Case, helped: str | None) -> Due | None:
        """What this peer should do for an open job now."""
        job, me = case.job, self._peer_id
        if me not in job.peers:
            return None
        said = self._hearing.own_state(job.id)
        if said is not None and _is_forged(job, said):
            return None
        if self._is_astray(job):
            said = self._begun_anew(job)
        of: str | None = me
        if self._is_done(case, said):
            of = None if case.asked.ends(case.round) else helped
        if of is None:
            return None
        return Due(job=job, of=of, case=case, before=said,
                   share=shares(job.total_records, job.peers)[of])

    def _is_astray(self, job: Job) -> bool:
        """Whether we work, or worked, by an entry of that id without the mark that it bears."""
        said = self._hearing.own_state(job.id)
        return bool(job.inc) and said is not None and said.unsealed

    def _begun_anew(self, job: Job) -> PeerState:
        """Nothing that such an entry asked for becomes a part of the job."""
        discard(folder_of(self._cache, job.id, self._peer_id))
        state = PeerState(peer_id=self._peer_id, owner=job.owner,
                          share=shares(job.total_records, job.peers)[self._peer_id],
                          last_update_at=self._clock.now())
        self._board.report(job.id, state)
        return state

    def _is_done(self, case: Case, said: PeerState | None) -> bool:
        """Whether this peer did its own share of the round, and its file can be had."""
        lost = self._shelf.unreadable()
        if not case.round:
            return said is not None and said.finished_at is not None and (
                said.generated == len(said.share) or case.asked.ends(0) is not None  # or forgotten
            ) and not (said.result_cid in lost and self._can_deliver_again(case.job))
        share = case.shares.get(self._peer_id)
        return share is None or any(
            peer == self._peer_id and (part.start, part.end) == (share.start, share.end)
            for peer, part in case.parts(lost))

    def _can_deliver_again(self, job: Job) -> bool:
        """Whether this peer has its records still, or nobody else could make them again."""
        folder = folder_of(self._cache, job.id, self._peer_id)
        return (folder / JOURNAL).exists() or len(job.peers) == 1

    def _settle(self, case: Case, *, is_running: bool) -> None:
        """See to what is left to do for a job that is over."""
        job, edition = case.job, case.edition
        self._closing.forget(job.id)
        if edition is not None and case.here != NOTHING:
            past(self._desk, job.id, edition.round)
        if job.is_over:
            self._desk.drop(keys.DESK_CREATED, job.id)
        if case.asked.delete is None or is_running:
            return
        self._removal.clear_disk(job.id)
        self._removal.finish_if_due(job, case.asked, self._clock.now())


def _is_forged(job: Job, said: PeerState) -> bool:
    """Whether a job's entry is not the one that we work, or worked, for."""
    is_another = said.owner not in {None, job.owner}
    has_lost_its_mark = not job.inc and said.owner is not None and not said.unsealed
    return is_another or has_lost_its_mark
