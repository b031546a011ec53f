"""How much faster several replicas are than one, with a model that always takes 0.2 s."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.world import world

RECORDS = 3200  # 20 s for four replicas, at best
IN_FLIGHT = 8
LATENCY = 0.2  # seconds


@dataclass(frozen=True, kw_only=True)
class Pace:
    """One run."""

    replicas: int
    generated: float  # seconds from the first model call to the last
    ended: float  # seconds from the confirmation until every replica calls it over


def bench(folder: Path) -> int:
    """Tell the pace of one to four replicas, as a share of linear."""
    sys.stdout.write("| replicas | seconds of generation | records a second | of linear "
                     "| seconds until over | of linear |\n|---|---|---|---|---|---|\n")
    one: Pace | None = None
    for replicas in range(1, 5):
        pace = _run(folder / str(replicas), replicas)
        one = one or pace
        sys.stdout.write(
            f"| {replicas} | {pace.generated:.1f} | {RECORDS / pace.generated:.1f} "
            f"| {one.generated / pace.generated / replicas:.2f} | {pace.ended:.1f} "
            f"| {one.ended / pace.ended / replicas:.2f} |\n")
        sys.stdout.flush()
    return 0


def _run(folder: Path, replicas: int) -> Pace:
    folder.mkdir(parents=True)
    with world(folder, replicas=replicas, in_flight=IN_FLIGHT, latency=LATENCY) as here:
        token = here.person.draft(0, RECORDS)
        began = time.monotonic()
        job_id = here.person.confirm(0, token)
        here.reached(RECORDS, 200)
        here.person.ended(job_id, 60)
        ended = time.monotonic() - began
        times = sorted(when for model in here.models for when in model.times)
        return Pace(replicas=replicas, generated=times[-1] - times[0] + LATENCY, ended=ended)
