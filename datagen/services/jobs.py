"""A user's jobs: confirm a draft, look at what runs, read what was asked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from datagen.domain.asked import Asked, Rename, Request
from datagen.domain.errors import Conflict, InputError, NotThere, Problem, StoreError
from datagen.domain.folds import Case
from datagen.domain.jobs import Job, JobDetails, job_id
from datagen.domain.requests import checked_title
from datagen.domain.schema import problems, sanitise
from datagen.domain.totals import Totals
from datagen.domain.users import User
from datagen.ports import Clock, Desk, FileStore
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import job_record, load_job, totals_record
from datagen.protocol.details import details_record, read_details
from datagen.protocol.fields import dumps
from datagen.protocol.requests import ask_here, deleted_here
from datagen.services.allowances import Allowances
from datagen.services.drafts import Draft, Drafts
from datagen.services.final_states import FinalStates
from datagen.services.locks import Locks
from datagen.services.metrics import read_totals, totals_of_all
from datagen.services.patience import Patience
from datagen.services.recent import Recent
from datagen.services.snapshots import JobsSnapshot, Snapshots
from datagen.services.views import JobView

__all__ = ["JobView", "Jobs", "JobsSnapshot"]

class Jobs:
    """What a user may do with jobs; looking at them is answered from memory mostly.

    Ending and deleting them is left on the desk: the worker does it and tells the others.
    """

    def __init__(
        self,
        *,
        board: Board,
        desk: Desk,
        files: FileStore,
        drafts: Drafts,
        clock: Clock,
        peers: tuple[str, ...],
        peer_id: str,
        max_records: int,
        active_poll: float,
        idle_poll: float,
        patience: Patience | None = None,
        allowances: Allowances | None = None,
    ) -> None:
        """``patience`` of who looks at a page; None = read on the spot."""
        self._board = board
        self._desk = desk
        self._files = files
        self._drafts = drafts
        self._clock = clock
        self._peers = peers
        self._peer_id = peer_id
        self._max_records = max_records
        self._patience = patience or Patience(None, clock=clock)
        self._allowances = allowances or Allowances(clock=clock)
        self._confirming = Locks()  # by draft: a double click must not store it twice
        self._details: Recent[tuple[str, str, str], JobDetails] = Recent(64)  # as in ``details``
        self._finals = FinalStates(board=board, clock=clock, patience=self._patience,
                                   poll=active_poll)
        self._snapshots = Snapshots(
            board=board, desk=desk, clock=clock, peers=peers,
            active_poll=active_poll, idle_poll=idle_poll,
            patience=self._patience,
        )

    @property
    def peer_id(self) -> str:
        """This replica."""
        return self._peer_id

    def confirm(self, user: User, token: str, *, schema: Mapping[str, Any] | None = None) -> str:
        """Make the job of a signed draft, and answer its id; the second time only answers it.

        ``schema`` is the user's edited version; None = as drafted. Raises InputError,
        Conflict, TooManyTries, StoreError and what ``Drafts.read`` raises.
        """
        draft = self._drafts.read(user, token)
        new_id = job_id(draft.created_at, draft.id)
        with self._confirming.of(draft.id):
            if self.is_deleted(new_id):
                raise Conflict("The dataset of this draft was deleted. Draft it again.")
            if self._is_confirmed(draft.id, new_id):
                return new_id
            details = self._details_of(draft, new_id, user, schema)
            with self._allowances.job(user.name, new_id, draft.total_records,
                                      lambda: [view.job for view in self.list(user)]):
                job = self._queued(draft, details)
                standing = self._desk.put_once(keys.DESK_JOBS, draft.id, dumps(job_record(job)))
                self._snapshots.invalidate()
        return load_job(standing).id

    def list(self, user: User) -> tuple[JobView, ...]:
        """The user's jobs, newest first; ``states`` of finished ones are left empty."""
        return self._snapshots.current().by_owner.get(user.name, ())

    def get(self, user: User, job_id: str) -> JobView:
        """One job with what each peer says of it. Raises NotThere, StoreError."""
        view = self._own(user, job_id)
        if view.job.is_over:
            states = self._finals.of(view.job)
            return replace(view, states=states,
                           counts=Case(job=view.job, states=states).all_counts)
        return view

    def known(self, user: User, job_id: str) -> JobView:
        """One job as ``list`` has it: of one that is over, without what each peer says."""
        return self._own(user, job_id)

    def details(self, user: User, job_id: str) -> JobDetails:
        """What the job was asked to make. Raises NotThere, StoreError."""
        job = self._own(user, job_id).job
        key = (job.id, job.owner, job.details_cid)
        return self._details.get(key) or self._details.put(key, read_details(self._files, job))

    def cancel(self, user: User, job_id: str) -> None:
        """Ask for a job's end; what was generated is kept.

        Raises NotThere, Conflict when it is over already, StoreError.
        """
        view = self._own(user, job_id)
        if view.job.is_over:
            raise Conflict("This job is over: there is nothing left to cancel.")
        self._ask(job_id, Asked(cancel=self._request(user, view.round)))

    def retry(self, user: User, job_id: str) -> None:
        """Ask for the records that failed, or were never made, to be made again in a new round.

        What there is stays as it is until the round has ended. Raises NotThere, Conflict,
        StoreError.
        """
        view = self._own(user, job_id)
        if not view.job.is_over:
            raise Conflict("This job has not finished yet. It can be retried when it has.")
        if view.edition is None:
            raise Conflict("This job was made by an earlier version and can't be retried. "
                           "Create the dataset again.")
        if not view.retryable:
            raise Conflict("Every record of this job is good: there is nothing to retry.")
        self._ask(job_id, Asked(retry=self._request(user, view.round)))

    def close(self, user: User, job_id: str) -> None:
        """Have a job end as it is where too few of its peers are left to agree on it.

        Raises NotThere, Conflict when it is over or can end by itself, StoreError.
        """
        view = self._own(user, job_id)
        if view.job.is_over:
            raise Conflict("This job is over: there is nothing left to close.")
        if view.not_closed is None:
            raise Conflict("This job is not complete, or closes by itself: cancel it if it should "
                           "end now.")
        self._ask(job_id, Asked(close=self._request(user, view.round)))

    def rename(self, user: User, job_id: str, title: object) -> None:
        """Give a job another title; of several renames, wherever they were asked, the latest.

        Raises NotThere, InputError, StoreError.
        """
        view, asked_for = self._own(user, job_id), checked_title(title)
        if asked_for == view.job.title:
            return
        known = [one.at for one in (view.job.renamed, view.asked.rename) if one]
        later = max(known, default=datetime.min.replace(tzinfo=UTC)) + timedelta(milliseconds=1)
        self._ask(job_id, Asked(rename=Rename(at=max(self._clock.now(), later), by=user.name,
                                              title=asked_for)))

    def delete(self, user: User, job_id: str) -> None:
        """Delete a job with all it holds, for good; nobody sees it from now on.

        One that runs is cancelled first. Raises NotThere, StoreError.
        """
        self._own(user, job_id)
        self._ask(job_id, Asked(delete=self._request(user)))

    def is_deleted(self, job_id: str) -> bool:
        """Whether nobody may see this job any more, as of this moment. Raises StoreError."""
        return job_id in deleted_here(self._desk)

    def snapshot(self) -> JobsSnapshot:
        """The shared picture behind ``list`` and ``get``, to tell how old it is."""
        return self._snapshots.current()

    def as_of(self) -> datetime:
        """The moment of which everything is told: now, unless the store can't be read."""
        seen = self._snapshots.current()
        return seen.read_at if seen.stale else self._clock.now()

    def invalidate(self) -> None:
        """The next look reads the store again."""
        self._snapshots.invalidate()

    def metrics(self, user: User) -> dict[str, Any]:
        """Totals in the API's shape: over the user's own jobs; for an admin over everybody's.

        The earlier application told everybody of all; ours never tells a user of another.
        ``lastJobAt`` is when the latest job started, or None.
        """
        if user.role != "admin":
            return totals_record(Totals.of(view.job for view in self.list(user)))
        before, stored = self._patience.ask("metrics", partial(read_totals, self._board))
        shown = {job_id: view.job for job_id, view in self._snapshots.current().views.items()}
        return totals_record(totals_of_all(before, stored, shown, self._desk))

    def calls_under_way(self) -> int:
        """Of all open jobs, as their workers last told."""
        views = self._snapshots.current().views.values()
        return sum(state.under_way for view in views if not view.job.is_over
                   for state in view.heard.values())

    def _own(self, user: User, job_id: str) -> JobView:
        seen = self._snapshots.current()
        view = seen.views.get(job_id)
        if view is not None and view.job.owner == user.name:
            return view
        if seen.stale:
            raise StoreError("This job is not among what was last known of yours.")
        raise NotThere("There is no such job among yours.")

    def _request(self, user: User, number: int = 0) -> Request:
        return Request(at=self._clock.now(), by=user.name, round=number)

    def _ask(self, job_id: str, asked: Asked) -> None:
        ask_here(self._desk, job_id, asked)
        self._snapshots.invalidate()

    def _is_confirmed(self, draft_id: str, new_id: str) -> bool:
        # In the order a job takes; the picture knows those that ended. Nothing here waits for
        # a shared store, and a job confirmed once more in between is still the same job.
        if (
            draft_id in self._desk.notes(keys.DESK_JOBS)
            or new_id in self._desk.notes(keys.DESK_CREATED)
        ):
            return True
        try:
            return new_id in self._snapshots.current().views
        except StoreError:
            return False

    def _details_of(
        self, draft: Draft, new_id: str, user: User, edited: Mapping[str, Any] | None
    ) -> JobDetails:
        schema = sanitise(draft.schema if edited is None else edited)
        wrong = problems(schema)
        if wrong:
            raise InputError("The schema can't be used as it is.", wrong)
        if not 1 <= draft.total_records <= self._max_records:
            text = f"must be from 1 to {self._max_records} (DATAGEN_MAX_RECORDS_PER_JOB)."
            raise InputError(f"The number of records {text}",
                             [Problem(path="totalRecords", message=f"It {text}")])
        return JobDetails(
            id=new_id, owner=user.name, description=draft.description,
            instructions=draft.instructions, schema=schema, inference=draft.inference,
            dataset_mode=draft.dataset_mode, created_at=self._clock.now(),
            schema_generated_at=draft.schema_generated_at,
            schema_duration_ms=draft.schema_duration_ms,
            schema_refreshes=draft.schema_refreshes,
        )

    def _queued(self, draft: Draft, details: JobDetails) -> Job:
        try:
            content = dumps(details_record(details)).encode()
        except UnicodeEncodeError as exc:
            raise InputError("The schema holds characters that are not valid text.") from exc
        cid = self._files.add(io.BytesIO(content), f"{details.id}_details.json")
        return Job(
            id=details.id, owner=details.owner, title=draft.title, status="queued",
            total_records=draft.total_records, dataset_mode=details.dataset_mode,
            peers=self._peers, details_cid=cid,
            created_at=details.created_at, schema_generated_at=details.schema_generated_at,
            schema_duration_ms=details.schema_duration_ms,
            schema_refreshes=details.schema_refreshes, updated_at=details.created_at,
            creator=self._peer_id, inc=1,
        )
