"""One peer's share of one job, from the first record to the uploaded files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.chat import Endpoint
from datagen.domain.endpoints import endpoint_for
from datagen.domain.errors import StoreError
from datagen.domain.jobs import Inference, Job, JobDetails, PeerState, Share
from datagen.engine.journal import Journal, JournalError, folder_of
from datagen.engine.line import Line
from datagen.engine.outbox import deliver, take_back
from datagen.engine.pace import Backoff, Pace
from datagen.engine.reporter import Reporter
from datagen.engine.runner import Runner
from datagen.engine.takeover import Upload, take_over, uploaded
from datagen.engine.tally import Tally
from datagen.ports import ChatModel, FileStore
from datagen.protocol.board import Board
from datagen.settings import Settings

# Seconds between two uploads of one share: each may have been stored, and its answer lost.
LONGEST_PAUSE = 120.0


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What all shares of one worker have in common."""

    settings: Settings
    board: Board
    files: FileStore
    chat: ChatModel
    pace: Pace
    slots: asyncio.Semaphore  # model calls in flight


class Orders:
    """What a share is told while it is worked on."""

    def __init__(self, asked: Asked) -> None:
        self.asked = NOTHING
        self.halt = asyncio.Event()  # begin no more records: it is ended, or the worker stops
        self.tell(asked)

    @property
    def ended(self) -> bool:
        """Whether people asked for its end."""
        return self.asked.end is not None

    def tell(self, asked: Asked) -> None:
        """More was asked, or the same again."""
        self.asked = self.asked.joined(asked)
        if self.ended:
            self.halt.set()


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One share, ready to be worked on."""

    job: Job
    share: Share
    details: JobDetails | None  # None: its end was ordered before anything was read
    before: PeerState | None  # what this peer said of it in an earlier start
    orders: Orders


async def work(shop: Workshop, task: Assignment, stop: asyncio.Event) -> None:
    """Generate what is missing, upload, report. Returns when all is said, or after ``stop``.

    When its end is ordered, what is there is uploaded and reported.

    Raises StoreError when the journal can't be opened or was damaged, and Conflict when the
    owner has no key for the job's model server any more: call it again later.
    """
    folder = folder_of(shop.settings.cache_dir, task.job.id, shop.settings.peer_id)
    before = await shop.pace.aside(uploaded, folder, task.share, shop.files)
    if before is not None:
        await shop.pace.aside(_report_upload, shop, task, before)
        return
    journal = await shop.pace.aside(Journal, folder, task.share)
    try:
        tally = Tally(
            peer_id=shop.settings.peer_id, owner=task.job.owner, share=task.share, journal=journal,
            clock=shop.pace.clock, before=task.before, begun=task.details is not None,
        )
        runner = (await _runner(shop, task, task.details, journal, tally)
                  if task.details else None)
        reporter = Reporter(
            board=shop.board, job_id=task.job.id, tally=tally, journal=journal, pace=shop.pace,
            update_every=shop.settings.update_every, every=shop.settings.report_seconds,
        )
        done = asyncio.Event()
        reporting = asyncio.create_task(reporter.run(done))
        try:
            await _complete(shop, task, journal, runner, tally, stop)
        finally:
            done.set()
            await reporting  # never cut off: an older word must not overtake the last one
        await reporter.last_word(stop)
    finally:
        journal.close()


def _report_upload(shop: Workshop, task: Assignment, done: Upload) -> None:
    """Say for the earlier application that it finished this share."""
    started_at = task.before.started_at if task.before else None
    shop.board.report(task.job.id, PeerState(
        peer_id=shop.settings.peer_id, share=task.share, generated_ok=done.ok,
        generated_failed=done.failed, started_at=started_at or done.finished_at,
        last_update_at=shop.pace.clock.now(), finished_at=done.finished_at,
        result_cid=done.result_cid, errors_cid=done.errors_cid, owner=task.job.owner,
    ))


def _endpoint(shop: Workshop, owner: str, inference: Inference) -> Endpoint:
    """Where the calls go as of now (blocking). Raises StoreError, Conflict."""
    profiles = shop.board.profiles(owner) if inference.use_external_api else None
    return endpoint_for(inference, shop.settings.endpoint, profiles)


async def _runner(
    shop: Workshop, task: Assignment, details: JobDetails, journal: Journal, tally: Tally
) -> Runner:
    look_up = partial(_endpoint, shop, task.job.owner, details.inference)
    line = Line(
        model=shop.chat, endpoint=await shop.pace.aside(look_up), slots=shop.slots, tally=tally,
        pace=shop.pace, look_up=look_up,
    )
    return Runner(
        details=details, total=task.job.total_records, journal=journal, line=line,
        tally=tally, pace=shop.pace, max_in_flight=shop.settings.max_in_flight,
        attempts=shop.settings.attempts,
    )


async def _complete(
    shop: Workshop,
    task: Assignment,
    journal: Journal,
    runner: Runner | None,
    tally: Tally,
    stop: asyncio.Event,
) -> None:
    orders = task.orders
    if runner and journal.left:
        await take_over(journal, runner.reader, tally, stop)
    if runner and journal.left and not orders.ended:
        await shop.pace.aside(take_back, journal)
        if not await runner.run(orders.halt) and not orders.ended:
            return
    tally.follows(orders.asked)
    backoff = Backoff(shop.pace, cap=LONGEST_PAUSE)
    while True:
        try:
            receipt = await shop.pace.aside(
                deliver, journal, shop.files, job_id=task.job.id,
                peer_id=shop.settings.peer_id, now=shop.pace.clock.now(),
            )
        except JournalError:
            raise
        except StoreError as exc:
            tally.trouble("files", str(exc))
            await shop.pace.pause(backoff.next(), stop)
            if stop.is_set():
                return
        else:
            tally.finished(receipt.result_cid, receipt.errors_cid, receipt.finished_at)
            return
