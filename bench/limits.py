"""The limiter against servers that don't say what they can do, from a start that knows nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.endpoint import endpoint
from bench.replica import replica
from bench.table import Figure

LATENCY = 0.2  # seconds
BOUND = 256  # calls at once that DATAGEN_MAX_IN_FLIGHT allows
RUNS = 3
LIMIT, SEATS = 32, 16
SECONDS = 25  # that one run takes at best
OF_CAPACITY, WASTED = 0.88, 0.05
NEAR = 0.2  # of the best fixed level


def measure() -> Iterator[Figure]:
    """A hidden limit, then a server that never refuses and only gets slower; three runs each."""
    for number in range(1, RUNS + 1):
        yield from _hidden(number)
    for number in range(1, RUNS + 1):
        yield from _never_refusing(number)


def _hidden(number: int) -> Iterator[Figure]:
    """It answers 429 to the 33rd call at once, and doesn't say that there are 32 places."""
    records = int(SECONDS * LIMIT / LATENCY)
    with _run(records, limit=LIMIT) as counts:
        share = counts["answered"] / counts["seconds"] * LATENCY / LIMIT
        wasted = counts["refused"] / records
    yield Figure(what=f"hidden limit of {LIMIT}, run {number}: of its capacity", value=share,
                 least=OF_CAPACITY)
    yield Figure(what=f"hidden limit of {LIMIT}, run {number}: refused calls a record",
                 value=wasted, most=WASTED)


def _never_refusing(number: int) -> Iterator[Figure]:
    """It works on 16 calls and lets all others wait: 16 at once bring the most, and no delay."""
    records = int(SECONDS * SEATS / LATENCY)
    with _run(records, settles=True, seats=SEATS) as counts:
        level = counts["mean_in_flight"] / SEATS
        share = counts["answered"] / counts["seconds"] * LATENCY / SEATS
    yield Figure(what=f"{SEATS} seats, run {number}: calls at once, of the best level",
                 value=level, least=1 - NEAR, most=1 + NEAR)
    yield Figure(what=f"{SEATS} seats, run {number}: of the best level's records", value=share,
                 least=1 - NEAR)


@contextmanager
def _run(records: int, *, settles: bool = False, **behaviour: float) -> Iterator[dict[str, Any]]:
    """What the server saw of one job; ``settles``: of its second half."""
    with tempfile.TemporaryDirectory() as folder, endpoint(
        latency=LATENCY, **behaviour,
    ) as model, replica(Path(folder), model, in_flight=BOUND) as (here, worker):
        job_id = here.confirm(records)
        if settles:
            here.until(lambda: here.view(job_id).progress.done >= records / 2, worker)
            model.become()  # as it is; it counts anew
        here.until(lambda: here.view(job_id).job.is_over, worker)
        yield model.counts()
