"""The adapters of a node, each on the first node of a sandbox of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datagen.adapters.cstore import CStore
from datagen.adapters.r1fs import R1fs
from datagen.domain.errors import StoreError
from datagen.sandbox import Plan, Sandbox, running

PLAN = Plan(nodes=3, seed=1, scale=100)
_WITHIN = 20.0  # real seconds after which saying it again is given up


class FastClock:
    """The network's seconds, so that every timeout is as long there as on a real node."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() * PLAN.scale


def nap(seconds: float) -> None:
    time.sleep(seconds / PLAN.scale)


def cstore_of(sandbox: Sandbox, node: int = 0, **more: Any) -> CStore:
    # Both timeouts are long: a busy machine may take a while for a few real milliseconds.
    given = {"read_timeout": 2000.0, "write_timeout": 2000.0} | more
    return CStore(
        sandbox.nodes[node].cstore_url, peers=tuple(each.peer_id for each in sandbox.nodes),
        clock=FastClock(), nap=nap, **given,
    )


def r1fs_of(sandbox: Sandbox, folder: Path, node: int = 0, **more: Any) -> R1fs:
    given = {"timeout": 2000.0, "transfer": 2000.0} | more
    return R1fs(
        sandbox.nodes[node].r1fs_url, cache_dir=folder / f"cache {node}", clock=FastClock(),
        nap=nap, **given,
    )


@contextmanager
def node_store(**behaviour: Any) -> Iterator[CStore]:
    with running(PLAN) as sandbox, closing(cstore_of(sandbox)) as store:
        sandbox.network.set(**behaviour)
        yield store


@contextmanager
def node_files(folder: Path, **behaviour: Any) -> Iterator[R1fs]:
    with running(PLAN) as sandbox, closing(r1fs_of(sandbox, folder, patience=3.0)) as files:
        sandbox.network.set(**behaviour)
        yield files


class SaysItAgain:
    """A store as a caller sees it that does again whatever raised StoreError."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def again(*args: Any) -> Any:
            start = args[0].tell() if name == "add" and args[0].seekable() else None
            deadline = time.monotonic() + _WITHIN
            while True:
                try:
                    result = method(*args)
                    if result is not False:  # an hsync that got no answer
                        return result
                except StoreError:
                    if time.monotonic() > deadline:
                        raise
                if start is not None:
                    args[0].seek(start)
                nap(0.5)

        return again
