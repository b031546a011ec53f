"""Totals over everybody's jobs, the earlier application's included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from datagen.domain.jobs import Job
from datagen.domain.totals import Totals
from datagen.domain.usage import Usage
from datagen.domain.users import User
from datagen.ports import Desk
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import load_totals
from datagen.services.patience import Patience


def read_totals(board: Board) -> tuple[Totals, Mapping[str, Job]]:
    """What the earlier application counted, and all jobs, those nobody sees any more too.

    Raises StoreError.
    """
    return board.metrics_baseline(), board.jobs()


def totals_of_all(
    before: Totals, stored: Mapping[str, Job], shown: Mapping[str, Job], desk: Desk
) -> Totals:
    """All jobs that ever were: what was counted ``before``, and ours, deleted ones included.

    No count ever shrinks. ``shown``: the jobs as people see them. A job of the earlier
    application was counted when it was made. Raises StoreError.
    """
    gone = desk.notes(keys.DESK_DELETED)
    ours = [job for job_id, job in {**stored, **shown}.items() if job.inc and job_id not in gone]
    deleted = [load_totals(text) for text in gone.values() if text]
    active = sum(not job.is_over for job in shown.values())
    return replace(sum(deleted, before + Totals.of(ours)), active=active)


class ModelUse:
    """What all workers that ever were asked of models."""

    def __init__(self, *, board: Board, patience: Patience) -> None:
        self._board, self._patience = board, patience

    def seen_by(self, user: User) -> dict[str, int]:
        """In the API's shape, for an admin; nobody else is told anything. Raises StoreError."""
        if user.role != "admin":
            return {}
        total = sum(self._patience.ask("usage", self._board.usages).values(), Usage())
        return {"modelCalls": total.calls, "modelAttempts": total.attempts,
                "promptTokens": total.prompt_tokens, "completionTokens": total.completion_tokens,
                "estimatedTokens": total.estimated_tokens,
                "workingSeconds": total.working_ms // 1000,
                "waitingSeconds": total.waiting_ms // 1000}
