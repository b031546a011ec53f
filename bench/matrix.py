"""The worker against the bare loops: records a second as a share of what is possible.

ideal = calls in flight / latency. All are timed by the server, from the arrival of the first
call to the departure of the last answer, so that a start costs nobody anything.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.bare import CLIENTS
from bench.endpoint import NODE_PATH, OPENAI_PATH, Endpoint, endpoint
from bench.processes import running
from bench.replica import Replica, replica
from bench.table import Figure

LATENCY = 0.2  # seconds
ROUNDS = 60  # calls of each of those in flight: 12 s at best
WARM_UP = 12  # rounds of a job before, which is not measured
RUNS = {64: 0.95, 256: None}  # in flight: the least share of ideal that is asked for
OF_BEST = 0.97  # of the best bare loop, at 256
CPU = 0.6  # seconds for 1,000 records


def measure() -> Iterator[Figure]:
    """All loops at each number of calls in flight; then the node's dialect and other servers."""
    for in_flight, least in RUNS.items():
        best = 0.0
        for client in CLIENTS:
            figure = _bare(client, in_flight)
            best = max(best, figure.value)
            yield figure
        yield from _worker(in_flight, least, best)
    yield from _kinds()


def _bare(client: str, in_flight: int) -> Figure:
    records = in_flight * ROUNDS
    with tempfile.TemporaryDirectory() as folder, endpoint(latency=LATENCY) as model, running(
        "-m", "bench.bare", client, model.base_url + OPENAI_PATH, str(in_flight), str(records),
        f"{folder}/out.jsonl",
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        used = json.loads(process.stdout.read())
        share = _share(model, in_flight)
    return Figure(
        what=f"bare {client} loop, {in_flight} in flight: of ideal", value=share,
        note=f"{used['cpu'] * 1000 / records:.2f} s CPU per 1,000, {used['peak']:.0f} MB")


def _share(model: Endpoint, in_flight: int) -> float:
    counts = model.counts()
    return float(counts["answered"] / counts["seconds"] * LATENCY / in_flight)


def _worker(in_flight: int, least: float | None, best: float) -> Iterator[Figure]:
    records = in_flight * ROUNDS
    name = f"worker, {in_flight} in flight"
    with tempfile.TemporaryDirectory() as folder, endpoint(latency=LATENCY) as model, replica(
        Path(folder), model, in_flight=in_flight,
    ) as (here, worker):
        _warm_up(here, worker, model, in_flight)
        made = here.make(records, worker)
        share, fault = _share(model, in_flight), here.faults(made)
    yield Figure(what=f"{name}: of ideal", value=share, least=least, note=fault)
    yield Figure(what=f"{name}: of the best bare loop", value=share / best,
                 least=OF_BEST if in_flight == max(RUNS) else None)
    yield Figure(what=f"{name}: CPU for 1,000 records", unit="s", most=CPU,
                 value=made.used.cpu * 1000 / records)
    yield Figure(what=f"{name}: most memory", unit="MB", value=made.used.peak)


def _warm_up(
    here: Replica, worker: subprocess.Popen[str], model: Endpoint, in_flight: int
) -> None:
    """A job before, in which the worker finds out what the server can do, and remembers it."""
    here.make(in_flight * WARM_UP, worker, seed=2)
    model.become()  # as it is; it counts anew


def _kinds() -> Iterator[Figure]:
    """The worker at 64 in flight and other kinds of servers."""
    kinds = {
        "a node's dialect": (NODE_PATH, {}),
        "log-normal latency": (OPENAI_PATH, {"spread": 0.5}),
        "5 % of answers a 500": (OPENAI_PATH, {"failing": 0.05}),
        "5 % of answers garbage": (OPENAI_PATH, {"garbage": 0.05}),
    }
    for kind, (path, behaviour) in kinds.items():
        with tempfile.TemporaryDirectory() as folder, endpoint(
            latency=LATENCY, **behaviour,
        ) as model, replica(Path(folder), model, in_flight=64, path=path,
                            RETRY_INFERENCE_ON_FAILURE="1") as (here, worker):
            _warm_up(here, worker, model, 64)
            made = here.make(64 * ROUNDS // 2, worker)
            job, counts = here.view(made.job_id).job, model.counts()
        yield Figure(
            what=f"worker, {kind}: records a second", unit="/s",
            value=job.total_ok / counts["seconds"],
            note=f"{counts['calls'] / made.records:.3f} calls a record, "
                 f"{job.total_failed} failed, {counts['mean_in_flight']:.0f} in flight on average")
