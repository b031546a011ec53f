"""One share of one job, from the first record to the uploaded files: this peer's, or another's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from datagen.domain.chat import Endpoint
from datagen.domain.endpoints import endpoint_for
from datagen.domain.errors import StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.folds import Case
from datagen.domain.jobs import (
    Edition,
    Inference,
    Job,
    JobDetails,
    Part,
    PeerState,
    Share,
    heard,
)
from datagen.engine.counts import Counts
from datagen.engine.journal import Journal, JournalError, folder_of
from datagen.engine.limiters import Limiters
from datagen.engine.line import Line
from datagen.engine.orders import Orders
from datagen.engine.outbox import deliver, take_back
from datagen.engine.pace import Backoff, Pace
from datagen.engine.reporter import Reporter
from datagen.engine.runner import Runner
from datagen.engine.shelf import FileError, Shelf, written
from datagen.engine.stock import (
    EVERY_RECORDS,
    EVERY_SECONDS,
    FIRST_SECONDS,
    TOGETHER_SECONDS,
    Stock,
)
from datagen.engine.takeover import Upload, take_over, uploaded
from datagen.engine.tally import Tally
from datagen.engine.turnstile import Turnstile
from datagen.ports import ChatModel, FileStore
from datagen.protocol.board import Board
from datagen.protocol.manifests import edition_lines
from datagen.protocol.profiles import ProfileBook
from datagen.settings import Settings

_LOG = logging.getLogger(__name__)
# Seconds between two uploads of one share: each may have been stored, and its answer lost.
LONGEST_PAUSE = 120.0
LOOK_EVERY = 1.0  # seconds between two looks whether there is enough to store
AT_ONCE = 500  # records of another's part in memory


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What all shares of one worker have in common."""

    settings: Settings
    board: Board
    files: FileStore
    shelf: Shelf
    profiles: ProfileBook
    chat: ChatModel
    pace: Pace
    limiters: Limiters  # calls at once, by model server
    turnstile: Turnstile  # of answers that wait to be read
    counts: Counts  # what the worker used of models


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One share, ready to be worked on."""

    job: Job
    of: str  # the peer whose share it is
    number: int  # the round
    case: Case  # what was known of the job when it was begun
    share: Share
    details: JobDetails | None  # None: its end was ordered before anything was read
    before: PeerState | None  # what this peer last said of the job
    orders: Orders


async def work(shop: Workshop, task: Assignment, stop: asyncio.Event) -> None:
    """Generate what is missing, upload, report. Returns when all is said, or after ``stop``.

    When its end is ordered, what is there is uploaded and reported.

    Raises StoreError when the journal can't be opened or was damaged, and Conflict when the
    owner has no key for the job's model server any more: call it again later.
    """
    me, pace = shop.settings.peer_id, shop.pace
    is_first = task.of == me and not task.number
    folder = folder_of(shop.settings.cache_dir, task.job.id, me, of=task.of, number=task.number)
    if is_first:
        before = await pace.aside(uploaded, folder, task.share, shop.files)
        if before is not None:
            await pace.aside(_report_upload, shop, task, before)
            return
    due = None
    if task.case.edition is not None and task.number:
        due = await pace.aside(due_in, shop.files, task.case.edition, task.share)
    journal = await pace.aside(Journal, folder, task.share, due)
    try:
        tally = Tally(
            peer_id=me, owner=task.job.owner, unsealed=not task.job.inc,
            share=_own_share(task, me), journal=journal, clock=pace.clock, before=task.before,
            begun=task.details is not None, of=None if is_first else task.of, number=task.number,
        )
        task.orders.moved = lambda: tally.moved
        stock = Stock(
            journal=journal, share=task.share, number=task.number, backwards=task.of != me,
            tally=tally, files=shop.files, name=f"{task.job.id}_{me}",
            lost=shop.shelf.unreadable(),
        )
        await _Work(shop, task, journal, tally, stock, is_first=is_first).through(stop)
    finally:
        journal.close()


def due_in(files: FileStore, edition: Edition, share: Share) -> list[int]:
    """The indices of a share of which an edition has no good record (blocking).

    Raises StoreError.
    """
    due = bytearray(b"\1") * len(share)
    for line in edition_lines(files, edition):
        if line.ok and share.start <= line.i < share.end:
            due[line.i - share.start] = 0
    return [share.start + at for at, missing in enumerate(due) if missing]


def _own_share(task: Assignment, me: str) -> Share:
    return task.case.shares.get(me, Share(start=0, end=0))


class _Work:
    """The steps of one assignment."""

    def __init__(
        self, shop: Workshop, task: Assignment, journal: Journal, tally: Tally, stock: Stock, *,
        is_first: bool,
    ) -> None:
        self._shop, self._task, self._pace = shop, task, shop.pace
        self._journal, self._tally, self._stock = journal, tally, stock
        self._is_first = is_first

    async def through(self, stop: asyncio.Event) -> None:
        shop, task = self._shop, self._task
        await self._carry(task.case)
        runner = await self._runner(task.details) if task.details else None
        reporter = Reporter(
            board=shop.board, job_id=task.job.id, tally=self._tally, journal=self._journal,
            pace=shop.pace, update_every=shop.settings.update_every,
            every=shop.settings.report_seconds,
        )
        done = asyncio.Event()
        reporting = asyncio.create_task(reporter.run(done))
        try:
            is_delivered = await self._made(runner, stop) and await self._delivered(stop)
        finally:
            done.set()
            await reporting  # never cut off: an older word must not overtake the last one
        if (not task.orders.over or is_delivered) and await reporter.last_word(stop):
            try:
                await self._pace.aside(self._stock.tidy_up)
            except StoreError as exc:
                _LOG.info("Parts of job %s that were replaced stay stored: %s", task.job.id, exc)

    async def _made(self, runner: Runner | None, stop: asyncio.Event) -> bool:
        """Whether the share is to be delivered: it is complete, or ended by order."""
        orders = self._task.orders
        if runner and self._journal.left and self._is_first:
            await take_over(self._journal, runner.reader, self._tally, stop)
        if runner and self._journal.left and not orders.halt.is_set():
            if self._is_first:
                await self._pace.aside(take_back, self._journal)
            made = asyncio.Event()
            storing = asyncio.create_task(self._store(made))
            try:
                await runner.run(orders.halt)
            finally:
                made.set()
                await storing
        return not orders.over and (orders.ended or not self._journal.left)

    async def _delivered(self, stop: asyncio.Event) -> bool:
        backoff = Backoff(self._pace, cap=LONGEST_PAUSE)
        while not self._task.orders.over:
            try:
                await self._deliver()
            except JournalError:
                raise
            except StoreError as exc:
                self._tally.trouble("files", str(exc))
                await self._pace.pause(backoff.next(), stop)
                if stop.is_set():
                    return False
            else:
                self._tally.trouble("files", None)
                return True
        return False

    async def _deliver(self) -> None:
        shop = self._shop
        if not self._is_first:
            shop.shelf.stored(await self._pace.aside(self._stock.finish))
            return
        receipt = await self._pace.aside(
            deliver, self._journal, shop.files, job_id=self._task.job.id,
            peer_id=shop.settings.peer_id, now=self._pace.clock.now(),
            lost=shop.shelf.unreadable(),
        )
        self._stock.delivered(receipt.result_cid, receipt.sha256)
        shop.shelf.stored(receipt.result_cid or "")
        self._tally.finished(receipt.result_cid, receipt.errors_cid, receipt.finished_at)

    async def _store(self, made: asyncio.Event) -> None:
        """While records are made, store those that are there, and take what others stored."""
        if len(self._task.job.peers) == 1:
            return  # nobody else reads parts of it
        clock, records, since = self._pace.clock, 0, self._pace.clock.monotonic()
        case, pause = self._task.case, FIRST_SECONDS
        while not made.is_set():
            new = self._tally.records - records
            if self._is_shared(case):
                pause = TOGETHER_SECONDS
            if new >= EVERY_RECORDS or clock.monotonic() - since >= pause:
                pause = min(2 * pause, EVERY_SECONDS)
                records, since = self._tally.records, clock.monotonic()
                try:
                    await self._pace.aside(self._stock.grow)
                    case = await self._pace.aside(self._look)
                    await self._carry(case)
                except StoreError as exc:
                    self._tally.trouble("files", str(exc))
                else:
                    self._tally.trouble("files", None)
            await self._pace.pause(LOOK_EVERY, made)

    def _is_shared(self, case: Case) -> bool:
        """Whether two are at this share: they come from both ends, and should meet."""
        task, me = self._task, self._shop.settings.peer_id
        return task.of != me or any(
            peer != me and state.effort is not None
            and (state.effort.of, state.effort.round) == (task.of, task.number)
            for peer, state in case.states.items())

    def _look(self) -> Case:
        job = self._task.job
        return Case(job=job, states=heard(job, self._shop.board.states(job.id)))

    async def _carry(self, case: Case) -> None:
        """Take what others stored of this share and we lack; what can't be read is left out."""
        for part, ours in self._stock.wanted(case):
            lines = self._shop.shelf.lines(part, ours=ours)
            try:
                while batch := await self._pace.aside(self._lacking, lines):
                    for line in batch:
                        self._journal.append(written(line))
                        self._tally.recorded()
            except FileError:
                continue

    def _lacking(self, lines: Iterator[ResultLine]) -> list[ResultLine]:
        return list(islice((line for line in lines if self._journal.lacks(line.i)), AT_ONCE))

    async def _runner(self, details: JobDetails) -> Runner:
        shop, task = self._shop, self._task
        look_up = partial(_endpoint, shop, task.job.owner, details.inference)
        line = Line(
            model=shop.chat, endpoint=await shop.pace.aside(look_up), limiters=shop.limiters,
            tally=self._tally, pace=shop.pace, counts=shop.counts, look_up=look_up,
        )
        return Runner(
            details=details, total=task.job.total_records, journal=self._journal, line=line,
            tally=self._tally, pace=shop.pace, turnstile=shop.turnstile,
            max_in_flight=shop.settings.max_in_flight, attempts=shop.settings.attempts,
            backwards=task.of != shop.settings.peer_id, number=task.number,
        )


def _report_upload(shop: Workshop, task: Assignment, done: Upload) -> None:
    """Say for the earlier application that it finished this share."""
    started_at = task.before.started_at if task.before else None
    shop.board.report(task.job.id, PeerState(
        peer_id=shop.settings.peer_id, share=task.share, generated_ok=done.ok,
        generated_failed=done.failed, started_at=started_at or done.finished_at,
        last_update_at=shop.pace.clock.now(), finished_at=done.finished_at,
        result_cid=done.result_cid, errors_cid=done.errors_cid, owner=task.job.owner,
        unsealed=not task.job.inc,
        parts=(Part(start=task.share.start, end=task.share.end, cid=done.result_cid,
                    ok=done.ok, failed=done.failed),),
    ))


def _endpoint(shop: Workshop, owner: str, inference: Inference) -> Endpoint:
    """Where the calls go as of now (blocking). Raises StoreError, Conflict."""
    profiles = shop.profiles.opened(owner) if inference.use_external_api else None
    return endpoint_for(inference, shop.settings.endpoint, profiles)
