"""A job's entry in the list of jobs: how it follows from what is known, and who writes it."""

from __future__ import annotations

import logging
from dataclasses import replace

from datagen.domain import editions
from datagen.domain.asked import Request
from datagen.domain.folds import Case, ended
from datagen.domain.jobs import Job
from datagen.domain.titles import named
from datagen.engine.stillness import Stillness
from datagen.ports import Clock
from datagen.protocol.board import Board

_LOG = logging.getLogger(__name__)
OTHERS_WRITE = 120.0  # seconds that a job's end may be missing in the list, until others write it


class Entries:
    """Writes those that are outdated and ours. Raises StoreError."""

    def __init__(self, *, peer_id: str, board: Board, clock: Clock, still: Stillness) -> None:
        self._peer_id, self._board, self._clock, self._still = peer_id, board, clock, still

    def moved_on(self, case: Case, *, made_here: bool) -> Job:
        """The job's entry in the list, written anew where it is outdated and ours to write.

        ``made_here``: its note is still on the desk, so a crash may have come between a job's
        end and its entry in the owner's list.
        """
        job, edition = case.job, case.edition
        if not case.is_open:
            moved = ended(job, edition) if edition else job
        elif case.asked.delete:
            moved = _given_up(case, case.asked.delete)
        elif case.progress.status == "running" and (job.status == "queued" or job.is_over):
            moved = replace(job, status="running", started_at=case.progress.started_at,
                            finished_at=None, updated_at=self._clock.now(), edition=edition,
                            error=None, cancelled_at=None, cancelled_by=None)
        else:
            moved = job
        moved = named(moved, case.asked.rename)
        is_written = moved == job and (case.is_open or not made_here)
        if is_written or not self._is_ours(case):
            return moved
        self._board.publish(moved)
        if moved.is_over and moved != named(job, case.asked.rename):
            _LOG.info("Job %s %s: %d records good, %d failed.", job.id,
                      "was cancelled" if moved.was_cancelled else moved.status,
                      moved.total_ok, moved.total_failed)
        return moved

    def _is_ours(self, case: Case) -> bool:
        """The creator writes it, and who made the edition; the others, if neither does."""
        writers = {editions.creator(case.job), case.edition.by if case.edition else None}
        if self._peer_id in writers:
            return True
        waited = self._still.of(("entry", case.job.id), (case.edition, case.asked.rename),
                                case.read_at)
        is_over = not case.is_open or case.asked.delete is not None
        return is_over and waited >= OTHERS_WRITE


def _given_up(case: Case, end: Request) -> Job:
    """The entry of a job that was deleted before its end: it needs no dataset any more."""
    progress = case.progress
    return replace(
        case.job, status="failed", total_generated=progress.done, total_ok=progress.ok,
        total_failed=progress.failed, started_at=progress.started_at, finished_at=end.at,
        updated_at=end.at, error=f"Deleted by {end.by}.", cancelled_at=end.at,
        cancelled_by=end.by,
    )
