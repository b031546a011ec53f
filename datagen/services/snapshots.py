"""One picture of all jobs per process, shared by everybody who looks.

Open pages ask every second; the store is read at most once per polling interval, however
many ask, and slowly while nothing runs. A store that fails leaves the last picture standing.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.editions import is_quorum
from datagen.domain.errors import StoreError
from datagen.domain.folds import Case, Progress, ended
from datagen.domain.jobs import Edition, Job, PeerState, heard
from datagen.domain.peers import peer_name
from datagen.engine.stillness import Stillness
from datagen.ports import Clock, Desk
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.codec import load_job
from datagen.protocol.requests import asked_here, deleted_here
from datagen.services.look import look
from datagen.services.patience import Patience

_LOG = logging.getLogger(__name__)

LATE_AFTER = 5.0  # seconds a read may last before the picture counts as old
GONE_AFTER = 90.0  # seconds without a sign of life: three beats missed
BACK_WITHIN = 45.0  # seconds after the store is back, until a live worker's beat is there again
_RATE_WINDOW = 30.0  # seconds: long enough to be calm, short enough to notice a change
_RATE_CHANGES = 4  # steps of progress looked at, however long ago they were
_RATE_MIN_SPAN = 3.0  # seconds of own observation before it beats the job's average


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job as a person sees it."""

    job: Job  # of an open job, status, totals and times are the fold's, not the stored ones
    progress: Progress
    states: Mapping[str, PeerState] = field(default_factory=dict)  # by peer id
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # good, failed by share
    helpers: Mapping[str, str] = field(default_factory=dict)  # who works on whose share
    still: Mapping[str, float] = field(default_factory=dict)  # seconds without progress by share
    silent: Mapping[str, float] = field(default_factory=dict)  # seconds since a peer's last beat
    rate: float | None = None  # records per second of late; None = can't be told, or over
    eta: float | None = None  # seconds until the last record; None = can't be told
    waiting: str | None = None  # why nothing moves, in a sentence; None = a worker is alive
    not_closed: str | None = None  # why a job that is complete does not end, in a sentence
    asked: Asked = NOTHING  # of an open job: what was asked, here or elsewhere
    known_by: int = 0  # peers, this one among them, that pass on all that was asked
    edition: Edition | None = None  # the latest sealed one: what can be downloaded
    case: Case | None = None  # of an open job: all that its peers say
    round: int = 0  # that is worked on, or was the last one

    @property
    def is_ending(self) -> bool:
        """Whether somebody asked for its end, which has not come yet."""
        return self.asked.ends(self.round) is not None and not self.job.is_over

    @property
    def is_closing(self) -> bool:
        """Whether somebody asked to have it closed as it is, which is not done yet."""
        close = self.asked.close
        return close is not None and close.round >= self.round and not self.job.is_over

    @property
    def is_known(self) -> bool:
        """Whether what was asked outlives the replica that was asked."""
        return self.known_by > 1 or len(self.job.peers) == 1

    @property
    def since(self) -> datetime | None:
        """When its latest round began; None = it waits."""
        retry = self.asked.retry
        return retry.at if self.round and retry else self.progress.started_at

    @property
    def offered(self) -> Job | None:
        """The job with the totals of the dataset that can be taken now; None = there is none.

        While a round runs, this is the job as the one before left it.
        """
        if self.edition is not None and self.not_closed is None:
            return ended(self.job, self.edition)
        return self.job if self.job.is_over or self.not_closed else None

    @property
    def retryable(self) -> int:
        """Records that a new round would make again: those that failed or were never made."""
        over = self.job.is_over and self.edition is not None
        return self.job.total_records - self.edition.ok if over and self.edition else 0


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
        self._pulse = _Pulse()
        self._still = Stillness()
        self._paces: dict[str, _Pace] = {}

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
        views = {job_id: _view_of(Case(job=job))
                 for job_id, job in made_here.items()} | {
                     job_id: replace(view, rate=None, eta=None) if since and view.rate else view
                     for job_id, view in last.views.items()}
        for job_id in views.keys() & asked.keys():
            view = views[job_id]
            views[job_id] = replace(view, asked=view.asked.joined(asked[job_id]))
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
        seen = look(self._board, self._patience, beside=handed_over, without=deleted,
                    likely=self._paces, reopened=reopened)
        self._pulse.feel(seen.beats, self._clock, blind=last is not None and last.stale)
        for job_id in self._paces.keys() - seen.states.keys():
            self._still.forget(job_id)
        self._paces = {job_id: self._paces.get(job_id, _Pace()) for job_id in seen.states}
        views = {}
        for job in seen.jobs.values():
            views[job.id] = self._at_rest(job, last)
            if job.id in seen.states:
                case = Case(job=job, states=heard(job, seen.states[job.id]),
                            words=seen.words[job.id], here=asked.get(job.id, NOTHING))
                views[job.id] = self._view(case) if case.is_open else _view_of(case)
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

    @staticmethod
    def _at_rest(job: Job, last: JobsSnapshot | None) -> JobView:
        """A job that is over, or open and one too many."""
        before = last.views.get(job.id) if last else None
        if before is not None and before.job is job:
            return before
        return _view_of(Case(job=job))

    def _view(self, case: Case) -> JobView:
        view, progress = _view_of(case), case.progress
        rate = self._paces[case.job.id].rate(
            progress, self._clock, since=None if case.round else progress.started_at)
        left = max(progress.total - progress.done, 0)
        now = self._clock.monotonic()
        still = {peer: self._still.of((case.job.id, case.round, peer), case.counts(peer), now)
                 for peer, share in case.shares.items() if not case.is_covered(share)}
        return replace(
            view, rate=rate, eta=left / rate if rate else None, still=still,
            waiting=self._pulse.missing(case, self._peers),
            not_closed=self._pulse.not_closed(case), silent=self._pulse.silent(case.job.peers),
        )


