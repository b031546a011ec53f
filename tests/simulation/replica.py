"""One replica: its disk, its clock, and the lives of its worker, which is the real one."""

from __future__ import annotations

import asyncio
import copy
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from datagen.adapters.memory import MemoryStore
from datagen.adapters.vault import AesVault
from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.errors import (
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelUnreachable,
    ReplyUnusable,
)
from datagen.engine.journal import JOURNAL
from datagen.engine.pace import Pace, wait
from datagen.protocol.board import Board
from datagen.protocol.foreign import Foreign
from datagen.protocol.said import Said
from datagen.protocol.seal import Seal
from datagen.services.generation import Generation
from datagen.settings import Settings
from tests.engine.workbench import START, index_of
from tests.simulation.network import Network, NodeStores
from tests.simulation.virtual import drive
from tests.simulation.watch import Watch

MOST_STEPS = 60_000  # of one life; an honest one takes some thousands
HANGS = 12.0  # seconds until the adapter gives up a call that hangs
SEAL = Seal("simulation")


class Killed(BaseException):
    """The process is no more."""


@dataclass(kw_only=True)
class Moods:
    """How the model servers are right now: rates of calls."""

    errors: float = 0.0  # the server fails
    hangs: float = 0.0
    unusable: float = 0.0  # an answer that is no record
    seconds: float  # a call takes up to so many


