"""Which jobs a worker has in hand, which wait to be tried again, and for whom there is room.

A job that makes records has one of ``most`` places. One that has been still for a while gives
its place away, whatever holds it up: it stays in hand, and goes on by itself. Only where many
are still at once, the stillest are put back, to be tried again later.

Places are for users, not for jobs: who has the fewest comes first, and for who has none another
makes room, however many jobs and records that one asked for.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from datagen.engine.orders import Orders
from datagen.engine.pace import Backoff, Pace

STILL_AFTER = 15.0  # seconds without a new record
SPARE = 16  # jobs in hand that are still, beside those that have a place
TURN = 60.0  # seconds that a user's only place is theirs while others have none

T = TypeVar("T")


@dataclass(kw_only=True)
class _Waiting:
    """A share that can't be worked on yet."""

    backoff: Backoff
    until: float = -math.inf  # monotonic seconds


class Places:
    """Of one life of the worker."""

    def __init__(self, most: int, pace: Pace) -> None:
        self._most, self._pace = most, pace
        self._in_hand: dict[str, Orders] = {}  # by job id
        self._waiting: dict[str, _Waiting] = {}  # by job id

    @property
    def in_hand(self) -> dict[str, Orders]:
        """What each share is told that is worked on, by job id."""
        return dict(self._in_hand)

    def take(self, job_id: str, orders: Orders) -> None:
        """Work on it begins."""
        self._in_hand[job_id] = orders

    def leave(self, job_id: str) -> None:
        """Work on it has ended: done, put off, or put back."""
        if self._in_hand.pop(job_id).is_put_back:
            self.put_off(job_id)

    def done(self, job_id: str) -> None:
        """There is nothing to try again."""
        self._waiting.pop(job_id, None)

    def put_off(self, job_id: str) -> bool:
        """Try it again later, each time after a longer pause; whether it is the first time."""
        waiting = self._waiting.setdefault(job_id, _Waiting(backoff=Backoff(self._pace)))
        is_first = not waiting.backoff.failing
        waiting.until = self._pace.clock.monotonic() + waiting.backoff.next()
        return is_first

    def may_try(self, job_id: str) -> bool:
        """Whether it need not wait."""
        waiting = self._waiting.get(job_id)
        return waiting is None or self._pace.clock.monotonic() >= waiting.until

    @property
    def has_room(self) -> bool:
        """Whether one more job may be taken up."""
        moving = len(self._in_hand) - len(list(self._still()))
        return moving < self._most and len(self._in_hand) < self._most + SPARE

    def make_room(self, number: int) -> None:
        """So many could be taken up, were there not too many in hand that are still."""
        if len(self._in_hand) >= self._most + SPARE:
            for _, job_id in sorted(self._still(), reverse=True)[:number]:
                self._in_hand[job_id].put_back()

    def fairly(self, waiting: Iterable[T], owner: Callable[[T], str]) -> Iterator[T]:
        """The same, those first whose owner has the fewest in hand; each owner's in their turn."""
        held = Counter(orders.owner for orders in self._in_hand.values())
        own: dict[str, deque[T]] = {}
        for one in waiting:
            own.setdefault(owner(one), deque()).append(one)
        while own:
            name = min(own, key=held.__getitem__)  # of several, the first
            held[name] += 1
            yield own[name].popleft()
            if not own[name]:
                del own[name]

    def make_way(self, left_out: Collection[str]) -> None:
        """If one of these users has no place, have one put back that another has."""
        still = {job_id for _, job_id in self._still()}
        moving = [orders for job_id, orders in self._in_hand.items() if job_id not in still]
        held = Counter(orders.owner for orders in moving)
        if all(held[name] for name in left_out) or any(one.halt.is_set() for one in moving):
            return  # each has one, or a place is about to be free
        most, now = max(held.values(), default=0), self._pace.clock.monotonic()
        theirs = sorted((one for one in moving if held[one.owner] == most),
                        key=lambda one: one.begun)
        if most > 1:
            theirs[-1].put_back()
        elif theirs and now - theirs[0].begun >= TURN:
            theirs[0].put_back()

    def retries(self) -> Iterable[float]:
        """When those are due that wait, monotonic seconds."""
        now = self._pace.clock.monotonic()
        return [waiting.until for waiting in self._waiting.values() if waiting.until > now]

    def _still(self) -> Iterator[tuple[float, str]]:
        """Those that give their place away: seconds, and the job."""
        now = self._pace.clock.monotonic()
        for job_id, orders in self._in_hand.items():
            if (seconds := now - orders.moved()) >= STILL_AFTER:
                yield seconds, job_id
