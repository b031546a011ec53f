"""Who may call a model server now: one limiter per server, shared by all jobs of the worker.

The level (``level.py``) bounds the calls at once, ``rate.py`` those of a minute, and what the
server itself asks for (Retry-After) comes before both. Of the jobs that wait, the one with
the fewest calls under way is next, and of equals the one whose last turn is longest ago: ten
records are never stuck behind a hundred thousand.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from datagen.domain.chat import Limits
from datagen.domain.rate import Rate
from datagen.engine.lateness import Lateness
from datagen.engine.level import Level
from datagen.engine.pace import Pace

SHORTEST_HOLD, LONGEST_HOLD = 0.1, 30.0  # seconds that a refused call keeps its slot
_WEIGHT = 0.05  # of the latest call, in the mean of what calls come to
_OURS = 0.5  # of an answer's time: where the worker was late by more, the time tells nothing


@dataclass(kw_only=True, eq=False, slots=True)
class Party:
    """One job at a server: its calls under way, and those that wait for their turn."""

    under_way: int = 0
    turn: int = 0  # the number of its latest call
    waiting: deque[tuple[asyncio.Future[Slot], float]] = field(default_factory=deque)


@dataclass(kw_only=True, eq=False, slots=True)
class Slot:
    """One call that may be made now."""

    party: Party
    mark: int  # of the level it began at
    began: float  # monotonic seconds
    tokens: float  # that it was taken to come to
    answers: int  # that anybody had got by then
    is_held: bool = False  # its call was refused


class Limiter:
    """The calls of all jobs to one server. For one event loop."""

    def __init__(self, level: Level, limits: Limits, pace: Pace) -> None:
        self.level, self._pace = level, pace
        self._parties: list[Party] = []
        self._under_way = self._held = self._turn = 0
        self._not_before = 0.0  # monotonic seconds; the server asked for it
        self._refusals = 0  # in a row, without an answer to anybody
        self._answers = 0
        self._lateness = Lateness()
        self._seconds = 1.0  # that an answer takes, about
        self._tokens = 0.0  # that a call comes to, about; 0 = not known yet
        self._timer: asyncio.Task[None] | None = None
        self._requests: Rate | None = None
        self._spend: Rate | None = None
        self.allow(limits)

    def allow(self, limits: Limits) -> None:
        """The owner's bounds as of now."""
        self._requests = _rate(limits.requests_per_minute, self._requests)
        self._spend = _rate(limits.tokens_per_minute, self._spend)

    @property
    def under_way(self) -> int:
        """Slots that are taken."""
        return self._under_way

    @property
    def is_idle(self) -> bool:
        """Whether no job uses it."""
        return not self._parties

    @property
    def refusals(self) -> int:
        """Calls that were refused since the last answer."""
        return self._refusals

    def join(self, party: Party) -> None:
        """A job begins to use it."""
        self._parties.append(party)

    def leave(self, party: Party) -> None:
        """The job is done with it."""
        self._parties.remove(party)

    async def enter(self, party: Party, tokens: float = 0.0) -> Slot:
        """Wait for a slot; ``answered``, ``lost`` or ``give_back`` ends it.

        ``tokens``: the most that the call may come to; counts until it is known what they do.
        """
        if self._under_way < self.level.value and self._next() is None:
            now = self._pace.clock.monotonic()
            if not self._blocked(now):
                return self._slot(party, now, tokens)
        turn: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        waits = (turn, tokens)
        party.waiting.append(waits)
        self._pass_on()
        try:
            slot = await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given one meanwhile
                self.give_back(turn.result())
            elif waits in party.waiting:  # else it was passed over already
                party.waiting.remove(waits)
            raise
        slot.began = self._pace.clock.monotonic()  # not when it was given
        return slot

    def answered(self, slot: Slot, tokens: float) -> None:
        """An answer came; it took so many tokens, those of the prompt included."""
        seconds, late = self._pace.clock.monotonic() - slot.began, self._lateness.now()
        self._refusals = 0
        self._answers += 1
        self._seconds += _WEIGHT * (seconds - self._seconds)
        if self._spend is not None:
            self._spend.correct(tokens - slot.tokens)
        self._tokens += (_WEIGHT if self._tokens else 1.0) * (tokens - self._tokens)
        self.level.answered(slot.mark, seconds - late if late <= _OURS * seconds else None,
                            full=self._under_way >= self.level.value)
        self._free(slot.party)

    def refused(self, slot: Slot, retry_after: float | None) -> float:
        """The server has too much to do; seconds to keep the slot until ``give_back``."""
        self._refusals += 1
        slot.is_held = True
        self._held += 1
        self.level.refused(slot.mark, self._under_way - self._held)
        if retry_after is not None:
            now = self._pace.clock.monotonic()
            self._not_before = max(self._not_before, now + retry_after)
            return 0.0
        rounds = (self._refusals - 1) // self.level.value
        hold = max(SHORTEST_HOLD, min(1.0, self._seconds)) * 2.0 ** min(rounds, 10)
        return min(LONGEST_HOLD, hold) * (0.5 + self._pace.chance() / 2)

    def lost(self, slot: Slot) -> None:
        """Nothing came of it, nor of others, for no fault of the record's."""
        if self.is_silent(slot):
            self.level.lost(slot.mark, self._under_way - self._held - 1)
        self.give_back(slot)

    def is_silent(self, slot: Slot) -> bool:
        """Whether nobody got an answer since that call began."""
        return slot.answers == self._answers

    def give_back(self, slot: Slot) -> None:
        """The call was not made, or its refusal is over."""
        if self._spend is not None:
            self._spend.correct(-slot.tokens)
        self._held -= slot.is_held
        self._free(slot.party)

    def waits(self) -> float:
        """Seconds for which the server asked not to be called."""
        return max(0.0, self._not_before - self._pace.clock.monotonic())

    def _free(self, party: Party) -> None:
        party.under_way -= 1
        self._under_way -= 1
        self._pass_on()
        if not self._under_way:
            self._lateness.rest()

    def _slot(self, party: Party, now: float, tokens: float) -> Slot:
        self._under_way += 1
        self._turn += 1
        party.under_way += 1
        party.turn = self._turn
        self._lateness.watch(self._seconds)
        tokens = self._tokens or tokens
        if self._requests is not None:
            self._requests.take(now)
        if self._spend is not None:
            self._spend.take(now, tokens)
        return Slot(party=party, mark=self.level.mark, began=now, tokens=tokens,
                    answers=self._answers)

    def _pass_on(self) -> None:
        """Give free slots to those that wait."""
        while self._under_way < self.level.value:
            party = self._next()
            if party is None:
                return
            now = self._pace.clock.monotonic()
            if pause := self._blocked(now):
                self._look_again(pause)
                return
            turn, tokens = party.waiting.popleft()
            if not turn.done():
                turn.set_result(self._slot(party, now, tokens))

    def _next(self) -> Party | None:
        """Whose turn it is, of those that wait."""
        best: Party | None = None
        for party in self._parties:
            if party.waiting and (best is None or (party.under_way, party.turn)
                                  < (best.under_way, best.turn)):
                best = party
        return best

    def _blocked(self, now: float) -> float:
        """Seconds for which nothing may begin."""
        pause = self._not_before - now
        if self._requests is not None:
            pause = max(pause, self._requests.wait(now))
        if self._spend is not None:
            pause = max(pause, self._spend.wait(now))
        return max(0.0, pause)

    def _look_again(self, pause: float) -> None:
        if self._timer is None or self._timer.done():
            self._timer = asyncio.get_running_loop().create_task(self._later(pause))

    async def _later(self, pause: float) -> None:
        await self._pace.nap(pause)
        self._timer = None
        self._pass_on()


def _rate(per_minute: int | None, now: Rate | None) -> Rate | None:
    if per_minute is None:
        return None
    return now if now and now.per_minute == per_minute else Rate(per_minute)
