"""What the peers' own words about a job add up to, at read time: the same for everybody who reads.

Pages, API and workers use these folds alike; nothing of what they say is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from datagen.domain import editions
from datagen.domain.asked import NOTHING, Asked
from datagen.domain.editions import Word
from datagen.domain.jobs import Edition, InFlight, Job, Part, PeerState, Share, Status, shares


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is."""

    status: Status
    ok: int
    failed: int
    total: int
    started_at: datetime | None
    finished_at: datetime | None
    in_flight: tuple[InFlight, ...]

    @property
    def done(self) -> int:
        """Final records, never more than were asked for, whatever a peer claims."""
        return min(self.ok + self.failed, self.total)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A job and all that is known of it at one moment."""

    job: Job
    states: Mapping[str, PeerState] = field(default_factory=dict)  # of its own peers
    words: Mapping[str, Word] = field(default_factory=dict)  # by peer id
    here: Asked = NOTHING  # what was asked on this replica
    read_at: float = 0.0  # monotonic seconds

    @cached_property
    def asked(self) -> Asked:
        """What was asked on any replica."""
        asked = self.here
        for word in self.words.values():
            asked = asked.joined(word.asked)
        return asked

    @cached_property
    def edition(self) -> Edition | None:
        """The latest sealed edition: what people can download."""
        found = [self.job.edition, editions.sealed(self.job, self.words)]
        return editions.latest(self.job, found)

    @cached_property
    def round(self) -> int:
        """The round that is worked on, or was the last one."""
        if self.edition is None:
            return 0
        retry = self.asked.retry
        again = retry is not None and retry.round >= self.edition.round
        return self.edition.round + again

    @cached_property
    def is_open(self) -> bool:
        """Whether its last round has not ended."""
        if self.edition is None:
            return not self.job.is_over  # the earlier application's have no edition
        return self.round > self.edition.round

    @cached_property
    def shares(self) -> Mapping[str, Share]:
        """The peers' shares, those without a record left out."""
        return {peer: share for peer, share in
                shares(self.job.total_records, self.job.peers).items() if len(share)}

    def parts(self, without: Collection[str] = ()) -> Iterator[tuple[str, Part]]:
        """Who stored what of this round; ``without``: ids of files that can't be read."""
        for peer in self.job.peers:
            if peer in self.states:
                for part in parts_of(self.states[peer]):
                    if part.round == self.round and part.cid not in without:
                        yield peer, part

    def is_covered(self, share: Share, without: Collection[str] = ()) -> bool:
        """Whether files hold whatever is due of this round in that range."""
        return not any(self._gaps(share, without))

    def is_complete(self, without: Collection[str] = ()) -> bool:
        """Whether files hold all of this round."""
        return all(self.is_covered(share, without) for share in self.shares.values())

    def _gaps(self, share: Share, without: Collection[str]) -> Iterator[Share]:
        at = share.start
        spans = sorted((part.start, part.end) for _, part in self.parts(without) if part.whole)
        for start, end in spans:
            if start > at:
                break
            at = max(at, end)
        if at < share.end:
            yield Share(start=at, end=share.end)

    def counts(self, peer: str) -> tuple[int, int]:
        """Records of that peer's share that are final in this round: good ones, failed ones.

        Of those who work or worked on it, what the one says who is farthest.
        """
        share = self.shares.get(peer)
        if share is None:
            return 0, 0
        said = [counts for state in self.states.values()
                for counts in _claims(state, peer, share, self.round)]
        ok, failed = max(said, key=sum, default=(0, 0))
        return min(ok, len(share)), min(failed, len(share) - min(ok, len(share)))

    @cached_property
    def all_counts(self) -> Mapping[str, tuple[int, int]]:
        """The same for every share, by peer."""
        return {peer: self.counts(peer) for peer in self.shares}

    def signs(self, peer: str) -> tuple[tuple[int, int], ...]:
        """What all say that they have of that peer's share: it changes when anybody gets on."""
        share = self.shares.get(peer)
        return () if share is None else tuple(
            counts for one in self.job.peers if one in self.states
            for counts in _claims(self.states[one], peer, share, self.round))

    def helpers(self) -> Mapping[str, str]:
        """Who works on whose share instead of them: helper by helped."""
        return {state.effort.of: peer for peer, state in self.states.items()
                if self.is_open and state.effort and state.effort.of != peer
                and state.effort.round == self.round
                and state.effort.of in self.shares
                and not self.is_covered(self.shares[state.effort.of])}

    @cached_property
    def progress(self) -> Progress:
        """The job as it stands; a sealed end stands whatever its peers say."""
        job, edition = self.job, self.edition
        if not self.is_open:
            return _over(job, edition)
        base = edition.ok if edition else 0
        counts = self.all_counts.values()
        ok = min(base + sum(good for good, _ in counts), job.total_records)
        starts = [state.started_at for state in self.states.values() if state.started_at]
        return Progress(
            status="running" if starts else "queued", ok=ok,
            failed=min(sum(bad for _, bad in counts), job.total_records - ok),
            total=job.total_records, started_at=min(starts, default=None), finished_at=None,
            in_flight=tuple(item for state in self.states.values() for item in state.in_flight),
        )


def parts_of(state: PeerState) -> tuple[Part, ...]:
    """What a peer stored; the earlier application stored a share as a whole, or nothing."""
    if state.parts or state.inc or not (state.result_cid and state.finished_at):
        return state.parts
    return (Part(start=state.share.start, end=state.share.end, cid=state.result_cid,
                 ok=state.generated_ok, failed=state.generated_failed),)


def ended(job: Job, edition: Edition) -> Job:
    """The job's entry in the list once an edition is sealed: the same, whoever writes it."""
    spent = edition.finished_at - (edition.started_at or edition.finished_at)
    return replace(
        job, status=edition.status, total_generated=edition.ok + edition.failed,
        total_ok=edition.ok, total_failed=edition.failed, started_at=edition.started_at,
        finished_at=edition.finished_at, updated_at=edition.finished_at,
        records_duration_ms=max(0, round(spent.total_seconds() * 1000)), error=edition.error,
        cancelled_at=edition.cancelled_at, cancelled_by=edition.cancelled_by,
        edition=edition if job.inc else None,  # else anybody could have written it
    )


def _over(job: Job, edition: Edition | None) -> Progress:
    over = ended(job, edition) if edition else job
    return Progress(
        status=over.status, ok=over.total_ok, failed=over.total_failed,
        total=job.total_records, started_at=over.started_at, finished_at=over.finished_at,
        in_flight=(),
    )


def _claims(
    state: PeerState, peer: str, share: Share, number: int
) -> Iterator[tuple[int, int]]:
    """What one peer says that it has of another's share, or of its own."""
    if state.peer_id == peer and not number:
        yield state.generated_ok, state.generated_failed
    effort = state.effort
    if effort and (effort.of, effort.round) == (peer, number):
        yield effort.ok, effort.failed
    stored = [part for part in parts_of(state) if part.round == number
              and share.start <= part.start and part.end <= share.end]
    yield sum(part.ok for part in stored), sum(part.failed for part in stored)
