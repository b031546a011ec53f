"""The limiter against servers that don't say what they can do, from a start that knows nothing.

And beside that: what it costs, and what single faults of a server cost.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.endpoint import endpoint
from bench.replica import replica
from bench.table import Figure
from datagen.adapters.clock import SystemClock
from datagen.domain.chat import Limits
from datagen.engine.level import Level
from datagen.engine.limiter import Limiter, Party
from datagen.engine.pace import Pace

LATENCY = 0.2  # seconds
BOUND = 256  # calls at once that DATAGEN_MAX_IN_FLIGHT allows
RUNS = 3
LIMIT, SEATS = 32, 16
SECONDS = 25  # that one run takes at best
OF_CAPACITY, WASTED = 0.88, 0.05
NEAR = 0.2  # of the best fixed level
FAILING, LOST = 0.05, 0.1  # share of answers that are a 500, and of the records a second lost
LANES, ROUNDS = 64, 60  # calls at once, and rounds of them, to a server that fails now and then
COST = 20.0  # µs of the processor for one call
SLOTS, CROWD, EACH, JOBS = 256, 1024, 200, 4  # records at once want slots, each so often


def measure() -> Iterator[Figure]:
    """A hidden limit, then a server that never refuses and only gets slower; three runs each."""
    yield _cost()
    yield _stumbling()
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


def _stumbling() -> Figure:
    """One answer in twenty is a 500: records a second, of those when none is.

    Both at the same time, so that the machine's noise befalls them alike.
    """
    with ThreadPoolExecutor() as both:
        (without, _), (speed, note) = both.map(_speed, (0.0, FAILING))
    return Figure(what=f"{FAILING:.0%} of answers a 500: records a second, of those without",
                  value=speed / without, least=1 - LOST,
                  note=f"{speed:.0f} of {without:.0f}; {note}")


def _speed(failing: float) -> tuple[float, str]:
    """Records a second at a server of which so many answers are a 500, and what it took."""
    with tempfile.TemporaryDirectory() as folder, endpoint(
        latency=LATENCY, failing=failing,
    ) as model, replica(Path(folder), model, in_flight=LANES) as (here, worker):
        here.make(LANES * ROUNDS // 4, worker, seed=2)
        model.become()  # as it is; it counts anew
        made = here.make(LANES * ROUNDS, worker)
        counts, job = model.counts(), here.view(made.job_id).job
    return job.total_ok / counts["seconds"], (
        f"{job.total_failed} failed, {counts['calls'] / made.records:.3f} calls a record")


def _cost() -> Figure:
    """What asking for a slot and giving it back takes, beside a loop that does neither."""
    async def calls(limiter: Limiter | None) -> float:
        parties = [Party() for _ in range(JOBS)]
        if limiter is not None:
            for party in parties:
                limiter.join(party)

        async def lane(party: Party) -> None:
            for _ in range(EACH):
                if limiter is None:
                    await asyncio.sleep(0)
                else:
                    slot = await limiter.enter(party, 500.0)
                    await asyncio.sleep(0)
                    limiter.answered(slot, 400.0)

        begun = time.process_time()
        await asyncio.gather(*(lane(parties[n % JOBS]) for n in range(CROWD)))
        return time.process_time() - begun

    async def both() -> float:
        limits = Limits(requests_per_minute=10**9, tokens_per_minute=10**12)
        limiter = Limiter(Level(first=SLOTS, most=SLOTS), limits, Pace(clock=SystemClock()))
        return await calls(limiter) - await calls(None)

    return Figure(what="limiter: CPU for one call", unit="µs", most=COST,
                  value=asyncio.run(both()) * 1e6 / (EACH * CROWD),
                  note=f"{JOBS} jobs, {CROWD:,} records that want one of {SLOTS} slots")


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
