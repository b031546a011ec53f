"""How a round of a job ends: one edition of its dataset, on which a quorum of its peers agrees.

Every peer says in a field of its own which proposals it still takes and which one it took. A
proposal counts once a quorum took it under the same ballot, and whoever proposes under a higher
one has first heard of a quorum what it took before: so two editions of one round are never both
chosen, however late or torn the messages are (Lamport, "Paxos made simple"; a peer's field is
its acceptor, whoever reads it its learner).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.jobs import Edition, Job


@dataclass(frozen=True, kw_only=True)
class Vote:
    """Where a peer stands in the choice of one round's edition."""

    round: int
    promised: int = 0  # proposals under lower ballots are not taken any more
    ballot: int = 0  # under which ``taken`` was proposed
    taken: Edition | None = None


@dataclass(frozen=True, kw_only=True)
class Word:
    """What one peer says of a job beside its share: only that peer's worker writes it."""

    peer_id: str
    asked: Asked = NOTHING
    vote: Vote | None = None
    ended: Edition | None = None  # the latest edition that this peer knows to be sealed
    inc: int = 0  # as read
    rev: int = 0


def creator(job: Job) -> str:
    """The peer that closes the job while it lives."""
    return job.creator if job.creator in job.peers else job.peers[0]


def is_quorum(job: Job, peers: Collection[str]) -> bool:
    """Whether these are more than half of the job's peers; its creator counts 3, others 2.

    The peers of a job that the earlier application made can't vote: the first of them decides.
    """
    if not job.inc:
        return creator(job) in peers
    weights = {peer: 3 if peer == creator(job) else 2 for peer in job.peers}
    return 2 * sum(weights[peer] for peer in weights if peer in peers) > sum(weights.values())


def own_ballot(job: Job, peer: str, above: int) -> int:
    """The lowest ballot of this peer's own that is higher than ``above``.

    0 is the creator's first; nobody need be asked before it.
    """
    count = len(job.peers)
    number = job.peers.index(peer) + 1
    return number + max(0, (above - number) // count + 1) * count


def is_own(job: Job, peer: str, ballot: int) -> bool:
    """Whether it is one of this peer's own, after the creator's first."""
    return ballot > 0 and own_ballot(job, peer, ballot - 1) == ballot


def votes_of(job: Job, words: Mapping[str, Word], number: int) -> dict[str, Vote]:
    """Where the job's peers stand in that round; nothing of those that did not vote yet."""
    return {peer: vote for peer in job.peers
            if peer in words and (vote := words[peer].vote) and vote.round == number}


def chosen(job: Job, votes: Mapping[str, Vote]) -> Edition | None:
    """The edition that a quorum took under one ballot."""
    taken = {vote.ballot: vote.taken for vote in votes.values() if vote.taken}
    for ballot, edition in taken.items():
        if is_quorum(job, [peer for peer, vote in votes.items()
                           if vote.taken and vote.ballot == ballot]):
            return edition
    return None


def sealed(job: Job, words: Mapping[str, Word]) -> Edition | None:
    """The job's latest sealed edition, as these peers' words show it."""
    known = {peer: words[peer] for peer in job.peers if peer in words}
    found = [word.ended for word in known.values() if word.ended]
    rounds = {word.vote.round for word in known.values() if word.vote}
    found += [edition for number in rounds
              if (edition := chosen(job, votes_of(job, known, number)))]
    return latest(job, found)


def latest(job: Job, editions: Iterable[Edition | None]) -> Edition | None:
    """Of sealed editions the one that counts: of the highest round, one closed by a person first.

    Where two persons closed one round apart from each other, the earlier in ``peers`` counts.
    """
    def rank(edition: Edition) -> tuple[int, bool, int, str]:
        place = job.peers.index(edition.by) if edition.by in job.peers else len(job.peers)
        return edition.round, edition.forced, -place, edition.manifest_cid

    return max((one for one in editions if one), key=rank, default=None)


def heard(mine: Vote, votes: Mapping[str, Vote]) -> Vote:
    """This peer's vote after it heard of the others' ballots: it keeps to the highest."""
    promised = max([mine.promised, *(vote.promised for vote in votes.values())])
    return mine if promised == mine.promised else replace(mine, promised=promised)


def proposal(mine: Vote, votes: Mapping[str, Vote]) -> tuple[int, Edition] | None:
    """What this peer should take next: ballot and edition, once it has read that edition."""
    found = max(((vote.ballot, vote.taken) for vote in votes.values() if vote.taken),
                key=lambda one: one[0], default=None)
    if found is None or found[0] < mine.promised:
        return None
    if mine.taken is not None and found[0] <= mine.ballot:
        return None
    return found


def take(mine: Vote, ballot: int, edition: Edition) -> Vote:
    """This peer's vote once it took a proposal that it still may take."""
    return replace(mine, promised=max(mine.promised, ballot), ballot=ballot, taken=edition)


def may_propose(job: Job, peer: str, mine: Vote, votes: Mapping[str, Vote], *,
                first: bool) -> bool:
    """Whether this peer can put an edition up under the ballot that it promised.

    ``first``: it is the creator on the disk on which the job was made, so nobody but it ever
    used ballot 0. Else a quorum must have promised the ballot, which must be its own.
    """
    if mine.taken is not None and mine.ballot == mine.promised:
        return False  # it is up already
    if not mine.promised:
        return first and mine.taken is None
    promised = [one for one, vote in {**votes, peer: mine}.items()
                if vote.promised == mine.promised]
    return is_own(job, peer, mine.promised) and is_quorum(job, promised)


def bound_to(votes: Mapping[str, Vote], ballot: int) -> Edition | None:
    """The edition that must be put up under ``ballot``; None = any may.

    Of what those took who promised it, that of the highest ballot.
    """
    found = max(((vote.ballot, vote.taken) for vote in votes.values()
                 if vote.taken and vote.promised == ballot),
                key=lambda one: one[0], default=None)
    return found[1] if found else None
