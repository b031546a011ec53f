"""How a round of a job is brought to its end: an edition is made, and the peers agree on it.

All methods block, and wait for no file: what has to be read or stored is an errand.
"""

from __future__ import annotations

import hashlib
import io
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from datagen.domain import editions
from datagen.domain.asked import Request
from datagen.domain.editions import Vote, Word, votes_of
from datagen.domain.errors import StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition, PeerState
from datagen.engine.errands import Errands
from datagen.engine.journal import disk_faults
from datagen.engine.shelf import Shelf, written
from datagen.engine.stillness import Stillness
from datagen.ports import Clock, FileStore
from datagen.protocol.fields import dumps
from datagen.protocol.manifests import (
    MAX_KEYS,
    Manifest,
    check_edition,
    manifest_record,
    measured,
)

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
                edition = editions.bound_to(votes, mine.promised)
                if edition is None:
                    edition = self._edition(case)
                elif not self.carry(job.id, edition):
                    edition = None
                if edition is not None:
                    mine = editions.take(mine, mine.promised, edition)
            elif self._is_my_turn(case, votes, first=first):
                mine = replace(mine, promised=editions.own_ballot(job, me, mine.promised))
        return mine if mine != Vote(round=case.round) else None

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

    def _is_my_turn(self, case: Case, votes: Mapping[str, Vote], *, first: bool) -> bool:
        """Whether the end was waited for so long that this peer should try to bring it about."""
        now, job = self._clock.monotonic(), case.job
        marks = tuple(sorted((peer, vote.promised, vote.ballot) for peer, vote in votes.items()))
        waited = self._still.of((job.id, case.round, "votes"), marks, now)
        if not job.inc or (first and not any(vote.promised for vote in votes.values())):
            return False
        if editions.creator(job) == self._peer_id and not any(vote.promised or vote.taken
                                                             for vote in votes.values()):
            return True  # its disk is a new one, so it must ask first
        turn = job.peers.index(self._peer_id)
        return bool(self._patience) and waited >= self._patience * (1 + turn / 4)

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
                              longest=LONGEST_PAUSE)
        return self._made.get(key)

    def _make(self, job_id: str, number: int) -> None:
        case = self._cases.get(job_id)
        if case is None or case.round != number or not case.is_open:
            return  # it has ended meanwhile
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


@dataclass(kw_only=True)
class _Counts:
    ok: int = 0
    failed: int = 0
    last_error: str | None = None
    keys: dict[str, None] = field(default_factory=dict)  # of good records, as they appeared
    letters: int = 0  # of all these together

    @property
    def told(self) -> tuple[str, ...] | None:
        """The keys; None where they are too many to be told."""
        return tuple(self.keys) if self.letters <= MAX_KEYS else None

    def add(self, line: ResultLine) -> None:
        """One more record."""
        if line.ok and line.data is not None:
            self.ok += 1
            if self.letters <= MAX_KEYS and not line.data.keys() <= self.keys.keys():
                new = [key for key in line.data if key not in self.keys]
                self.keys.update(dict.fromkeys(new))
                self.letters += sum(map(len, new))
        else:
            self.failed += 1
            self.last_error = line.error or self.last_error


def make_edition(
    case: Case, shelf: Shelf, files: FileStore, *, by: str, clock: Clock, cache: Path
) -> Edition:
    """Read all parts of the round, and store the dataset and its manifest (blocking).

    Raises StoreError.
    """
    counts = _Counts()
    dataset = _stored(case, shelf, files, counts, cache)
    edition = _edition(case, counts, by=by, clock=clock)
    content = dumps(manifest_record(case.job.id, edition, dataset)).encode()
    cid = files.add(io.BytesIO(content), f"{case.job.id}_round{case.round}_manifest.json")
    return replace(edition, manifest_cid=cid, sha256=hashlib.sha256(content).hexdigest())


def _stored(
    case: Case, shelf: Shelf, files: FileStore, counts: _Counts, cache: Path
) -> Manifest:
    alone = _only_file(case, shelf)
    digest = hashlib.sha256()
    with disk_faults(cache):
        scratch = tempfile.TemporaryFile(dir=cache)  # noqa: SIM115 - closed below, outside the translation of its own errors
    with scratch:
        stream = cast("BinaryIO", scratch)
        for line in shelf.merged(case):
            counts.add(line)
            if not alone:
                content = written(line) + b"\n"
                digest.update(content)
                with disk_faults(cache):
                    stream.write(content)
        keys = counts.told
        if alone:
            sha256, size = measured(files, alone)
            return Manifest(cid=alone, sha256=sha256, keys=keys, size=size)
        if not counts.ok + counts.failed:  # there are file stores that refuse an empty file
            return Manifest(cid=None, sha256=digest.hexdigest(), keys=keys, size=0)
        with disk_faults(cache):
            size = stream.tell()
            stream.seek(0)
        cid = files.add(stream, f"{case.job.id}_round{case.round}.jsonl")
    return Manifest(cid=cid, sha256=digest.hexdigest(), keys=keys, size=size)


def _only_file(case: Case, shelf: Shelf) -> str | None:
    """The file that is the dataset already, as of a job with one peer."""
    parts = [(part, bool(case.states[peer].inc))
             for peer, part in case.parts(shelf.unreadable())]
    if case.edition is None and len(parts) == 1 and parts[0][1]:
        return parts[0][0].cid or None
    return None


def _edition(case: Case, counts: _Counts, *, by: str, clock: Clock) -> Edition:
    total, end = case.job.total_records, case.asked.ends(case.round)
    covered = counts.ok + counts.failed == total
    if not covered and end is None:
        raise StoreError("Some records of this job can't be read here any more.")
    error = None
    if not covered and end:
        error = _why_some(total, counts, end)
    elif not counts.ok:
        error = _why_none(counts)
    cancelled = None if covered else end
    times = [state.finished_at for state in case.states.values() if state.finished_at]
    is_plain = covered and not case.round and len(times) >= len(case.shares)
    return Edition(
        round=case.round, by=by, status="failed" if error else "succeeded",
        ok=counts.ok, failed=counts.failed, manifest_cid="", sha256="",
        started_at=(case.edition.started_at if case.edition else _started_at(case.states)),
        finished_at=max(times) if is_plain else clock.now(),
        error=error,
        cancelled_at=cancelled.at if cancelled else None,
        cancelled_by=cancelled.by if cancelled else None,
    )


def _started_at(states: Mapping[str, PeerState]) -> datetime | None:
    return min((state.started_at for state in states.values() if state.started_at), default=None)


def _why_some(total: int, counts: _Counts, end: Request) -> str:
    done = counts.ok + counts.failed
    if not done:
        return f"Cancelled by {end.by} before the first record."
    kept = " What was generated is kept." if counts.ok else ""
    return f"Cancelled by {end.by} after {done:,} of {total:,} records.{kept}"


def _why_none(counts: _Counts) -> str:
    reason = f" The last reason: {counts.last_error}" if counts.last_error else ""
    return (
        "Not one record could be used: no answer of the model fits the schema."
        f"{reason} Simplify the schema or use a stronger model, then create the dataset again."
    )
