"""Two workers with one id, as where a machine was copied: the later goes on, the earlier waits."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.adapters.vault import AesVault
from datagen.domain.chat import ChatReply
from datagen.domain.jobs import Job
from datagen.engine.pace import Pace
from datagen.engine.returning import SILENT
from datagen.engine.signs import BEAT_EVERY, HEAR_EVERY
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import job_record
from datagen.protocol.details import details_record
from datagen.protocol.fields import dumps
from datagen.protocol.said import Said
from datagen.services.generation import Generation
from tests.engine.workbench import Model, details_of, inline, job_of, settings_of
from tests.simulation.replica import Clock
from tests.simulation.virtual import VirtualLoop


class SlowModel(Model):
    """Takes a second for each record."""

    async def complete(self, endpoint: Any, call: Any) -> ChatReply:
        await asyncio.sleep(1)
        return await super().complete(endpoint, call)


class Machine:
    """One of those that have the same id: a disk of its own, a store they share."""

    def __init__(self, name: str, node: MemoryStore, files: MemoryFiles, folder: Path,
                 peers: str) -> None:
        self.name, self.node, self.files = name, node, files
        self.desk, self.loop = MemoryStore(), asyncio.get_running_loop()
        self.clock = Clock(self.loop)
        self.settings = settings_of(folder / name, R1EN_HOST_ADDR="a", R1EN_CHAINSTORE_PEERS=peers)
        self.written: list[float] = []  # when, in seconds
        self.is_cut_off = False
        self.running: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        """The store as this machine uses it."""
        act = getattr(self.node, name)

        def call(*args: Any) -> Any:
            if self.is_cut_off:
                self.node.fail_next(1)
            elif name == "hset":
                self.written.append(self.loop.time())
            return act(*args)

        return call

    def start(self) -> None:
        self.stop, self.model = asyncio.Event(), SlowModel()
        self.worker = Generation(
            settings=self.settings, desk=self.desk, files=self.files, chat=self.model,
            vault=AesVault("s" * 32, purpose="tests"),
            board=Board(self, said=Said(desk=self.desk, clock=self.clock)), clock=self.clock,
            pace=Pace(clock=self.clock, chance=lambda: 0.5, aside=inline),
        )
        self.running = asyncio.create_task(self.worker.run(self.stop))

    async def end(self) -> None:
        assert self.running
        self.stop.set()
        await self.running

    def wrote_since(self, since: float) -> list[float]:
        return [at for at in self.written if at > since]

    def hand_over(self, total: int) -> Job:
        job = job_of(total=total, peers=("a",))
        cid = self.files.add(io.BytesIO(dumps(details_record(details_of(job))).encode()), "d")
        job = job_of(total=total, peers=("a",), cid=cid)
        self.desk.put_once(keys.DESK_JOBS, "draft", dumps(job_record(job)))
        return job


def happen(folder: Path, story: Callable[[Machine, Machine], Awaitable[None]], *,
           peers: str = '["a","b"]') -> None:
    """A story of two machines, in virtual time."""

    async def told() -> None:
        node, files = MemoryStore(), MemoryFiles()
        first, second = (Machine(name, node, files, folder, peers) for name in ("first", "second"))
        try:
            await story(first, second)
        finally:
            for machine in (first, second):
                if machine.running:
                    await machine.end()

    loop = VirtualLoop()
    try:
        loop.run_until_complete(told())
    finally:
        loop.close()


@pytest.mark.parametrize(("peers", "within"), [('["a","b"]', 10.0), ('["a"]', BEAT_EVERY + 10)])
def test_the_earlier_worker_writes_nothing_any_more_and_says_why_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, peers: str, within: float
) -> None:
    async def story(first: Machine, second: Machine) -> None:
        first.hand_over(300)
        first.start()
        await asyncio.sleep(40)
        assert first.model.calls
        second.start()
        await asyncio.sleep(within)
        done = len(first.model.calls)
        await asyncio.sleep(150)
        assert first.wrote_since(40 + within) == []
        assert len(first.model.calls) == done
        assert second.wrote_since(150)
        assert first.worker.stands_aside()
        assert not second.worker.stands_aside()

    with caplog.at_level(logging.ERROR):
        happen(tmp_path, story, peers=peers)
    (line,) = caplog.messages
    assert "R1EN_HOST_ADDR" in line


def test_the_earlier_goes_on_once_the_later_is_silent_for_long(tmp_path: Path) -> None:
    async def story(first: Machine, second: Machine) -> None:
        job = first.hand_over(100)
        first.start()
        await asyncio.sleep(5)
        second.start()
        await asyncio.sleep(60)
        await second.end()
        ended = first.loop.time()
        await asyncio.sleep(SILENT - BEAT_EVERY - HEAR_EVERY)
        assert first.wrote_since(20) == []
        await asyncio.sleep(BEAT_EVERY + 3 * HEAR_EVERY)
        assert first.wrote_since(ended)
        assert not first.worker.stands_aside()

        second.start()  # and now it is the other's turn, without end
        await asyncio.sleep(150)
        assert first.worker.stands_aside()
        assert not second.worker.stands_aside()
        entry = Board(first.node).job(job.id)
        assert entry
        assert (entry.status, entry.total_ok) == ("succeeded", 100)

    happen(tmp_path, story)


def test_a_store_that_can_not_be_read_makes_nobody_silent(tmp_path: Path) -> None:
    async def story(first: Machine, second: Machine) -> None:
        first.start()
        await asyncio.sleep(5)
        second.start()
        await asyncio.sleep(20)
        first.is_cut_off = True
        await asyncio.sleep(400)
        first.is_cut_off = False
        await asyncio.sleep(200)
        assert first.worker.stands_aside()
        assert first.wrote_since(15) == []

    happen(tmp_path, story)


def test_who_stands_aside_stops_at_once_and_begins_anew_at_a_restart(tmp_path: Path) -> None:
    async def story(first: Machine, second: Machine) -> None:
        first.start()
        await asyncio.sleep(5)
        second.start()
        await asyncio.sleep(20)
        before = first.loop.time()
        await first.end()
        assert first.loop.time() - before < 1
        first.start()
        await asyncio.sleep(20)
        assert not first.worker.stands_aside()
        assert second.worker.stands_aside()

    happen(tmp_path, story)


def test_a_start_after_a_lost_disk_is_nobody_else(tmp_path: Path) -> None:
    async def story(first: Machine, second: Machine) -> None:
        first.start()
        await asyncio.sleep(50)
        await first.end()
        second.start()  # the same machine with a new disk
        await asyncio.sleep(150)
        assert not second.worker.stands_aside()
        assert second.wrote_since(150)

    happen(tmp_path, story)
