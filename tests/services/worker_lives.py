"""A worker in memory: lives on stores that outlive it, and a fuse that kills it anywhere."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.adapters.vault import AesVault
from datagen.domain.chat import ChatReply
from datagen.domain.errors import StoreError
from datagen.domain.jobs import Job
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import job_record
from datagen.protocol.details import details_record
from datagen.protocol.fields import dumps
from datagen.protocol.seal import Seal
from datagen.services.generation import Generation
from tests.engine.workbench import Model, details_of, hand_pace, job_of, settings_of


class Cut(BaseException):
    """The process is killed here."""


class Fuse:
    """Counts what a worker does to the outside, and kills it at step ``at``.

    ``done``: whether that step itself still happens. Nothing happens afterwards.
    """

    def __init__(self, at: int | None = None, *, done: bool = False) -> None:
        self.at, self.done, self.steps = at, done, 0

    def step(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.steps += 1
        if self.at is not None and self.steps >= self.at:
            if self.steps == self.at and self.done:
                act(*args, **kwargs)
            raise Cut
        return act(*args, **kwargs)


class Flaky(Fuse):
    """Two of three calls fail, until there were ``calls``."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    def step(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.steps += 1
        if self.steps < self.calls and self.steps % 3:
            raise StoreError("The store can't be reached.")
        return act(*args, **kwargs)


class Fused:
    """Any adapter behind a fuse."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._inner, name)
        return lambda *args, **kwargs: self._fuse.step(act, *args, **kwargs)


class FusedModel(Model):
    """A model whose every call is a step: between two of them a record is journalled."""

    def __init__(self, script: Any, fuse: Fuse) -> None:
        super().__init__(script)
        self._fuse = fuse

    async def complete(self, endpoint: Any, call: Any) -> ChatReply:
        self._fuse.step(lambda: None)
        return await super().complete(endpoint, call)


class World:
    """What outlives a worker: stores, disk, time."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.store, self.files, self.clock = MemoryStore(), MemoryFiles(), HandClock()
        self.own_desk: MemoryStore | None = None  # where the stores are of several replicas
        self.settings = settings_of(folder, **variables)
        self.seal: Seal | None = None  # of the worker
        self.board = Board(self.store)
        self.calls: list[int] = []
        self.models: list[Model] = []

    @property
    def desk(self) -> MemoryStore:
        """What the processes of this replica leave for one another."""
        return self.own_desk or self.store

    def hand_over(self, number: int = 1, *, with_details: bool = True, **options: Any) -> Job:
        options = {"creator": self.settings.peer_id, **options}
        job = job_of(number, **options)
        content = dumps(details_record(details_of(job))).encode()
        cid = (self.files.add(io.BytesIO(content), "d") if with_details else "missing")
        job = job_of(number, cid=cid, **options)
        self.desk.put_once(keys.DESK_JOBS, f"draft-{number}", dumps(job_record(job)))
        return job

    async def live(self, until: Callable[[], bool], *, fuse: Fuse | None = None,
                   stores: Fuse | None = None, script: Any = None) -> None:
        """One life of a worker, until a condition holds or the fuse blows."""
        fuse = fuse or Fuse()
        stores = stores or fuse
        model = FusedModel(script, fuse)
        self.models.append(model)
        store = Fused(self.store, stores)
        stop = asyncio.Event()

        async def aside(work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return fuse.step(work, *args, **kwargs)

        worker = Generation(
            settings=self.settings, board=Board(store, seal=self.seal),
            vault=AesVault("s" * 32, purpose="tests"),
            desk=Fused(self.desk, stores),
            files=Fused(self.files, stores), chat=model, clock=self.clock,
            pace=hand_pace(self.clock, aside=aside),
        )
        running = asyncio.create_task(worker.run(stop))
        limit = self.clock.monotonic() + 10_000
        while not running.done() and not until():
            assert self.clock.monotonic() < limit, "it never came to that"
            await asyncio.sleep(0)
        stop.set()
        try:
            await running
        finally:
            self.calls += [index for index, _ in model.calls]

    def is_quiet(self, *jobs: Job) -> bool:
        """Whether these jobs are over and nothing of them is left to tidy up."""
        entries = self.board.jobs()
        over = all(job.id in entries and entries[job.id].is_over for job in jobs)
        return over and not list(self.settings.cache_dir.glob("job_*"))

    def end(self, job: Job) -> dict[str, Any]:
        """All that must come out the same, however often the worker was cut off."""
        entry = self.board.job(job.id)
        assert entry
        state = self.board.states(job.id)["local"]
        short = json.loads(self.store.hgetall(keys.user_jobs(job.owner))[job.id])
        result = self.files.open(state.result_cid or "").read().decode().splitlines()
        return {
            "status": entry.status, "listed": short["status"], "ok": entry.total_ok,
            "failed": entry.total_failed, "error": entry.error,
            "lines": [json.loads(line) for line in result],
            "errors": json.loads(self.files.open(state.errors_cid or "").read()),
            "said": (state.generated_ok, state.generated_failed, bool(state.finished_at),
                     state.in_flight, state.trouble),
            "desk": (self.desk.notes(keys.DESK_JOBS), self.desk.notes(keys.DESK_CREATED)),
        }
