"""One seed, one history: the world is drawn, goes wrong, heals, and is judged."""

from __future__ import annotations

import asyncio
import functools
import io
import logging
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

from datagen.domain.editions import is_quorum
from datagen.domain.errors import Conflict, NotThere
from datagen.domain.jobs import Job
from datagen.engine import handover
from datagen.protocol import board, keys, requests, said
from datagen.protocol.codec import job_record, load_job, load_peer
from datagen.protocol.details import details_record
from datagen.protocol.fields import dumps, load_object
from datagen.protocol.words import load_word
from datagen.services import snapshots
from tests.engine.workbench import START, details_of
from tests.simulation import verdict
from tests.simulation.plan import Fault, Plan, drawn
from tests.simulation.verdict import OWNER, Ended, judge, left_over, pages_of
from tests.simulation.virtual import VirtualLoop
from tests.simulation.watch import Broken, Watch
from tests.simulation.world import World

LONGEST = 2_500.0  # virtual seconds from the healing until all must be over
CALM = 40.0  # virtual seconds that are looked at once all is over
UNTIDY = 900.0  # at most, where something waits for the file store, with its pauses
WEEK = timedelta(days=8)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a history went."""

    plan: Plan
    problem: str | None  # the first rule that was broken
    watch: Watch
    took: float  # virtual seconds

    @property
    def counts(self) -> Counter[str]:
        return self.watch.counts

    def check(self, most: int = 40) -> None:
        """Raises Broken with the last ``most`` events."""
        if self.problem is not None:
            raise Broken(
                f"\n{self.watch.story(most)}\n\nSeed {self.plan.seed}: {self.problem}\n"
                f"Again: {command(self.plan.seed)}"
            )


def command(seed: int | str) -> str:
    """What shows this history again."""
    return f".venv/bin/python -m tests.simulation --only {seed}"


def happen(seed: int, *, left_out: frozenset[int] = frozenset()) -> Outcome:
    """The history of this seed; ``left_out``: numbers of faults that don't befall it."""
    plan = drawn(str(seed)).without(left_out)
    loop = VirtualLoop()
    watch = Watch(loop.time)
    try:
        with (tempfile.TemporaryDirectory(dir=_quick_disk()) as folder, _told_to(watch),
              _each_text_read_once()):
            loop.run_until_complete(_History(plan, loop, watch, Path(folder)).pass_by())
    except Exception:  # noqa: BLE001 - whatever breaks, its seed is told
        watch.fail(traceback.format_exc())
    finally:
        loop.close()
    return Outcome(plan=plan, problem=watch.problem, watch=watch, took=loop.time())


@functools.cache
def _quick_disk() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextmanager
def _each_text_read_once() -> Iterator[None]:
    """Many replicas read the same fields in this one process."""
    with ExitStack() as stack:
        for load in (load_job, load_peer, load_word, load_object):
            kept = functools.lru_cache(maxsize=1_000)(load)
            for module in (board, handover, requests, said, snapshots, verdict):
                if getattr(module, load.__name__, None) is load:
                    stack.enter_context(mock.patch.object(module, load.__name__, kept))
        yield


@contextmanager
def _told_to(watch: Watch) -> Iterator[None]:
    """The product's errors go to ``watch``, and nothing else of its log anywhere."""
    log = logging.getLogger("datagen")
    before = log.level, log.propagate
    log.addHandler(watch)
    log.setLevel(logging.ERROR)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(watch)
        log.setLevel(before[0])
        log.propagate = before[1]


