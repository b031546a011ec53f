"""The worker: finds this peer's shares, has them generated, and closes the jobs made here."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from datagen.domain.asked import NOTHING, Asked
from datagen.domain.errors import DatagenError, StoreError
from datagen.domain.jobs import Job, PeerState, Share, heard
from datagen.domain.peers import Vitals
from datagen.engine.errands import Errands
from datagen.engine.journal import folder_of
from datagen.engine.ledger import Ledger
from datagen.engine.limiters import Limiters
from datagen.engine.lock import alone, is_taken, keep_starts, read_starts
from datagen.engine.meter import Meter
from datagen.engine.orders import Orders
from datagen.engine.pace import Backoff, Pace
from datagen.engine.places import Places
from datagen.engine.roster import Due, Roster
from datagen.engine.share import Assignment, Workshop, work
from datagen.engine.shelf import Shelf
from datagen.engine.signs import Signs
from datagen.engine.takeover import left_behind
from datagen.engine.tally import clip
from datagen.engine.turnstile import Turnstile
from datagen.ports import ChatModel, Clock, Desk, FileStore, Vault
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.details import read_details
from datagen.protocol.profiles import ProfileBook
from datagen.protocol.requests import asked_here
from datagen.services.columns import forget
from datagen.settings import Settings

_LOG = logging.getLogger(__name__)
DESK_EVERY = 0.3  # seconds between two looks at the desk, which is local and cheap
BUSY_POLL = 10.0  # seconds between two looks at the board while there is no room for a job


@dataclass(kw_only=True)
class _Shift:
    """What one start of the worker knows."""

    shop: Workshop
    roster: Roster
    group: asyncio.TaskGroup
    places: Places
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    wake: asyncio.Event = field(default_factory=asyncio.Event)  # something happened: look again
    look_at: float = -math.inf  # monotonic seconds of the next look at the board


class Generation:
    """The worker's service; one ``run`` is one life of the process."""

    def __init__(
        self, *, settings: Settings, board: Board, desk: Desk, files: FileStore,
        vault: Vault, chat: ChatModel, clock: Clock, pace: Pace | None = None,
        vitals: Callable[[], Vitals] = Vitals,
    ) -> None:
        """``vitals``: how this process gets on with its store, for others to know."""
        self._vitals = vitals
        self._settings, self._board, self._files = settings, board, Ledger(files, desk)
        self._desk, self._chat = desk, chat
        self._profiles = ProfileBook(board=board, desk=desk, vault=vault,
                                     peer_id=settings.peer_id)
        self._pace = pace or Pace(clock=clock)

    def is_running(self) -> bool:
        """Whether some process of this replica does the work now. Raises StoreError."""
        return is_taken(self._settings.cache_dir, self._settings.peer_id)

    def stands_aside(self) -> bool:
        """Whether this replica's worker waits for another with its id. Raises StoreError."""
        return self._desk.note(keys.DESK_DOUBLE, "since") is not None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; calls in flight then get 2.5 s, and progress is written.

        Waits while another worker of this peer runs, and while a store isn't ready. Begins
        anew after a worker elsewhere that was started as this peer later, and is silent now.
        """
        try:
            async with alone(
                self._settings.cache_dir, self._settings.peer_id, self._pace, stop
            ) as mine:
                while mine and await self._begin(stop):
                    await self._serve(stop)
        finally:
            await self._chat.aclose()

    async def _begin(self, stop: asyncio.Event) -> bool:
        """Number this start, on disk before it is used; False when stopped first."""
        backoff = Backoff(self._pace)
        while not stop.is_set():
            try:
                self._board.begin(await self._pace.aside(self._next_inc))
            except StoreError as exc:
                _warn_once(backoff, "The worker can't start yet: %s", exc)
                await self._pace.pause(backoff.next(), stop)
            else:
                return True
        return False

    def _next_inc(self) -> int:
        peer_id = self._settings.peer_id
        beat = self._board.beats().get(peer_id)
        known = read_starts(self._settings.cache_dir, peer_id)
        # The time in ms: a disk that is lost takes its count with it, and a new node knows none.
        inc = max(1 + max(known, beat.inc if beat else 0),
                  int(self._pace.clock.now().timestamp() * 1000))
        keep_starts(self._settings.cache_dir, peer_id, inc)
        self._desk.drop(keys.DESK_DOUBLE, "since")
        return inc

    async def _serve(self, stop: asyncio.Event) -> None:
        settings, board, desk, pace = self._settings, self._board, self._desk, self._pace
        _LOG.info("The worker of peer '%s' is ready.", settings.peer_id)
        signs = Signs(peer_id=settings.peer_id, peers=settings.peers, board=board, desk=desk,
                      pace=pace, vitals=self._vitals)
        meter = Meter(peer_id=settings.peer_id, board=board, desk=desk, pace=pace)
        limiters = Limiters(most=settings.max_in_flight, desk=desk, pace=pace)
        await limiters.recall()
        errands, shelf = Errands(pace), Shelf(self._files, pace.clock)
        roster = Roster(
            peer_id=settings.peer_id, cache=settings.cache_dir, board=board, desk=desk,
            files=self._files, clock=pace.clock, errands=errands, shelf=shelf,
            forget_table=partial(forget, settings.cache_dir), dead_after=dead_after(settings),
        )
        shop = Workshop(
            settings=settings, board=board, files=self._files, shelf=shelf,
            profiles=self._profiles, chat=self._chat, pace=pace, limiters=limiters,
            turnstile=Turnstile(), counts=meter.counts,
        )
        async with asyncio.TaskGroup() as group:
            shift = _Shift(shop=shop, roster=roster, group=group,
                           places=Places(settings.max_concurrent_jobs, pace))
            told = group.create_task(_stop_with(stop, shift))
            group.create_task(signs.run(shift.stop))
            group.create_task(meter.run(shift.stop))
            group.create_task(limiters.run(shift.stop))
            group.create_task(self._listen(shift))
            group.create_task(_halt_at_the_stop(shift))
            group.create_task(errands.run(shift.stop, shift.wake))
            await self._watch(shift)
            told.cancel()
        await meter.keep()
        await limiters.keep()
        if not stop.is_set():  # another worker has our id
            await signs.outwait(stop)

    async def _watch(self, shift: _Shift) -> None:
        """Look for work until the stop; a store that fails is waited out."""
        backoff = Backoff(self._pace)
        while not shift.stop.is_set():
            pause = DESK_EVERY
            if shift.wake.is_set():
                shift.wake.clear()
                shift.look_at = -math.inf
            try:
                await self._look(shift)
                backoff.reset()
            except StoreError as exc:
                shift.look_at = -math.inf
                _warn_once(backoff, "The worker can't look for jobs now, it keeps trying: %s", exc)
                pause = backoff.next()
            except Exception:  # noqa: BLE001 - shares that run must not end because of it
                shift.look_at = -math.inf
                if not backoff.failing:
                    _LOG.exception("Looking for jobs met a fault in DataGen itself")
                pause = backoff.next()
            await self._pace.pause(pause, shift.stop, shift.wake)

    async def _look(self, shift: _Shift) -> None:
        pace, places = self._pace, shift.places
        handed_over = await pace.aside(shift.roster.is_handed_something)
        if not handed_over and pace.clock.monotonic() < shift.look_at:
            return
        survey = await pace.aside(shift.roster.survey, frozenset(places.in_hand))
        for job_id, orders in places.in_hand.items():
            if job_id in survey.over or survey.open.get(job_id, orders.round) != orders.round:
                orders.drop()
        left_out: list[str] = []  # whose they are
        waiting = [due for due in survey.due if places.may_try(due.job.id)]
        for due in places.fairly(waiting, lambda due: due.job.owner):
            if shift.stop.is_set():
                break
            if due.is_ended or places.has_room:
                await self._take_up(shift, due)
            else:
                left_out.append(due.job.owner)
        places.make_room(len(left_out))
        places.make_way(set(left_out))
        pause = self._settings.job_poll_seconds
        if not places.has_room:
            pause = max(pause, BUSY_POLL)
        shift.look_at = min(pace.clock.monotonic() + pause, *places.retries(), math.inf)

    async def _listen(self, shift: _Shift) -> None:
        """Pass on what people ask at once, however long a look at the board takes."""
        known: dict[str, Asked] = {}
        while not shift.stop.is_set():
            try:
                asked = await self._pace.aside(asked_here, self._desk)
            except StoreError as exc:
                _LOG.debug("What people ask can't be read now: %s", exc)  # who looks for jobs warns
                asked = known
            for job_id, orders in shift.places.in_hand.items():
                orders.tell(asked.get(job_id, NOTHING))
            news = [job_id for job_id in asked if asked[job_id] != known.get(job_id)]
            for job_id in news:  # a share that waits to be tried again need not wait for its end
                shift.places.done(job_id)
                shift.wake.set()
            known = asked
            await self._pace.pause(DESK_EVERY, shift.stop)

    async def _take_up(self, shift: _Shift, due: Due) -> None:
        job = due.job
        if not len(due.share):
            await self._pace.aside(self._report_empty, job, due.share)
            shift.wake.set()
            return
        orders = Orders(due.case.asked, due.case.round, begun=self._pace.clock.monotonic(),
                        owner=job.owner)
        shift.places.take(job.id, orders)
        shift.group.create_task(self._work(shift, due, orders))

    async def _work(self, shift: _Shift, due: Due, orders: Orders) -> None:
        """Work on one share; whatever happens to it, the others go on."""
        job = due.job
        try:
            details = None
            folder = folder_of(self._settings.cache_dir, job.id, self._settings.peer_id)
            if not orders.ended or left_behind(folder):
                details = await self._pace.aside(read_details, self._files, job)
            _LOG.info("Job %s: %s records %d to %d%s.", job.id,
                      "working on" if details else "ending", due.share.start + 1, due.share.end,
                      "" if due.of == self._settings.peer_id else f", in place of peer {due.of}")
            task = Assignment(job=job, of=due.of, number=due.case.round, case=due.case,
                              share=due.share, details=details, before=due.before, orders=orders)
            await work(shift.shop, task, shift.stop)
        except DatagenError as exc:
            await self._put_off(shift, due, str(exc))
        except Exception as exc:  # noqa: BLE001 - a fault in one job must not end the others
            _LOG.exception("Job %s met a fault in DataGen itself", job.id)
            await self._put_off(
                shift, due,
                f"DataGen met a fault of its own ({type(exc).__name__}); the worker's log "
                "tells more.",
            )
        else:
            if not orders.is_put_back:
                shift.places.done(job.id)
        shift.places.leave(job.id)
        shift.wake.set()

    async def _put_off(self, shift: _Shift, due: Due, problem: str) -> None:
        """Say why a share waits, and try again later."""
        job = due.job
        _LOG.log(logging.WARNING if shift.places.put_off(job.id) else logging.DEBUG,
                 "Job %s waits and is tried again: %s", job.id, problem)
        try:
            await self._pace.aside(self._report_trouble, due, problem)
        except StoreError as exc:
            _LOG.warning("That job %s waits is not written: %s", job.id, exc)

    def _report_trouble(self, due: Due, problem: str) -> None:
        job, me = due.job, self._settings.peer_id
        said = self._board.last_state(job.id, me) or heard(job, self._board.states(job.id)).get(me)
        own = due.case.shares.get(me, Share(start=0, end=0))
        state = said or PeerState(peer_id=me, share=own)
        if not state.finished_at:  # said by whom? What has files does not wait
            state = replace(state, result_cid=None, errors_cid=None)
        self._board.report(job.id, replace(
            state, trouble=clip(f"{problem} DataGen keeps trying."), in_flight=(),
            last_update_at=self._pace.clock.now(), owner=job.owner, unsealed=not job.inc,
        ))

    def _report_empty(self, job: Job, share: Share) -> None:
        now = self._pace.clock.now()
        self._board.report(job.id, PeerState(
            peer_id=self._settings.peer_id, share=share, started_at=now, last_update_at=now,
            finished_at=now, owner=job.owner, unsealed=not job.inc,
        ))


def dead_after(settings: Settings) -> float:
    """Seconds without progress from which on a share is helped; 0 = never."""
    if not settings.peer_dead_seconds:
        return 0.0
    return max(settings.peer_dead_seconds, 3 * settings.inference_timeout)


async def _stop_with(stop: asyncio.Event, shift: _Shift) -> None:
    await stop.wait()
    shift.stop.set()


async def _halt_at_the_stop(shift: _Shift) -> None:
    await shift.stop.wait()
    for orders in shift.places.in_hand.values():
        orders.halt.set()


def _warn_once(backoff: Backoff, message: str, exc: StoreError) -> None:
    """Log the first of a row of failures loudly, the others for who debugs."""
    _LOG.log(logging.DEBUG if backoff.failing else logging.WARNING, message, exc)
