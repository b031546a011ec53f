"""Several real replicas on a sandbox, each with a model server of its own."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from datagen.cli.cluster import WATCHABLE
from datagen.cli.sandbox import described
from datagen.model.server import create_app, run_in_thread
from datagen.sandbox import Plan, Sandbox, running
from datagen.sandbox.plan import AUTH_HKEY
from tests.cluster.numbers import Numbers
from tests.cluster.person import LETTERS, Person, wait_for
from tests.cluster.replica import Replica, free_ports

PEER_DEAD_SECONDS = 10
_ENVIRONMENT = WATCHABLE | {
    "DATAGEN_MOCK_INFERENCE_API": "0",
    "DATAGEN_INFERENCE_PATH": "/v1/chat/completions",
    "DATAGEN_PEER_DEAD_SECONDS": str(PEER_DEAD_SECONDS),
    "DATAGEN_INFERENCE_TIMEOUT_SECONDS": "3",  # a share is helped after three of them, too
}


@dataclass(frozen=True, kw_only=True)
class World:
    """What runs, and what may be done to it. A replica's node has its number."""

    sandbox: Sandbox
    replicas: tuple[Replica, ...]
    models: tuple[Numbers, ...]
    person: Person

    @property
    def living(self) -> list[int]:
        return [number for number, replica in enumerate(self.replicas) if replica.lives]

    def asked(self) -> Counter[tuple[str, int]]:
        """How often each record was asked for, by the job's description and index."""
        return sum((Counter(model.asked) for model in self.models), Counter())

    def reached(self, records: int, seconds: float = 60) -> None:
        """Return once the models were asked for so many records."""
        wait_for(lambda: sum(len(model.asked) for model in self.models) >= records,
                 f"calls for {records} records", seconds)

    def store_calls(self) -> dict[str, int]:
        """Calls of CStore and R1FS on all nodes since the log was cleared."""
        counted = self.sandbox.network.counters()
        return {"cstore": sum(sum(ops.values()) for ops in counted["cstore"].values()),
                "r1fs": sum(counted["r1fs"].values())}

    def pass_time(self, seconds: float) -> None:
        """How long a fault lasts is part of the fault."""
        threading.Event().wait(seconds)


@contextmanager
def world(
    folder: Path, *, replicas: int = 3, in_flight: int = 2, latency: float = 0.2,
    ghost: int | None = None, unusable: Iterable[int] = (),
) -> Iterator[World]:
    """All of them, up, until the end of the block; nothing of it is left then.

    ``latency``: seconds a model call takes. ``ghost``: the replica whose list of peers names
    one more, which never existed. ``unusable``: as of ``Numbers``.
    """
    bad = tuple(unusable)
    models = tuple(Numbers(bad) for _ in range(replicas))
    with ExitStack() as ends:
        sandbox = ends.enter_context(running(Plan(nodes=replicas + (ghost is not None))))
        urls = []
        for model in models:
            url, stop = run_in_thread(create_app(model, latency=latency))
            ends.callback(stop)
            ends.callback(model.go_on)
            urls.append(url)
        port = free_ports(replicas)
        started = []
        for number, environment in enumerate(_environments(sandbox, replicas, ghost)):
            replica = Replica(folder / LETTERS[number], port + number, {
                **environment, "DATAGEN_INFERENCE_BASE_URL": urls[number],
                "DATAGEN_MAX_IN_FLIGHT": str(in_flight)})
            ends.callback(replica.end)
            replica.start()
            started.append(replica)
        _wait_until_ready(sandbox, started)
        yield World(sandbox=sandbox, replicas=tuple(started), models=models,
                    person=Person([replica.url for replica in started]))


def _environments(
    sandbox: Sandbox, replicas: int, ghost: int | None
) -> Iterator[Mapping[str, str]]:
    """Of each replica. The ghost is a node of the sandbox that is down for ever."""
    if ghost is not None:
        sandbox.network.stop(replicas)
    peers = [node.peer_id for node in sandbox.nodes]
    for number, node in enumerate(described(sandbox)["nodes"][:replicas]):
        listed = peers if number == ghost else peers[:replicas]
        yield _ENVIRONMENT | node["environment"] | {"R1EN_CHAINSTORE_PEERS": json.dumps(listed)}


def _wait_until_ready(sandbox: Sandbox, replicas: Iterable[Replica]) -> None:
    for node, replica in enumerate(replicas):
        replica.ready()
        wait_for(partial(_has_account, sandbox, node), f"the first account on node {node}")


def _has_account(sandbox: Sandbox, node: int) -> bool:
    return bool(sandbox.network.dump(node)["hashes"].get(AUTH_HKEY))
