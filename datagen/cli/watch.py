"""Waiting for one job: a worker that runs does the work, else this process does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from datagen.cli.progress import Progress
from datagen.cli.terminal import PROG, note
from datagen.domain.errors import Conflict

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.domain.users import User
    from datagen.services.jobs import JobView

LOOK_EVERY = 0.4  # seconds between two looks at the job
ALONE_FOR = 5.0  # seconds without a worker: longer than a supervisor takes to restart one


class Left(Exception):  # noqa: N818 - it says what the person did
    """The person stopped watching; the job stays."""


async def watch(services: Services, user: User, job_id: str, progress: Progress) -> JobView:
    """The job when it is over. Raises Left after Ctrl-C, StoreError."""
    stop = asyncio.Event()
    with _interrupts() as interrupted:
        work = _Work(services, stop)
        try:
            while True:
                view = await asyncio.to_thread(_look, services, user, job_id)
                progress.show(view, time.monotonic())
                if view.job.is_over:
                    return view
                await work.see_to()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(interrupted.wait(), LOOK_EVERY)
                if interrupted.is_set():
                    interrupted.clear()
                    progress.clear()
                    if await _offer(job_id, interrupted, here=work.is_ours):
                        await asyncio.to_thread(_cancel, services, user, job_id)
        finally:
            progress.clear()
            stop.set()
            await work.end()


def _look(services: Services, user: User, job_id: str) -> JobView:
    services.jobs.invalidate()
    return services.jobs.get(user, job_id)


def _cancel(services: Services, user: User, job_id: str) -> None:
    with contextlib.suppress(Conflict):  # it ended while the person was asked
        services.jobs.cancel(user, job_id)


class _Work:
    """Sees that somebody does the work: another process, else a worker in this one."""

    def __init__(self, services: Services, stop: asyncio.Event) -> None:
        self._generation, self._stop = services.generation, stop
        self._task: asyncio.Task[None] | None = None
        self._alone_since: float | None = None  # monotonic seconds
        self._seen = False  # another worker, since we look

    @property
    def is_ours(self) -> bool:
        return self._task is not None

    async def see_to(self) -> None:
        """Start a worker when nobody else is one. Raises what ended ours."""
        if self._task is not None:
            if self._task.done():
                self._task.result()
            return
        if await asyncio.to_thread(self._generation.is_running):
            self._seen, self._alone_since = True, None
            return
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if not self._seen or now - self._alone_since >= ALONE_FOR:
            self._task = asyncio.create_task(self._generation.run(self._stop))

    async def end(self) -> None:
        """Wait for our worker's end, which was asked for."""
        if self._task is not None:
            await self._task


async def _offer(job_id: str, interrupted: asyncio.Event, *, here: bool) -> bool:
    """What Ctrl-C leads to: whether to cancel the job. Raises Left where the person goes."""
    goes_on = (
        f"{job_id} is worked on by this command. Left alone it keeps what is done and waits for "
        f"a worker: `python worker.py`, `make run`, or {PROG} generate --resume {job_id}."
        if here else
        f"{job_id} goes on in the worker that runs. {PROG} show {job_id} tells how far it is, "
        f"{PROG} export {job_id} fetches the records."
    )
    if sys.stdin.isatty() and sys.stderr.isatty():
        note(f"\n{goes_on}\nEnter: keep watching.   c and Enter: cancel it and take what is "
             "done.   l and Enter, or Ctrl-C again: leave it.")
        answer = await _answered(interrupted)
        if answer is not None and answer.strip().lower() not in {"l", "leave", "q"}:
            return answer.strip().lower() in {"c", "cancel"}
    else:
        note(goes_on)
    raise Left


async def _answered(interrupted: asyncio.Event) -> str | None:
    """The line that was typed; None for another Ctrl-C."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()

    def take() -> None:
        loop.remove_reader(sys.stdin)
        typed.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin, take)
    again = asyncio.ensure_future(interrupted.wait())
    try:
        await asyncio.wait((typed, again), return_when=asyncio.FIRST_COMPLETED)
        return typed.result() if typed.done() else None
    finally:
        loop.remove_reader(sys.stdin)
        again.cancel()


@contextlib.contextmanager
def _interrupts() -> Iterator[asyncio.Event]:
    """Set at every Ctrl-C, which then no longer ends the process on the spot."""
    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()
    quiet: Callable[[], object] = interrupted.set
    try:
        loop.add_signal_handler(signal.SIGINT, quiet)
    except (RuntimeError, ValueError):  # not the main thread: whoever started us decides
        yield interrupted
        return
    try:
        yield interrupted
    finally:
        loop.remove_signal_handler(signal.SIGINT)
