"""A share's progress on its way to the board. Never in the way of generation."""

from __future__ import annotations

import asyncio
import logging
import math

from datagen.domain.errors import StoreError
from datagen.domain.jobs import PeerState
from datagen.engine.journal import Journal
from datagen.engine.pace import Backoff, Pace
from datagen.engine.tally import Tally
from datagen.protocol.board import Board

_LOG = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two looks; by default between two writes of one job, at least
AGAIN = 60.0  # seconds until it is written again, though nothing changed: a node may lack it
AT_LATEST = 5.0  # seconds until a change is written, whatever changed


class Reporter:
    """Writes the newest PeerState, one write at a time; older ones are skipped.

    At the start, after the first record, then every ``update_every`` records, at most
    once in ``every`` seconds; anything else that changed within 5 s. What can't be written
    now is written later.
    """

    def __init__(
        self, *, board: Board, job_id: str, tally: Tally, journal: Journal, pace: Pace,
        update_every: int, every: float = EVERY,
    ) -> None:
        self._board, self._job_id = board, job_id
        self._tally, self._journal, self._pace = tally, journal, pace
        self._update_every, self._every = update_every, every
        self._backoff = Backoff(pace)
        self._told: tuple[int, int] | None = None  # records and changes as of the last write
        self._tried_at = -math.inf  # monotonic seconds
        self._not_before = -math.inf

    async def run(self, done: asyncio.Event) -> None:
        """Write when a write is due, until ``done``."""
        while not done.is_set():
            if self._due():
                await self._tell()
            elif self._journal.dirty:
                await self._quietly(None)
            await self._pace.pause(EVERY, done)

    async def last_word(self, stop: asyncio.Event) -> bool:
        """Write what there is to say; True when it is stored.

        Tries again until it works; after ``stop`` one failure is enough, since the
        next start says it again.
        """
        while True:
            now = self._pace.clock.monotonic()
            every = min(self._every, EVERY)  # others wait for it
            await self._pace.pause(max(0.0, min(every, self._tried_at + every - now)))
            if await self._tell():
                return True
            if stop.is_set():
                return False
            await self._pace.pause(self._not_before - self._pace.clock.monotonic(), stop)

    def _due(self) -> bool:
        now = self._pace.clock.monotonic()
        if now < self._not_before:
            return False
        if self._told is None:
            return True
        if now - self._tried_at < self._every:
            return False
        records, changes = self._told
        new = self._tally.records - records
        if new >= self._update_every or (new and not records):  # the first one is waited for
            return True
        if now - self._tried_at >= AGAIN:
            return True
        return self._tally.changes != changes and now - self._tried_at >= AT_LATEST

    async def _tell(self) -> bool:
        telling = (self._tally.records, self._tally.changes)
        self._tried_at = self._pace.clock.monotonic()
        if not await self._quietly(self._tally.state()):
            self._not_before = self._pace.clock.monotonic() + self._backoff.next()
            return False
        self._told = telling
        self._not_before = -math.inf
        self._backoff.reset()
        return True

    async def _quietly(self, state: PeerState | None) -> bool:
        try:
            await self._pace.aside(self._write, state)
        except StoreError as exc:
            _LOG.log(logging.DEBUG if self._backoff.failing else logging.WARNING,
                     "Progress of job %s is not written yet: %s", self._job_id, exc)
            return False
        return True

    def _write(self, state: PeerState | None) -> None:
        self._journal.sync()
        if state is not None:
            self._board.report(self._job_id, state)
