"""The nodes and replicas of one world, and what happens to them."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

from datagen.settings import Settings
from tests.engine.workbench import settings_of
from tests.simulation.network import Network
from tests.simulation.plan import Fault, Plan
from tests.simulation.replica import Disk, Moods, Replica
from tests.simulation.watch import Watch


class World:
    """Everything that outlives a process."""

    def __init__(
        self, plan: Plan, *, loop: asyncio.AbstractEventLoop, watch: Watch, folder: Path
    ) -> None:
        self._loop, self._watch = loop, watch
        self._luck = Random(f"{plan.seed}:history")
        self.moods, self.disk = Moods(seconds=plan.answer_seconds), Disk()
        self.net = Network(
            plan.peers, loop=loop, seed=plan.seed, watch=watch,
            loses=plan.loses, forgets=plan.forgets, keeps=plan.keeps,
            overtakes=plan.overtakes,
            dead_files=plan.dead_files,
        )
        settings = replace(_settings(), peers=plan.peers, listed_peers=plan.peers)
        self.replicas: dict[str, Replica] = {}
        for name in plan.peers:
            (folder / name).mkdir()
            self.replicas[name] = Replica(
                name, seed=plan.seed, folder=folder / name, settings=settings,
                network=self.net, watch=watch, moods=self.moods, disk=self.disk,
                floor=plan.floor,
            )
        self.healed = False
        self.dead: set[str] = set()  # replicas without a worker, for good
        self.gone: set[str] = set()  # of these, those without their node

    def keep_alive(self) -> None:
        """Start every worker that is not running, as its supervisor does."""
        for name, replica in self.replicas.items():
            if name not in self.dead:
                replica.start()

    def befall(self, fault: Fault) -> None:
        if fault.who:
            self._befall_one(fault, self.replicas[fault.who])
        else:
            self._befall_all(fault)

    def heal(self) -> None:
        """Everything works from now on, and everybody lives who may."""
        if self.healed:
            return
        self.healed = True
        self._watch.note("", "all is healed")
        self.net.weather.errors = self.net.weather.slow = self.net.weather.file_delay = 0.0
        self.net.weather.delay = 0.2
        self.net.calm_down()
        self.disk.full.clear()
        self.moods.errors = self.moods.hangs = self.moods.unusable = 0.0
        for name in self.replicas:
            self.net.set_up(name, name not in self.gone)
        self.net.cut_off(frozenset())
        for replica in self.replicas.values():
            if replica.life is not None:
                replica.life.fuse = None
        self.keep_alive()

    def _befall_one(self, fault: Fault, replica: Replica) -> None:  # noqa: C901 - a table of faults
        match fault.what:
            case "start":
                if fault.who not in self.dead:
                    replica.start()
            case "kill" | "power cut":
                replica.kill(self._luck, power=fault.what == "power cut")
            case "kill soon":
                if replica.life is not None:
                    replica.life.fuse = int(fault.value)
            case "stop":
                if replica.life is not None:
                    replica.life.stop.set()
                    self._loop.create_task(replica.shut_down())
            case "die" | "die with its node":
                self.dead.add(fault.who)
                replica.kill(self._luck, power=False)
                if fault.what != "die":
                    self.gone.add(fault.who)
                    self.net.set_up(fault.who, False)
            case "lose disk":
                replica.kill(self._luck, power=False)
                replica.lose_disk()
            case "back up":
                replica.back_up()
            case "restore":
                replica.kill(self._luck, power=False)
                replica.restore()
            case "disk full":
                self.disk.full.add(str(replica.folder))
            case "disk free":
                self.disk.full.discard(str(replica.folder))
            case "node down" | "node up":
                self.net.set_up(fault.who,
                                fault.what == "node up" and fault.who not in self.gone)
            case "wipe node":
                self.net.nodes[fault.who].hashes.clear()
                self._watch.forget(fault.who)
            case "clock jumps":
                replica.clock.ahead += timedelta(seconds=fault.value)

    def _befall_all(self, fault: Fault) -> None:
        weather, moods = self.net.weather, self.moods
        match fault.what:
            case "errors":
                weather.errors = fault.value
            case "slow":
                weather.slow = fault.value
            case "delay":
                weather.delay = max(0.2, fault.value)
            case "file delay":
                weather.file_delay = fault.value
            case "model errors":
                moods.errors = fault.value
            case "model hangs":
                moods.hangs = fault.value
            case "unusable answers":
                moods.unusable = fault.value
            case "cut":
                self.net.cut_off(fault.names)


@functools.cache
def _settings() -> Settings:
    return settings_of(Path("/nowhere"), DATAGEN_JOB_POLL_SECONDS="5",
                       DATAGEN_UPDATE_EVERY_K_REQUESTS="5", RETRY_INFERENCE_ON_FAILURE="true",
                       DATAGEN_PEER_DEAD_SECONDS="40", DATAGEN_INFERENCE_TIMEOUT_SECONDS="12")
