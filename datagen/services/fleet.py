"""All peers, as far as this replica was told: for admins."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from datagen.domain.jobs import shares
from datagen.domain.peers import Vitals
from datagen.ports import Clock
from datagen.protocol.board import Board
from datagen.services.jobs import Jobs
from datagen.services.patience import Patience
from datagen.services.pulse import GONE_AFTER, Pulse


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One peer."""

    id: str
    is_here: bool  # it is this replica
    silent_for: float | None  # seconds since its last sign of life; None = never seen
    version: str | None
    waiting_jobs: int  # open jobs of which it has something left to do
    waiting_records: int
    vitals: Vitals

    @property
    def is_alive(self) -> bool:
        return self.silent_for is not None and self.silent_for < GONE_AFTER


class Fleet:
    """Safe to call from any thread."""

    def __init__(
        self, *, board: Board, jobs: Jobs, peers: Sequence[str], peer_id: str, clock: Clock,
        patience: Patience,
    ) -> None:
        self._board, self._jobs, self._clock = board, jobs, clock
        self._listed, self._peer_id, self._patience = peers, peer_id, patience
        self._pulse, self._lock = Pulse(), threading.Lock()

    def peers(self) -> list[Peer]:
        """The listed ones, in their order. Raises StoreError."""
        beats = self._patience.ask("fleet", self._board.beats)
        with self._lock:
            self._pulse.feel(beats, self._clock)
            silent = self._pulse.silent(self._listed)
        waiting = self._waiting()
        return [Peer(
            id=peer, is_here=peer == self._peer_id, silent_for=silent.get(peer),
            version=beats[peer].version if peer in beats else None,
            waiting_jobs=waiting.get(peer, (0, 0))[0],
            waiting_records=waiting.get(peer, (0, 0))[1],
            vitals=beats[peer].vitals if peer in beats else Vitals(),
        ) for peer in self._listed]

    def _waiting(self) -> dict[str, tuple[int, int]]:
        """Jobs and records that are left to each peer."""
        found: dict[str, tuple[int, int]] = {}
        for view in self._jobs.snapshot().views.values():
            if view.job.is_over:
                continue
            for peer, share in shares(view.job.total_records, view.job.peers).items():
                state = view.states.get(peer)
                left = len(share) - (state.generated_ok + state.generated_failed if state else 0)
                if left > 0:
                    jobs, records = found.get(peer, (0, 0))
                    found[peer] = (jobs + 1, records + left)
        return found