class _History:
    """The world while it lasts."""

    def __init__(self, plan: Plan, loop: VirtualLoop, watch: Watch, folder: Path) -> None:
        self._plan, self._loop, self._watch = plan, loop, watch
        self._world = World(plan, loop=loop, watch=watch, folder=folder)
        self._jobs: dict[int, Job] = {}  # by number, those that were confirmed
        self._numbers: dict[str, int] = {}  # of the jobs, by id
        self._ended = Ended()

    async def pass_by(self) -> None:
        loop = self._loop
        loop.set_exception_handler(lambda _, context: self._surprised(context))
        with self._world.disk.watched():
            self._world.keep_alive()
            moments = sorted(
                [(job.at, 0, number) for number, job in enumerate(self._plan.jobs)]
                + [(fault.at, 1, number) for number, fault in enumerate(self._plan.faults)]
            )
            for at, kind, number in moments:
                if at > self._plan.heals_at and not self._world.healed:
                    await self._until(self._plan.heals_at)
                    self._world.heal()
                await self._until(at)
                if kind == 0:
                    self._confirm(number)
                else:
                    self._befall(self._plan.faults[number])
            await self._until(self._plan.heals_at)
            self._world.heal()
            await self._settle()
            for replica in self._world.replicas.values():
                await replica.shut_down()

    def _surprised(self, context: dict[str, object]) -> None:
        exc = context.get("exception")
        if not any(exc is not None and type(exc).__name__ == name
                   for name in ("Killed", "BaseExceptionGroup")):
            self._watch.fail(f"{context.get('message')} {exc!r}")

    async def _until(self, at: float) -> None:
        if at > self._loop.time():
            await asyncio.sleep(at - self._loop.time())

    # What people do.

    def _confirm(self, number: int) -> None:
        """As the web process does: the details are a file, the job is a note on the desk."""
        wish = self._plan.jobs[number]
        replica = self._world.replicas[wish.creator]
        now = replica.clock.now()
        job = Job(
            id=f"job_{1000 + number}_{number:06d}", owner=OWNER.name, title=f"Job {number}",
            status="queued", total_records=wish.total, peers=self._plan.peers, details_cid="",
            created_at=now, schema_generated_at=START, updated_at=now, creator=wish.creator,
            inc=1,
        )
        content = dumps(details_record(details_of(job))).encode()
        cid = pages_of(replica).stores.add(io.BytesIO(content), f"{job.id}_details.json")
        job = self._jobs[number] = replace(job, details_cid=cid)
        self._watch.creators[job.id] = wish.creator
        self._numbers[job.id] = number
        self._watch.note(wish.creator, "confirms", job.id, f"of {wish.total} records")
        replica.desk.put_once(keys.DESK_JOBS, f"draft-{number}", dumps(job_record(job)))

    def _ask(self, fault: Fault) -> None:
        job, replica = self._jobs.get(int(fault.value)), self._world.replicas[fault.who]
        if job is None:
            return
        self._watch.note(fault.who, f"is asked to {fault.what}", job.id)
        if fault.what == "delete":
            self._watch.to_delete.add(job.id)
        pages = pages_of(replica)
        try:
            title = f"From {fault.who} at {fault.at:.3f}"
            more = (title,) if fault.what == "rename" else ()
            getattr(pages.jobs, fault.what)(OWNER, job.id, *more)
        except (NotThere, Conflict) as exc:  # not here yet, or over
            self._watch.note(fault.who, "says no:", exc)
            return
        self._watch.count(fault.what)
        if fault.who not in self._world.dead:  # else nobody passes it on
            self._ended.asked(job.id, fault.what, fault.who)

    # What happens.

    def _befall(self, fault: Fault) -> None:
        if fault.what in {"cancel", "delete", "retry", "close", "rename"}:
            self._ask(fault)
            return
        if self._world.healed and fault.what != "start":
            return
        if fault.what != "start":
            self._watch.note(fault.who, fault.what, f"{fault.value:.2f}", *sorted(fault.names))
        if (fault.value or fault.names or fault.who) and fault.what not in {"start", "node up"}:
            self._watch.count(fault.what)
        self._world.befall(fault)
        if fault.what in {"lose disk", "restore", "die", "die with its node"}:
            self._ended.disk_lost(fault.who)

    # The end.

    async def _settle(self) -> None:
        """Wait until all is over, look on for a while, and judge."""
        deadline = self._loop.time() + LONGEST
        open_ = None
        while self._watch.problem is None:
            self._world.keep_alive()
            open_ = self._ended.open_on(self._watch, self._world, self._jobs.values())
            if self._loop.time() >= deadline - LONGEST * 0.7:
                self._close_by_hand()
            if open_ is None or self._loop.time() >= deadline:
                break
            await asyncio.sleep(8.0)
        if open_ is not None:
            self._watch.fail(f"{LONGEST:.0f} s after all was healed: {open_}")
        await self._rest(week_later=False)
        if self._watch.to_delete:
            for replica in self._world.replicas.values():
                replica.clock.ahead += WEEK
            await self._rest(week_later=True)

    def _close_by_hand(self) -> None:
        """Where too few peers are left to agree, a person closes what is complete.

        What can't get complete, since what it should make is lost with a machine, they cancel.
        """
        living = [peer for peer in self._plan.peers if peer not in self._world.dead]
        for job in self._jobs.values():
            for what in ("cancel", "close"):
                if living and (not is_quorum(job, living) if what == "close"
                               else not self._can_be_read(job)):
                    self._befall(Fault(at=0.0, what=what, who=living[0],
                                       value=float(self._numbers[job.id])))

    def _can_be_read(self, job: Job) -> bool:
        return any(job.details_cid in self._world.net.nodes[name].files
                   for name in self._world.replicas if name not in self._world.gone)

    async def _rest(self, *, week_later: bool) -> None:
        """Look on until nothing is left to tidy up, and judge."""
        calm, latest = self._loop.time() + CALM, self._loop.time() + UNTIDY
        while self._watch.problem is None:
            self._world.keep_alive()
            if (now := self._loop.time()) >= calm:
                left = left_over(self._watch, self._ended, self._world, self._jobs.values(),
                                 week_later=week_later)
                if left is None or now >= latest:
                    if left is not None:
                        self._watch.fail(left)
                    judge(self._watch, self._ended, self._world, self._jobs.values())
                    return
            await asyncio.sleep(5.0)