class Disk:
    """What of a file survives a power cut: what was synced."""

    def __init__(self) -> None:
        self._synced: dict[int, int] = {}  # inode -> bytes
        self.full: set[str] = set()  # folders of the replicas that can't write to journals
        self._write = os.pwrite

    @contextmanager
    def watched(self) -> Iterator[None]:
        with (mock.patch.object(os, "fsync", self._sync),
              mock.patch.object(os, "pwrite", self._put)):
            yield

    def _put(self, descriptor: int, data: bytes, offset: int) -> int:
        if self.full:
            path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            if any(path.startswith(f"{folder}/") for folder in self.full):
                raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(descriptor, data, offset)

    def _sync(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        self._synced[found.st_ino] = found.st_size

    def cut_power(self, path: Path, luck: Random) -> None:
        """Take some of what was not synced, and leave a torn end."""
        found = path.stat()
        kept = luck.randint(min(self._synced.get(found.st_ino, 0), found.st_size), found.st_size)
        os.truncate(path, kept)
        if luck.random() < 0.5:
            with path.open("ab") as out:
                out.write(b"\n0badc0de {\"i\":" + luck.randbytes(luck.randint(0, 30)))


class Clock:
    """A replica's own idea of the time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        moment = START + timedelta(seconds=self._loop.time()) + self.ahead
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return self._loop.time()


class Life:
    """One process of the worker, which may end between any two things that it does."""

    def __init__(self, owner: Replica, number: int) -> None:
        self._owner = owner
        self.luck = Random(f"{owner.seed}:{owner.name}:{number}")
        self.alive = True
        self.fuse: int | None = None  # steps left to live
        self._steps = 0
        self.stop = asyncio.Event()
        stores = NodeStores(owner.network, owner.name, step=self.step)
        self.foreign = Foreign()
        desk = _Stepped(owner.desk, self.step)
        said = Said(desk=desk, clock=owner.clock)
        worker = Generation(
            settings=owner.settings, desk=desk, files=stores,
            vault=AesVault("s" * 32, purpose="tests"),
            board=Board(stores, seal=SEAL, foreign=self.foreign, said=said),
            chat=_Model(owner, self), clock=owner.clock,
            pace=Pace(clock=owner.clock, nap=self._nap, chance=self.luck.random,
                      aside=self._aside),
        )
        self._task = asyncio.get_running_loop().create_task(self._run(worker))

    def check(self) -> None:
        if not self.alive:
            raise Killed

    def step(self) -> None:
        """Something is about to be done, or was done; it may be the last."""
        self.check()
        self._steps += 1
        if self._steps > MOST_STEPS:
            self._owner.watch.fail(f"The worker of {self._owner.name} never comes to rest.")
            self.end("is stopped")
            raise Killed
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0:
                self.end("dies in the middle of a call")
                raise Killed

    def end(self, how: str) -> None:
        """Nothing of it is done any more."""
        if self.alive:
            self._owner.watch.note(self._owner.name, how)
            self.alive = False
            self._task.cancel()

    async def over(self) -> None:
        await asyncio.wait([self._task])

    async def _run(self, worker: Generation) -> None:
        try:
            await worker.run(self.stop)
        except BaseException as exc:  # noqa: BLE001 - a killed process ends in any way
            if self.alive:
                self._owner.watch.fail(f"The worker of {self._owner.name} ended: {exc!r}")

    async def _nap(self, seconds: float, /, *events: asyncio.Event) -> None:
        # A dead process waits as well: whoever asks again and again must not stop the time.
        await wait(max(seconds, self._owner.floor), *events)
        self.check()

    async def _aside(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.step()
        if kwargs:
            return await drive(lambda: work(*args, **kwargs), check=self.check)
        return await drive(work, *args, check=self.check)


class _Stepped:
    """The desk of one process."""

    def __init__(self, desk: MemoryStore, step: Callable[[], None]) -> None:
        self._desk, self._step = desk, step

    def put_once(self, topic: str, key: str, value: str) -> str:
        return self._done(self._desk.put_once, topic, key, value)

    def keep(self, topic: str, key: str, value: str) -> None:
        return self._done(self._desk.keep, topic, key, value)

    def note(self, topic: str, key: str) -> str | None:
        return self._done(self._desk.note, topic, key)

    def notes(self, topic: str) -> dict[str, str]:
        return self._done(self._desk.notes, topic)

    def drop(self, topic: str, key: str) -> None:
        return self._done(self._desk.drop, topic, key)

    def _done(self, act: Callable[..., Any], *args: Any) -> Any:
        self._step()
        result = act(*args)
        self._step()
        return result


class _Model:
    """A model server that no two times answers the same."""

    def __init__(self, owner: Replica, life: Life) -> None:
        self._owner, self._life = owner, life

    async def complete(self, _: Endpoint, call: ChatCall) -> ChatReply:
        life, moods, watch = self._life, self._owner.moods, self._owner.watch
        life.step()
        luck, index = life.luck.random(), index_of(call)
        if luck < moods.hangs:
            watch.count("hung model call")
            await asyncio.sleep(HANGS)
            raise ModelUnreachable("The model server did not answer in time.")
        await asyncio.sleep(0.05 + life.luck.random() * moods.seconds)
        life.step()
        luck -= moods.hangs
        if luck < moods.errors:
            watch.count("failed model call")
            raise life.luck.choice(_TROUBLES)
        if luck - moods.errors < moods.unusable:
            watch.count("unusable answer")
            if luck * 1000 % 2 < 1:
                raise ReplyUnusable("There is no text.")
            return ChatReply(text='{"n": "none"}', finish_reason="stop")
        return ChatReply(text=json.dumps({"n": watch.answered(index)}), finish_reason="stop",
                         prompt_tokens=3, completion_tokens=2)

    async def aclose(self) -> None:
        """There is nothing to close."""


_TROUBLES: tuple[ModelError, ...] = (
    ModelFailed("The model server failed."), ModelUnreachable("No connection."),
    ModelOverloaded("It is overloaded.", retry_after=20.0),
)


class Replica:
    """What outlives a worker, and how it is started and ended."""

    def __init__(
        self, name: str, *, seed: str, folder: Path, settings: Settings, network: Network,
        watch: Watch, moods: Moods, disk: Disk, floor: float,
    ) -> None:
        """``floor``: seconds that a wait takes at least, as on a busy machine."""
        self.name, self.seed, self.folder = name, seed, folder
        self.settings = replace(settings, peer_id=name, cache_dir=folder, data_dir=folder)
        self.network, self.watch, self.moods = network, watch, moods
        self.floor = floor
        self.clock = Clock(network.loop)
        self.desk = MemoryStore()
        self.life: Life | None = None
        self._copy = folder.with_name(f"{name}.copy")
        self._notes_copy: dict[str, dict[str, str]] | None = None
        self._disk = disk
        self._lives = 0

    def start(self) -> None:
        if self.life is None or not self.life.alive:
            self._lives += 1
            self.clock.ahead += timedelta(milliseconds=1)  # a start takes a while
            self.watch.note(self.name, "starts", self._lives)
            self.life = Life(self, self._lives)

    def kill(self, luck: Random, *, power: bool) -> None:
        """End the process as it stands; ``power``: what its disk did not have yet goes too."""
        if self.life is not None:
            self.life.end("loses power" if power else "is killed")
        if power:
            for path in sorted(self.folder.glob(f"job_*/*/{JOURNAL}")):
                self._disk.cut_power(path, luck)

    def lose_disk(self) -> None:
        """What was on it is gone: journals, notes, numbers."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.desk = MemoryStore()
        self.watch.disk_lost(self.name)

    def back_up(self) -> None:
        """Copy all that is on its disk."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self.folder, self._copy, ignore=shutil.ignore_patterns("*.lock"))
        self._notes_copy = copy.deepcopy(self.desk._notes)

    def restore(self) -> None:
        """Its disk is as it was at the last copy."""
        if self._notes_copy is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.copytree(self._copy, self.folder)
            self.desk = MemoryStore()
            self.desk._notes = copy.deepcopy(self._notes_copy)
            self.watch.disk_lost(self.name)

    async def shut_down(self) -> None:
        """Stop the worker as its supervisor does."""
        life = self.life
        if life is not None and life.alive:
            life.stop.set()
            await life.over()
            life.alive = False
