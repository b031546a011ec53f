"""How often a worker on a node asks the node's stores, for each record it makes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.endpoint import endpoint
from bench.replica import replica
from bench.table import Figure
from datagen.sandbox import Plan, Sandbox, running

RECORDS, IN_FLIGHT, LATENCY = 6_400, 64, 0.2  # 20 s at best
MOST = 0.05  # calls a record


def measure() -> Iterator[Figure]:
    """A job of one replica on one node, from its confirmation to its last record."""
    with tempfile.TemporaryDirectory() as folder, endpoint(
        latency=LATENCY,
    ) as model, running(Plan(nodes=1)) as network, replica(
        Path(folder), model, in_flight=IN_FLIGHT, **_environment(network, Path(folder)),
    ) as (here, worker):
        network.network.clear_log()
        here.confirm(RECORDS)
        here.until(lambda: model.counts()["answered"] >= RECORDS, worker)
        counters, counts = network.network.counters(None), model.counts()
    calls = sum(sum(ops.values()) for ops in counters["cstore"].values())
    calls += sum(counters["r1fs"].values())
    yield Figure(what="worker on a node: store calls a record", value=calls / RECORDS, most=MOST,
                 note=f"{calls} calls in {counts['seconds']:.0f} s, {RECORDS:,} records")
    yield Figure(what="worker on a node, 64 in flight: of ideal",
                 value=counts["answered"] / counts["seconds"] * LATENCY / IN_FLIGHT)


def _environment(network: Sandbox, folder: Path) -> dict[str, str]:
    here = network.nodes[0]
    return {
        "EE_CHAINSTORE_API_URL": here.cstore_url, "EE_R1FS_API_URL": here.r1fs_url,
        "R1EN_HOST_ADDR": here.peer_id, "R1EN_CHAINSTORE_PEERS": json.dumps([here.peer_id]),
        "R1EN_CSTORE_AUTH_SECRET": network.plan.secret("pepper"),
        "DATAGEN_SESSION_SECRET": network.plan.secret("session"),
        "DATAGEN_LOCAL_CACHE_DIR": str(folder / "cache"),
    }
