"""How a round of a job is brought to its end: an edition is made, and the peers agree on it.

All methods block, and wait for no file: what has to be read or stored is an errand.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from datagen.domain import editions
from datagen.domain.editions import Vote, Word, votes_of
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition
from datagen.engine.errands import Errands
from datagen.engine.sealing import make_edition
from datagen.engine.shelf import Shelf
from datagen.engine.stillness import Stillness
from datagen.ports import Clock, FileStore
from datagen.protocol.manifests import check_edition

_LOG = logging.getLogger(__name__)
LAST_PARTS = 60.0  # seconds that a cancelled job waits for what its other peers have
LONGEST_PAUSE = 60.0  # seconds between two tries to read or store what an edition takes


class Closing:
    """One peer's part in the end of jobs."""

    def __init__(
        self, *, peer_id: str, files: FileStore, shelf: Shelf, errands: Errands, clock: Clock,
        still: Stillness, cache: Path, patience: float,
    ) -> None:
        """``patience``: seconds without a step, from which on others close in the creator's
        place; 0 = never."""
        self._peer_id, self._files, self._shelf, self._cache = peer_id, files, shelf, cache
        self._errands, self._clock, self._still = errands, clock, still
        self._patience = patience
        self._cases: dict[str, Case] = {}  # by job id, as of the last look
        self._made: dict[tuple[str, int], Edition] = {}  # by job id and round
        self._carried: set[str] = set()  # manifests of which all can be read here

    def is_carried(self, edition: Edition) -> bool:
        """Whether this replica has read all of that edition."""
        return edition.manifest_cid in self._carried

    def carry(self, job_id: str, edition: Edition) -> bool:
        """See to it that this replica can give that edition; whether it can already."""
        if not self.is_carried(edition):
            self._errands.add(f"reading the dataset {edition.manifest_cid} of job {job_id}",
                              partial(self._read, edition), longest=LONGEST_PAUSE)
        return self.is_carried(edition)

    def word(self, case: Case, *, mine: Word, made_here: bool) -> Word:
        """What this peer says of the job next.

        ``made_here``: the job was made on this replica, and on the disk it has now.
        """
        self._cases[case.job.id] = case
        word = replace(mine, asked=case.asked, ended=case.edition)
        if (not case.is_open or case.asked.delete
                or self._peer_id not in case.job.peers):
            return word
        vote = self._vote(case, made_here=made_here)
        forced = self._forced(case, vote)
        return replace(word, vote=vote, ended=forced) if forced else replace(word, vote=vote)

    def forget(self, job_id: str) -> None:
        """The job is over."""
        self._cases.pop(job_id, None)
        self._still.forget(job_id)
        for key in [key for key in self._made if key[0] == job_id]:
            del self._made[key]

    def _vote(self, case: Case, *, made_here: bool) -> Vote | None:
        job, me = case.job, self._peer_id
        votes = votes_of(job, case.words, case.round)
        mine = editions.heard(votes.get(me, Vote(round=case.round)), votes)
        votes[me] = mine
        up = editions.proposal(mine, votes)
        if up is not None and self.carry(job.id, up[1]):
            mine = editions.take(mine, *up)
        elif self._may_end(case):
            first = (made_here or len(job.peers) == 1 or not job.inc) and (
                editions.creator(job) == me)
            if editions.may_propose(job, me, mine, votes, first=first):
                edition = self._to_propose(case, mine, votes)
                if edition is not None:
                    mine = editions.take(mine, mine.promised, edition)
            elif self._is_my_turn(case, mine, votes, first=first):
                mine = replace(mine, promised=editions.own_ballot(job, me, mine.promised))
        return mine if mine != Vote(round=case.round) else None

    def _to_propose(self, case: Case, mine: Vote, votes: Mapping[str, Vote]) -> Edition | None:
        """The edition that is put up under the ballot that a quorum promised, once it is there.

        One that somebody took binds. Where it can't be read here for long, those who took such
        are left out, as if they had not been heard: if the others are a quorum, they suffice.
        """
        job = case.job
        bound = editions.bound_to(votes, mine.promised)
        if bound is None:
            return self._edition(case)
        if self.carry(job.id, bound):
            return bound
        if not self._is_unread(case, votes):
            return None
        votes = {peer: vote for peer, vote in votes.items()
                 if vote.promised == mine.promised
                 and (vote.taken is None or self.is_carried(vote.taken))}
        if not editions.is_quorum(job, votes):
            return None
        return editions.bound_to(votes, mine.promised) or self._edition(case)

    def _is_unread(self, case: Case, votes: Mapping[str, Vote]) -> bool:
        """Whether the edition that was put up last could not be read here for long."""
        job, last = case.job, max(votes.values(), key=lambda vote: vote.ballot, default=None)
        if last is None or last.taken is None or self.carry(job.id, last.taken):
            return False
        waited = self._still.of((job.id, case.round, "unread"), last.taken.manifest_cid,
                                self._clock.monotonic())
        return bool(self._patience) and waited >= self._patience

    def _may_end(self, case: Case) -> bool:
        """Whether there is all that will be there."""
        without = self._shelf.unreadable()
        if case.is_complete(without):
            return True
        if case.asked.ends(case.round) is None:
            return False
        waited = self._still.of((case.job.id, case.round, "end"), None, self._clock.monotonic())
        still_at_it = [peer for peer, share in case.shares.items()
                       if not _has_stopped(case, peer, share.start, share.end)]
        return not still_at_it or (self._peer_id not in still_at_it and waited >= LAST_PARTS)

    def _is_my_turn(
        self, case: Case, mine: Vote, votes: Mapping[str, Vote], *, first: bool
    ) -> bool:
        """Whether the end was waited for so long that this peer should try to bring it about.

        Not who took what is up: those who can't read it have to find another that all can read.
        """
        job = case.job
        marks = tuple(sorted((peer, vote.promised, vote.ballot) for peer, vote in votes.items()))
        waited = self._still.of((job.id, case.round, "votes"), marks, self._clock.monotonic())
        has_asked = editions.is_own(job, self._peer_id, mine.promised)
        ready = (self._is_unread(case, votes) and self._edition(case) is not None
                 and not has_asked)
        if not job.inc or (first and not any(vote.promised for vote in votes.values())):
            return False
        if mine.taken is not None and mine.ballot == mine.promised:
            return False
        if editions.creator(job) == self._peer_id and not any(vote.promised or vote.taken
                                                             for vote in votes.values()):
            return True  # its disk is a new one, so it must ask first
        turn = job.peers.index(self._peer_id)
        return bool(self._patience) and waited >= self._patience * ((not ready) + turn / 4)

    def _forced(self, case: Case, vote: Vote | None) -> Edition | None:
        """The edition that a person closed the job with, on this replica."""
        close = case.here.close
        if close is None or close.round < case.round or not self._may_end(case):
            return None
        edition = (vote and vote.taken) or self._edition(case)
        return replace(edition, forced=True, by=self._peer_id) if edition else None

    def _edition(self, case: Case) -> Edition | None:
        """This peer's own edition of the round, once it is made."""
        key = case.job.id, case.round
        if key not in self._made:
            self._errands.add(f"sealing round {case.round} of job {case.job.id}",
                              partial(self._make, case.job.id, case.round),
                              longest=LONGEST_PAUSE,
                              mark=tuple(case.parts(self._shelf.unreadable())))
        return self._made.get(key)

    def _make(self, job_id: str, number: int) -> None:
        case = self._cases.get(job_id)
        if case is None or case.round != number or not case.is_open:
            return  # it has ended meanwhile
        if (job_id, number) in self._made:
            return
        edition = make_edition(case, self._shelf, self._files, by=self._peer_id,
                               clock=self._clock, cache=self._cache)
        self._made[job_id, number] = edition
        self._carried.add(edition.manifest_cid)

    def _read(self, edition: Edition) -> None:
        check_edition(self._files, edition)
        self._carried.add(edition.manifest_cid)


def _has_stopped(case: Case, peer: str, start: int, end: int) -> bool:
    """Whether a peer stored all that it has of its share in this round."""
    return any(owner == peer and (part.start, part.end) == (start, end)
               for owner, part in case.parts())
