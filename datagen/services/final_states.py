"""How each peer ended its share of a job that is over: read once they all told, then remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from datagen.domain.errors import StoreError
from datagen.domain.jobs import Job, PeerState, heard, shares
from datagen.ports import Clock
from datagen.protocol.board import Board
from datagen.services.patience import Patience
from datagen.services.recent import Recent


@dataclass(frozen=True, kw_only=True)
class _Kept:
    job: Job
    states: Mapping[str, PeerState]
    good_until: float  # monotonic; infinite once every peer told its end


class FinalStates:
    """Safe to call from any thread."""

    def __init__(self, *, board: Board, clock: Clock, patience: Patience, poll: float) -> None:
        """``poll``: seconds after which peers that have not told their end are asked again."""
        self._board, self._clock, self._patience, self._poll = board, clock, patience, poll
        self._kept: Recent[str, _Kept] = Recent(64)

    def of(self, job: Job) -> Mapping[str, PeerState]:
        """By peer. Raises StoreError where they were never read and can't be."""
        known = self._kept.get(job.id)
        if known is not None and known.job == job and self._clock.monotonic() < known.good_until:
            return known.states
        try:
            return self._patience.ask(("states", job.id), partial(self._read, job))
        except StoreError:
            if known is None:
                raise
            return known.states

    def _read(self, job: Job) -> Mapping[str, PeerState]:
        now, states = self._clock.monotonic(), heard(job, self._board.states(job.id))
        whole = all(
            peer in states and states[peer].finished_at
            for peer, share in shares(job.total_records, job.peers).items() if len(share)
        )
        self._kept.put(job.id, _Kept(
            job=job, states=states, good_until=float("inf") if whole else now + self._poll))
        return states
