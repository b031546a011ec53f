"""One picture of all jobs per process, shared by everybody who looks.

Open pages ask every second; the store is read at most once per polling interval, however
many ask, and slowly while nothing runs. A store that fails leaves the last picture standing.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.errors import StoreError
from datagen.domain.folds import Case, Progress
from datagen.domain.jobs import Job, heard
from datagen.domain.titles import named
from datagen.engine.stillness import Stillness
from datagen.ports import Clock, Desk
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import load_job
from datagen.protocol.requests import asked_here, deleted_here
from datagen.services.look import look
from datagen.services.patience import Patience
from datagen.services.pulse import Pulse
from datagen.services.views import JobView, view_of

_LOG = logging.getLogger(__name__)

LATE_AFTER = 5.0  # seconds a read may last before the picture counts as old
_RATE_WINDOW = 30.0  # seconds: long enough to be calm, short enough to notice a change
_RATE_CHANGES = 4  # steps of progress looked at, however long ago they were
_RATE_MIN_SPAN = 3.0  # seconds of own observation before it beats the job's average
_DOUBLE = ("This job waits: another replica has the id of this one, and its worker was started "
           "later. Stop one of them, or give it an id of its own (R1EN_HOST_ADDR).")


@dataclass(frozen=True, kw_only=True)
class JobsSnapshot:
    """All jobs at one moment."""

    views: Mapping[str, JobView]  # by job id
    by_owner: Mapping[str, tuple[JobView, ...]]  # newest first
    active: bool  # some job is open
    read_at: datetime
    stale_since: datetime | None = None  # since when the store can't be read; None = fresh
    order: object = None  # the ``invalidate`` it obeys

    @property
    def stale(self) -> bool:
        """Whether the store could not be read, so that this is older than it should be."""
        return self.stale_since is not None


class Snapshots:
    """Keeps the present JobsSnapshot. Safe to call from any thread."""

    def __init__(
        self, *, board: Board, desk: Desk, clock: Clock, patience: Patience,
        peers: Collection[str], active_poll: float, idle_poll: float,
    ) -> None:
        self._board = board
        self._desk = desk
        self._patience = patience
        self._clock = clock
        self._peers = peers  # that are configured now
        self._active_poll = active_poll  # seconds between reads while a job is open
        self._idle_poll = idle_poll  # seconds between reads otherwise
        self._lock = threading.Lock()
        self._last: JobsSnapshot | None = None
        self._due = 0.0  # monotonic moment of the next read
        self._begun: float | None = None  # monotonic start of the read that goes on
        self._wanted = object()  # the latest ``invalidate``
        self._pulse = Pulse()
        self._still = Stillness()
        self._paces: dict[str, _Pace] = {}
        self._resting: dict[str, tuple[Job, JobView]] = {}  # by job id: as listed, as shown
        self._stuck: Collection[str] = ()  # ids of the jobs that our worker does not publish now

    def invalidate(self) -> None:
        """Whoever asks next waits for a new picture."""
        self._wanted = object()

    def current(self) -> JobsSnapshot:
        """The last picture, or a new one when it is due; one thread reads, the others don't wait.

        A shared store that is slow or away leaves the last picture standing, with the jobs
        that were just confirmed here. Raises StoreError only while no picture was ever taken.
        """
        last = self._last
        if last is not None and self._is_fresh(last):
            return last
        try:
            return self._patience.ask("jobs", self._taken)
        except StoreError:
            last = self._last
            if last is None:
                raise
            return self._lasting(last)

    def _taken(self) -> JobsSnapshot:
        last = self._last
        outdated = last is None or last.order is not self._wanted
        if not self._lock.acquire(blocking=outdated) and last is not None:
            return last
        try:
            last = self._last
            if last is None or not self._is_fresh(last):
                self._begun = self._clock.monotonic()
                last = self._last = self._refreshed(last)
                pause = self._active_poll if last.active else self._idle_poll
                self._due = self._clock.monotonic() + pause
            return last
        finally:
            self._begun = None
            self._lock.release()

    def _is_fresh(self, snapshot: JobsSnapshot) -> bool:
        return snapshot.order is self._wanted and self._clock.monotonic() < self._due

    def _refreshed(self, last: JobsSnapshot | None) -> JobsSnapshot:
        order = self._wanted
        try:
            return self._read(last, order)
        except StoreError as exc:
            if last is None:
                raise
            if not last.stale:
                _LOG.warning("Pages show what was read before. %s", exc)
            return replace(self._lasting(last), order=order,
                           stale_since=last.stale_since or self._clock.now())

    def _lasting(self, last: JobsSnapshot) -> JobsSnapshot:
        """The last picture while there is no newer one, with what was asked here since.

        How fast a job is can't be told from an old one.
        """
        since = last.stale_since or self._late_since()
        made_here = self._on_desk(keys.DESK_JOBS) | self._on_desk(keys.DESK_CREATED)
        asked = asked_here(self._desk)
        views = {job_id: view_of(Case(job=job))
                 for job_id, job in made_here.items()} | {
                     job_id: replace(view, rate=None, eta=None) if since and view.rate else view
                     for job_id, view in last.views.items()}
        for job_id in views.keys() & asked.keys():
            view = views[job_id]
            views[job_id] = _named(replace(view, asked=view.asked.joined(asked[job_id])),
                                   asked[job_id])
        for job_id in views.keys() & deleted_here(self._desk):
            del views[job_id]
        if views == last.views:
            return replace(last, stale_since=since)
        return replace(last, views=views, by_owner=_by_owner(views), stale_since=since,
                       active=any(not view.job.is_over for view in views.values()))

    def _late_since(self) -> datetime | None:
        """Since when a read goes on that lasts too long; None where none does."""
        begun = self._begun
        waited = 0.0 if begun is None else self._clock.monotonic() - begun
        late = waited >= LATE_AFTER
        return self._clock.now() - timedelta(seconds=waited) if late else None

    def _read(self, last: JobsSnapshot | None, order: object) -> JobsSnapshot:
        # Before the board: a job leaves the desk after it is there.
        handed_over = self._on_desk(keys.DESK_JOBS)
        asked, deleted = asked_here(self._desk), deleted_here(self._desk)
        reopened = {job_id for job_id, one in asked.items() if one.retry}
        is_doubled = self._desk.note(keys.DESK_DOUBLE, "since") is not None
        self._stuck = handed_over.keys() if is_doubled else ()
        seen = look(self._board, self._patience, beside=handed_over, without=deleted,
                    likely=self._paces, reopened=reopened)
        self._pulse.feel(seen.beats, self._clock, blind=last is not None and last.stale)
        for job_id in self._paces.keys() - seen.states.keys():
            self._still.forget(job_id)
        self._paces = {job_id: self._paces.get(job_id, _Pace()) for job_id in seen.states}
        views = {}
        for job in seen.jobs.values():
            views[job.id] = self._at_rest(job)
            if job.id in seen.states:
                case = Case(job=job, states=heard(job, seen.states[job.id]),
                            words=seen.words[job.id], here=asked.get(job.id, NOTHING))
                views[job.id] = self._view(case) if case.is_open else view_of(case)
            elif job.id in asked:  # its entry may not show it yet
                views[job.id] = _named(views[job.id], asked[job.id])
        self._resting = {job_id: self._resting[job_id] for job_id in seen.jobs}
        return JobsSnapshot(
            views=views, by_owner=_by_owner(views), active=bool(seen.states),
            read_at=self._clock.now(), order=order,
        )

    def _on_desk(self, topic: str) -> dict[str, Job]:
        """The jobs in its notes; some of them hold none."""
        found = {}
        for text in filter(None, self._desk.notes(topic).values()):
            try:
                job = load_job(text)
            except ValueError:
                _LOG.warning("A note on the desk is not a job; it is left alone.")
            else:
                found[job.id] = job
        return found

    def _at_rest(self, job: Job) -> JobView:
        """A job that is over, or open and one too many; the board gives the same while it is."""
        before, view = self._resting.get(job.id, (None, None))
        if view is None or before is not job:
            view = view_of(Case(job=job))
            self._resting[job.id] = job, view
        return view

    def _view(self, case: Case) -> JobView:
        view, progress = view_of(case), case.progress
        rate = self._paces[case.job.id].rate(
            progress, self._clock, since=None if case.round else progress.started_at)
        left = max(progress.total - progress.done, 0)
        now = self._clock.monotonic()
        still = {peer: self._still.of((case.job.id, case.round, peer), case.signs(peer), now)
                 for peer, share in case.shares.items() if not case.is_covered(share)}
        return replace(
            view, rate=rate, eta=left / rate if rate else None, still=still,
            waiting=(_DOUBLE if case.job.id in self._stuck
                     else self._pulse.missing(case, self._peers)),
            not_closed=self._pulse.not_closed(case), silent=self._pulse.silent(case.job.peers),
        )


def _named(view: JobView, asked: Asked) -> JobView:
    return replace(view, job=named(view.job, asked.rename))


def _by_owner(views: Mapping[str, JobView]) -> dict[str, tuple[JobView, ...]]:
    groups: defaultdict[str, list[JobView]] = defaultdict(list)
    for view in views.values():
        groups[view.job.owner].append(view)
    return {
        owner: tuple(sorted(group, key=lambda v: (v.job.created_at, v.job.id), reverse=True))
        for owner, group in groups.items()
    }


class _Pace:
    """How fast one job moved of late."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()  # (monotonic, records done)

    def rate(
        self, progress: Progress, clock: Clock, *, since: datetime | None
    ) -> float | None:
        """Records per second, after noting how far the job is now.

        ``since``: when its first record was begun, if that tells anything at first.
        """
        points, now = self._points, clock.monotonic()
        if points and progress.done < points[-1][1]:
            points.clear()
        if not points or progress.done > points[-1][1]:  # a slow model's last records count
            points.append((now, progress.done))
        while len(points) > _RATE_CHANGES and points[1][0] <= now - _RATE_WINDOW:
            points.popleft()
        span, made = now - points[0][0], progress.done - points[0][1]
        if span < _RATE_MIN_SPAN and since is not None:
            span, made = (clock.now() - since).total_seconds(), progress.done
        return made / span if span > 0 and made > 0 else None
