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
def node_store(*, confirmation: float = 5.0, **behaviour: Any) -> Iterator[CStore]:
    with running(PLAN) as sandbox, closing(
        cstore_of(sandbox, confirmation=confirmation)
    ) as store:
        sandbox.network.set(**behaviour)
        yield store


@contextmanager
def node_files(
    folder: Path, *, secret: str | None = None, read_at: int = 0, **behaviour: Any
) -> Iterator[Any]:
    """Stored at the first node, and read at ``read_at``."""
    def opened(node: int) -> R1fs:
        return r1fs_of(sandbox, folder, node, patience=3.0, secret=secret)

    with running(PLAN) as sandbox, closing(opened(0)) as files:
        sandbox.network.set(**behaviour)
        if read_at == 0:
            yield files
        else:
            with closing(opened(read_at)) as there:
                yield Elsewhere(files, there)


class Elsewhere:
    """Files that are added at one node and read at another."""

    def __init__(self, here: R1fs, there: R1fs) -> None:
        self._here, self._there = here, there
        self.add, self.open, self.verify = here.add, there.open, there.verify

    def remove(self, cid: str) -> None:
        for files in (self._here, self._there):
            files.remove(cid)


class SaysItAgain:
    """A store as a caller sees it that does again whatever raised StoreError."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def again(*args: Any, **more: Any) -> Any:
            start = args[0].tell() if name == "add" and args[0].seekable() else None
            deadline = time.monotonic() + _WITHIN
            while True:
                try:
                    result = method(*args, **more)
                    if result is not False:  # an hsync that got no answer
                        return result
                except StoreError:
                    if time.monotonic() > deadline:
                        raise
                if start is not None:
                    args[0].seek(start)
                nap(0.5)

        return again
