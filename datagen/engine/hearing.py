"""What people ask of jobs, on its way between this replica's desk and the board.

All methods block. Raises StoreError.
"""

from __future__ import annotations

import functools
from collections.abc import Collection

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.jobs import Job
from datagen.ports import Desk
from datagen.protocol.board import Board
from datagen.protocol.requests import ask_here

PER_LOOK = 5  # jobs that are over, of which one look hears what others were asked


class Hearing:
    """Hears what the other replicas were asked, and tells them what this one knows."""

    def __init__(self, *, peer_id: str, board: Board, desk: Desk) -> None:
        self._peer_id, self._board, self._desk = peer_id, board, desk
        self._unsure: set[str] = set()  # jobs of which the store failed to take what we said
        self._turn = 0  # of the jobs that are over, the next to ask about

    def of(self, job_id: str, here: Asked) -> Asked:
        """What all know by now of one job: kept on our own disk, then said to the others."""
        said = self._board.asked(job_id)
        known = _joined(said.values(), here)
        ask_here(self._desk, job_id, known)
        if said.get(self._peer_id, NOTHING) != known or job_id in self._unsure:
            self._unsure.add(job_id)  # a node that fails may show it and have told nobody
            self._board.ask(job_id, self._peer_id, known)
            self._unsure.discard(job_id)
        return known

    def of_some(self, over: Collection[Job]) -> None:
        """Note what others want deleted among the jobs that are over, a few at each look."""
        shared = [job.id for job in over if self._peer_id in job.peers and len(job.peers) > 1]
        for job_id in shared[self._turn : self._turn + PER_LOOK]:
            known = _joined(self._board.asked(job_id).values())
            if known.delete:
                ask_here(self._desk, job_id, known)
        self._turn = self._turn + PER_LOOK if self._turn + PER_LOOK < len(shared) else 0


def _joined(said: Collection[Asked], start: Asked = NOTHING) -> Asked:
    return functools.reduce(Asked.joined, said, start)
