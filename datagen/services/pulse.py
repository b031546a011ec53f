"""Which workers are alive, and what it means for a job that some are not."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from datagen.domain.editions import is_quorum
from datagen.domain.folds import Case
from datagen.domain.peers import peer_name
from datagen.ports import Clock
from datagen.protocol.board import Beat

GONE_AFTER = 90.0  # seconds without a sign of life: three beats missed
BACK_WITHIN = 45.0  # seconds after the store is back, until a live worker's beat is there again


class Pulse:
    """Which workers are alive, by their beats.

    A beat carries its peer's own clock, which may be wrong; so a beat that changes while
    we watch counts from the moment we saw it.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}  # beat, monotonic of life
        self._felt_at = float("-inf")
        self._now = 0.0

    def feel(self, beats: Mapping[str, Beat], clock: Clock, *, blind: bool = False) -> None:
        """Take in the beats as just read; ``blind``: until now, none could be.

        Who could not read them could not be told either: silence tells nothing at first.
        """
        self._now = clock.monotonic()
        if blind:
            earliest = self._now - GONE_AFTER + BACK_WITHIN
            self._seen = {peer: (mark, max(moment, earliest))
                          for peer, (mark, moment) in self._seen.items()}
        watching = self._now - self._felt_at < GONE_AFTER
        for peer, beat in beats.items():
            known, mark = self._seen.get(peer), (beat.inc, beat.seq)
            if known is not None and known[0] == mark:
                continue
            age = abs((clock.now() - beat.at).total_seconds())
            self._seen[peer] = (mark, self._now if known and watching else self._now - age)
        if beats:  # while nothing runs nobody looks: then a beat's own time counts again
            self._felt_at = self._now

    def not_closed(self, case: Case) -> str | None:
        """A sentence when all is there and too few peers live to agree on it."""
        peers = case.job.peers
        if len(peers) == 1 or not (case.is_complete() or case.asked.ends(case.round)):
            return None
        silent = [peer for peer in peers if self._age(peer) >= GONE_AFTER]
        if is_quorum(case.job, [peer for peer in peers if peer not in silent]):
            return None
        what = "Complete" if case.is_complete() else "Cancelled"
        return (f"{what}, not closed: {len(silent)} of {len(peers)} peers can't be reached. It "
                "closes by itself once more of them are back; or close it here as it is.")

    def silent(self, peers: Collection[str]) -> dict[str, float]:
        """Seconds since the last sign of life of each that gave one."""
        return {peer: self._age(peer) for peer in peers if peer in self._seen}

    def _age(self, peer: str) -> float:
        """Seconds since its last sign of life; infinite where there was none."""
        return self._now - self._seen[peer][1] if peer in self._seen else float("inf")

    def missing(self, case: Case, peers: Collection[str]) -> str | None:
        """A sentence when a peer that still has work shows no sign of life."""
        job = case.job
        busy = [peer for peer, share in case.shares.items() if not case.is_covered(share)]
        ages = {peer: self._age(peer) for peer in busy if peer in self._seen}
        silent = [peer for peer in busy if ages.get(peer, GONE_AFTER) >= GONE_AFTER]
        if not silent:
            return None
        if len(job.peers) > 1:
            return (f"No sign of life from {', '.join(map(peer_name, silent))}. "
                    "The other peers take over what is left to it, by and by.")
        if silent[0] not in peers:
            return (f"This job is left to {peer_name(silent[0])}, which is no peer any more "
                    "(R1EN_HOST_ADDR, R1EN_CHAINSTORE_PEERS). Name it again, or create the "
                    "dataset again.")
        if not ages:
            return ("No worker has been seen yet. `python -m datagen up` runs one; "
                    "`python worker.py` is one alone.")
        return (f"The worker was last seen {_ago(min(ages.values()))} ago. "
                "Its log may say why; `python worker.py` starts one.")


def _ago(seconds: float) -> str:
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {word}{'s' if number > 1 else ''}"
    return f"{int(seconds)} seconds"