def _view_of(case: Case) -> JobView:
    """What can be told of a job without having watched it."""
    job, progress = case.job, case.progress
    if case.is_open:
        updates = [s.last_update_at for s in case.states.values() if s.last_update_at]
        job = replace(
            job, status=progress.status, total_generated=progress.done, total_ok=progress.ok,
            total_failed=progress.failed, started_at=progress.started_at or job.started_at,
            updated_at=max([job.updated_at, *updates]), edition=case.edition,
        )
    elif case.edition is not None:
        job = ended(job, case.edition)
    return JobView(
        job=job, progress=progress, states=case.states if case.is_open else {},
        counts=case.all_counts if case.is_open else {},
        helpers=case.helpers(), asked=case.asked if case.is_open else NOTHING,
        known_by=sum(NOTHING != word.asked == case.asked for word in case.words.values()),
        edition=case.edition, round=case.round, case=case if case.is_open else None,
    )


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


class _Pulse:
    """Which workers are alive, by their beats.

    A beat carries its peer's own clock, which may be wrong; so a beat that changes while
    we watch counts from the moment we saw it.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}  # beat, monotonic of life
        self._felt_at = float("-inf")
        self._now = 0.0

    def feel(self, beats: Mapping[str, Beat], clock: Clock, *, blind: bool = False) -> None:
        """Take in the beats as just read; ``blind``: until now, none could be.

        Who could not read them could not be told either: silence tells nothing at first.
        """
        self._now = clock.monotonic()
        if blind:
            earliest = self._now - GONE_AFTER + BACK_WITHIN
            self._seen = {peer: (mark, max(moment, earliest))
                          for peer, (mark, moment) in self._seen.items()}
        watching = self._now - self._felt_at < GONE_AFTER
        for peer, beat in beats.items():
            known, mark = self._seen.get(peer), (beat.inc, beat.seq)
            if known is not None and known[0] == mark:
                continue
            age = abs((clock.now() - beat.at).total_seconds())
            self._seen[peer] = (mark, self._now if known and watching else self._now - age)
        if beats:  # while nothing runs nobody looks: then a beat's own time counts again
            self._felt_at = self._now

    def not_closed(self, case: Case) -> str | None:
        """A sentence when all is there and too few peers live to agree on it."""
        peers = case.job.peers
        if len(peers) == 1 or not (case.is_complete() or case.asked.ends(case.round)):
            return None
        silent = [peer for peer in peers if self._age(peer) >= GONE_AFTER]
        if is_quorum(case.job, [peer for peer in peers if peer not in silent]):
            return None
        what = "Complete" if case.is_complete() else "Cancelled"
        return (f"{what}, not closed: {len(silent)} of {len(peers)} peers can't be reached. It "
                "closes by itself once more of them are back; or close it here as it is.")

    def silent(self, peers: Collection[str]) -> dict[str, float]:
        """Seconds since the last sign of life of each that gave one."""
        return {peer: self._age(peer) for peer in peers if peer in self._seen}

    def _age(self, peer: str) -> float:
        """Seconds since its last sign of life; infinite where there was none."""
        return self._now - self._seen[peer][1] if peer in self._seen else float("inf")

    def missing(self, case: Case, peers: Collection[str]) -> str | None:
        """A sentence when a peer that still has work shows no sign of life."""
        job = case.job
        busy = [peer for peer, share in case.shares.items() if not case.is_covered(share)]
        ages = {peer: self._age(peer) for peer in busy if peer in self._seen}
        silent = [peer for peer in busy if ages.get(peer, GONE_AFTER) >= GONE_AFTER]
        if not silent:
            return None
        if len(job.peers) > 1:
            return (f"No sign of life from {', '.join(map(peer_name, silent))}. "
                    "The other peers take over what is left to it, by and by.")
        if silent[0] not in peers:
            return (f"This job is left to {peer_name(silent[0])}, which is no peer any more "
                    "(R1EN_HOST_ADDR, R1EN_CHAINSTORE_PEERS). Name it again, or create the "
                    "dataset again.")
        if not ages:
            return ("No worker has been seen yet. `python -m datagen up` runs one; "
                    "`python worker.py` is one alone.")
        return (f"The worker was last seen {_ago(min(ages.values()))} ago. "
                "Its log may say why; `python worker.py` starts one.")


def _ago(seconds: float) -> str:
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {word}{'s' if number > 1 else ''}"
    return f"{int(seconds)} seconds"
