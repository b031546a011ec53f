"""Signs of life: this peer's own, and what those of the others say (DATA.md, rule 13)."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Mapping

import datagen
from datagen.domain.errors import StoreError
from datagen.domain.peers import Vitals
from datagen.engine.pace import Backoff, Pace
from datagen.engine.returning import SILENT
from datagen.engine.stillness import Stillness
from datagen.ports import Desk
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.fields import to_iso
from datagen.protocol.revoked import Revoked, worth_telling

_LOG = logging.getLogger(__name__)
BEAT_EVERY = 30.0  # seconds between two signs of life
ALONE = 60.0  # instead, while no other node confirms anything: each write then takes so long
NEWS_EVERY = 0.5  # seconds between two looks for sessions that were ended on this replica
HEAR_EVERY = 4.0  # seconds between two looks at the others' signs of life


class Signs:
    """One peer's; ``run`` is one start of its worker.

    Where a machine or its configuration was copied, two workers have one id, and would write
    each other's fields: the one that was started last goes on, and the other stands aside.
    """

    def __init__(
        self, *, peer_id: str, peers: Collection[str], board: Board, desk: Desk, pace: Pace,
        vitals: Callable[[], Vitals] = Vitals,
    ) -> None:
        """``peers``: all that are listed. Alone, there is nobody to tell or to hear.

        ``vitals``: how this process gets on with its store.
        """
        self._vitals = vitals
        self._peer_id, self._others = peer_id, frozenset(peers) - {peer_id}
        self._board, self._desk, self._pace = board, desk, pace
        self._revoked = Revoked(desk=desk, clock=pace.clock)
        self._told: frozenset[str] = frozenset()  # ended sessions no beat has to be hurried for
        self._pulses: dict[str, tuple[int, int]] = {}  # (inc, seq) of the others' last beats
        self._shown: tuple[int, int] | None = None  # the same of what the board has under our id
        self._is_doubled = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``, which is set here once a later worker has our id.

        The board takes no more writes by then. A store that fails is waited out.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat(stop))
            if self._others:
                group.create_task(self._hear(stop))

    async def outwait(self, stop: asyncio.Event) -> None:
        """Hear the others, and until the later worker was silent for long, or ``stop``."""
        still, waited = Stillness(), 0.0
        while waited < SILENT and not stop.is_set():
            if await self._heard():
                waited = still.of("beat", self._shown, self._pace.clock.monotonic())
            await self._pace.pause(HEAR_EVERY, stop)

    async def _beat(self, stop: asyncio.Event) -> None:
        backoff = Backoff(self._pace)
        for seq in itertools.count(1):
            if stop.is_set():
                return
            try:
                await self._pace.aside(self.say, seq)
            except StoreError as exc:
                _LOG.log(logging.DEBUG if backoff.failing else logging.WARNING,
                         "The sign of life is not written yet: %s", exc)
                await self._pace.pause(backoff.next(), stop)
            else:
                backoff.reset()
                if self._is_doubled:
                    stop.set()
                await self._rest(stop)

    async def _rest(self, stop: asyncio.Event) -> None:
        """Until the next beat is due, or something was ended here that the others must know."""
        if not self._others:
            await self._pace.pause(BEAT_EVERY, stop)
            return
        pause = ALONE if self._board.is_alone else BEAT_EVERY
        until = self._pace.clock.monotonic() + pause
        while not stop.is_set() and self._pace.clock.monotonic() < until:
            await self._pace.pause(NEWS_EVERY, stop)
            try:
                if await self._pace.aside(self.has_news):
                    return
            except StoreError as exc:
                _LOG.debug("Ended sessions can't be read now: %s", exc)  # the next beat warns

    async def _hear(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._heard()
            if self._is_doubled:
                stop.set()
            await self._pace.pause(HEAR_EVERY, stop)

    async def _heard(self) -> bool:
        """Whether the signs of life could be read."""
        try:
            await self._pace.aside(self.hear)
        except StoreError as exc:
            _LOG.debug("Signs of life can't be read now: %s", exc)  # whoever writes warns
            return False
        return True

    def say(self, seq: int) -> None:
        """Write beat number ``seq`` of this start, unless there is a later one.

        Blocks; raises StoreError.
        """
        self._look_for_a_double(self._board.beats())
        if self._is_doubled:
            return
        known = self._revoked.known() if self._others else {}
        self._board.beat(Beat(
            peer_id=self._peer_id, seq=seq, version=datagen.__version__,
            at=self._pace.clock.now(), revoked=worth_telling(known, seq), vitals=self._vitals(),
        ))
        self._told = frozenset(known)

    def has_news(self) -> bool:
        """Whether a session was ended here since the last beat. Blocks; raises StoreError."""
        return not self._told.issuperset(self._revoked.known())

    def hear(self) -> None:
        """Note which sessions ended elsewhere, and that somebody was heard. Blocks.

        Our next beat passes on what others told; our own last one counts too, for it may say
        more than a disk that is new. Raises StoreError.
        """
        known, now = self._revoked.known(), self._pace.clock.now()
        heard: dict[str, tuple[int, int]] = {}
        beats = self._board.beats()
        self._look_for_a_double(beats)
        for peer, beat in beats.items():
            if peer in self._others:
                heard[peer] = (beat.inc, beat.seq)
            for mark, until in beat.revoked.items():
                if mark not in known and until > now:
                    self._told |= {mark}
                    self._revoked.add(mark, until)
        before, self._pulses = self._pulses, heard
        if any(peer in before and before[peer] != pulse for peer, pulse in heard.items()):
            self._desk.keep(keys.DESK_HEARD, "beat", to_iso(now))

    def _look_for_a_double(self, beats: Mapping[str, Beat]) -> None:
        """Write nothing any more once a later worker beats under our id (DATA.md, rule 1)."""
        beat = beats.get(self._peer_id)
        self._shown = (beat.inc, beat.seq) if beat else None
        if self._is_doubled or beat is None or beat.inc <= self._board.inc:
            return
        self._board.end()
        self._desk.keep(keys.DESK_DOUBLE, "since", to_iso(self._pace.clock.now()))
        _LOG.error(
            "Another worker was started as peer '%s' after this one, so this one stops. It goes "
            "on once the other has been silent for %d s. No two replicas may have one id: stop "
            "one of them, or set R1EN_HOST_ADDR to an id of its own.", self._peer_id, SILENT)
        self._is_doubled = True
