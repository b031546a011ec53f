"""Which other peers are back, by their beats: they may have missed what was said meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass

from datagen.ports import Clock
from datagen.protocol.board import Board

SILENT = 100.0  # seconds without a beat: a peer that beats then was away


@dataclass(frozen=True, kw_only=True)
class _Pulse:
    inc: int
    seq: int
    since: float  # monotonic seconds; the first look that saw it


class Returning:
    """One peer's view of the others."""

    def __init__(self, *, peer_id: str, board: Board, clock: Clock) -> None:
        self._peer_id, self._board, self._clock = peer_id, board, clock
        self._pulses: dict[str, _Pulse] = {}  # of the other peers
        self._began_at = math.inf  # monotonic seconds of the first look

    def look(self) -> dict[str, bool]:
        """Who is back since the last look, and whether it was started anew (blocking).

        Raises StoreError.
        """
        now, back = self._clock.monotonic(), dict[str, bool]()
        self._began_at = min(self._began_at, now)
        for peer, beat in self._board.beats().items():
            before = self._pulses.get(peer)
            if peer == self._peer_id or (
                before is not None and (beat.inc, beat.seq) == (before.inc, before.seq)
            ):
                continue
            self._pulses[peer] = _Pulse(inc=beat.inc, seq=beat.seq, since=now)
            if before is not None:
                is_new = beat.inc != before.inc
                if is_new or now - before.since >= SILENT:
                    back[peer] = is_new
        return back

    def is_silent(self, peer: str) -> bool:
        """Whether it gave no sign of life for long, as of the looks until now."""
        pulse, now = self._pulses.get(peer), self._clock.monotonic()
        return now - (pulse.since if pulse else self._began_at) >= SILENT
