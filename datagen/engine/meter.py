"""Counts what this peer's worker asks of models, over all its starts (DATA.md, 1).

The count is on its own disk within seconds, and in its field of the store within half a
minute. A disk that is lost takes with it only that: the next one has a field of its own.
"""

from __future__ import annotations

import asyncio
import logging
import math

from datagen.domain.errors import StoreError
from datagen.domain.usage import Usage
from datagen.engine.counts import Counts
from datagen.engine.pace import Backoff, Pace
from datagen.ports import Desk
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.fields import dumps
from datagen.protocol.usage import load_usage, usage_field, usage_record

_LOG = logging.getLogger(__name__)
KEEP_EVERY = 2.0  # seconds between two looks for something new to keep on the disk
SAY_EVERY = 30.0  # at least, between two writes to the store
ALONE = 300.0  # the same while no other node confirms anything: each write blocks a node for 30 s
LONGEST_PAUSE = 86_400.0  # until an old count is said again, for nodes that missed it


class Meter:
    """One peer's count; ``run`` is one life of its worker."""

    def __init__(self, *, peer_id: str, board: Board, desk: Desk, pace: Pace) -> None:
        self._peer_id, self._board, self._desk, self._pace = peer_id, board, desk, pace
        self.counts = Counts()  # in this life
        self._before: Usage | None = None  # by earlier lives; None: not read yet
        self._disk = ""
        self._kept: Usage | None = None
        self._said: Usage | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; stores that fail are waited out. ``keep`` once more afterwards."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_on(stop))
            group.create_task(self._say_on(stop))

    async def keep(self) -> bool:
        """Put what is new on the disk; whether it is there."""
        try:
            if self._before is None:
                await self._pace.aside(self._load)
            total = self._total
            if _differ(total, self._kept):
                await self._pace.aside(self._put, total)
        except StoreError as exc:
            _LOG.warning("What was asked of models is not on the disk yet: %s", exc)
            return False
        return True

    @property
    def _total(self) -> Usage:
        return self.counts.usage(self._pace.clock.monotonic()) + (self._before or Usage())

    async def _keep_on(self, stop: asyncio.Event) -> None:
        backoff = Backoff(self._pace, first=KEEP_EVERY)
        while not stop.is_set():
            pause = KEEP_EVERY if await self.keep() else backoff.next()
            if pause == KEEP_EVERY:
                backoff.reset()
            await self._pace.pause(pause, stop)

    async def _say_on(self, stop: asyncio.Event) -> None:
        pause, due = SAY_EVERY, -math.inf  # monotonic seconds
        backoff = Backoff(self._pace, first=SAY_EVERY, cap=ALONE)
        while not stop.is_set():
            kept, now = self._kept, self._pace.clock.monotonic()
            is_new = _differ(kept, self._said)
            if kept is None or kept == Usage() or now < due + (0.0 if is_new else pause):
                await self._pace.pause(KEEP_EVERY, stop)
                continue
            try:
                await self._pace.aside(self._say, kept)
            except StoreError as exc:
                _LOG.debug("What was asked of models is not told yet: %s", exc)  # a beat warns
                due = now + backoff.next()
                continue
            backoff.reset()
            due = now + (ALONE if self._board.is_alone else SAY_EVERY)
            pause = SAY_EVERY if is_new else min(2 * pause, LONGEST_PAUSE)

    def _load(self) -> None:
        """What earlier lives counted on this disk; a new one gets a name from the time."""
        for disk, text in self._desk.notes(keys.DESK_COUNTED).items():
            try:
                self._before, self._disk = load_usage(text), disk
            except ValueError as exc:
                _LOG.error("What was asked of models can't be read, and counts anew: %s", exc)
                self._desk.drop(keys.DESK_COUNTED, disk)
        if self._before is None:
            self._disk = str(int(self._pace.clock.now().timestamp() * 1000))
            self._before = Usage()
        self._kept = self._before

    def _put(self, total: Usage) -> None:
        self._desk.keep(keys.DESK_COUNTED, self._disk, dumps(usage_record(total)))
        self._kept = total

    def _say(self, total: Usage) -> None:
        """Write it, and never less than before.

        What an earlier life wrote may be more: where the disk was put back from a copy.
        """
        field = usage_field(self._peer_id, self._disk)
        if self._said is None:
            self._said = self._board.usages().get(field, Usage())
            self._before = self._said.joined(self._before or Usage())
        total = self._said.joined(total)
        self._board.count(field, total)
        self._said = total


def _differ(one: Usage | None, other: Usage | None) -> bool:
    """Whether there were calls in between: time alone passes always."""
    return (one and one.without_times()) != (other and other.without_times())
