"""Jobs of many records against a quick server: memory that does not grow, and what they cost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.endpoint import endpoint
from bench.replica import Made, replica
from bench.table import Figure

LATENCY, IN_FLIGHT = 0.005, 256  # seconds; the worker is what limits here
FEW, MANY, MOST = 1_000, 100_000, 1_000_000
GROWTH = 24.0  # MB: nine bytes a record, a connection for each call, and room for chance


def measure() -> Iterator[Figure]:
    """A small job and a large one, of one worker each."""
    yield from _beside_a_small_one(MANY)


def measure_million() -> Iterator[Figure]:
    """The same with ten times as many, which takes some ten minutes."""
    yield from _beside_a_small_one(MOST)


def _beside_a_small_one(records: int) -> Iterator[Figure]:
    few, _ = _made(FEW)
    many, fault = _made(records)
    name = f"worker, {records:,} records, {LATENCY * 1000:g} ms, {IN_FLIGHT} in flight"
    yield Figure(what=f"{name}: until the dataset is there", value=many.seconds, unit="s",
                 note=fault or "its file, read again: in order, every record once, each fits")
    yield Figure(what=f"{name}: CPU for 1,000 records", unit="s", most=0.6,
                 value=many.used.cpu * 1000 / records)
    yield Figure(what=f"{name}: most memory", value=many.used.peak, unit="MB")
    yield Figure(what=f"worker, {FEW:,} records: most memory", value=few.used.peak, unit="MB")
    yield Figure(what=f"memory from {FEW:,} records to {records:,}", unit="MB", most=GROWTH,
                 value=many.used.peak - few.used.peak)


def _made(records: int) -> tuple[Made, str]:
    with tempfile.TemporaryDirectory() as folder, endpoint(latency=LATENCY) as model, replica(
        Path(folder), model, in_flight=IN_FLIGHT,
    ) as (here, worker):
        made = here.make(records, worker)
        return made, here.faults(made)
