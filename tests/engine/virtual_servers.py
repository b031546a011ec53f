"""Model servers in virtual time: what they can do, nobody says."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Coroutine
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.errors import ModelFailed, ModelOverloaded, ModelUnreachable
from datagen.engine.pace import Pace
from tests.engine.workbench import START, good, index_of, inline
from tests.simulation.virtual import VirtualLoop

T = TypeVar("T")
REFUSES_WITHIN = 0.002  # seconds


class LoopClock:
    """The virtual loop's time."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def virtual_pace(seed: int = 1) -> Pace:
    return Pace(clock=LoopClock(), chance=Random(seed).random, aside=inline)


def virtually(scene: Coroutine[Any, Any, T]) -> T:
    """What ``scene`` returns; its seconds take no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene)


class Server:
    """Answers each call after ``seconds``, spread log-normally by ``sigma``."""

    def __init__(self, seconds: float = 0.2, *, sigma: float = 0.0, seed: int = 1) -> None:
        self._seconds, self._sigma, self._luck = seconds, sigma, Random(seed)
        self.calls = self.answered = self.refused = self.in_flight = self.peak = 0
        self.times: list[float] = []  # when each call came

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        self.calls += 1
        self.times.append(asyncio.get_running_loop().time())
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await self.serve()
        finally:
            self.in_flight -= 1
        self.answered += 1
        return good(call)

    async def serve(self) -> None:
        await asyncio.sleep(self.takes())

    def takes(self) -> float:
        if not self._sigma:
            return self._seconds
        return self._seconds * math.exp(self._luck.gauss(-self._sigma**2 / 2, self._sigma))

    async def refuse(self, retry_after: float | None = None) -> None:
        await asyncio.sleep(REFUSES_WITHIN)
        self.refused += 1
        raise ModelOverloaded("The model server is overloaded (429).", retry_after=retry_after)

    async def aclose(self) -> None:
        """Nothing to close."""


class Hidden(Server):
    """Refuses more than ``limit`` calls at once."""

    def __init__(self, limit: int, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit

    async def serve(self) -> None:
        if self.in_flight > self.limit:
            await self.refuse()
        await super().serve()


class Seats(Server):
    """Works on ``seats`` calls; all others wait in line, and nobody is refused."""

    def __init__(self, seats: int, **options: Any) -> None:
        super().__init__(**options)
        self._free = [0.0] * seats

    async def serve(self) -> None:
        now = asyncio.get_running_loop().time()
        end = max(now, heapq.heappop(self._free)) + self.takes()
        heapq.heappush(self._free, end)
        await asyncio.sleep(end - now)


class Flapping(Server):
    """Away for ``away`` seconds of every ``period``."""

    def __init__(self, away: float, period: float, **options: Any) -> None:
        super().__init__(**options)
        self._away, self._period = away, period

    async def serve(self) -> None:
        if asyncio.get_running_loop().time() % self._period < self._away:
            await asyncio.sleep(REFUSES_WITHIN)
            raise ModelUnreachable("The model server can't be reached. Is it running?")
        await super().serve()


class Rationed(Server):
    """Takes ``most`` calls in every minute of the clock, and says when the next one begins."""

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self._most, self._minute, self._taken = most, -1, 0

    async def serve(self) -> None:
        now = asyncio.get_running_loop().time()
        if int(now // 60) != self._minute:
            self._minute, self._taken = int(now // 60), 0
        if self._taken >= self._most:
            await self.refuse(60 - now % 60)
        self._taken += 1
        await super().serve()


class Stumbling(Server):
    """Answers a share of calls, up to ``failing``, with a 500; always those of ``poison``."""

    def __init__(self, failing: float, *, poison: tuple[int, ...] = (), **options: Any) -> None:
        super().__init__(**options)
        self.failing, self._poison = failing, poison
        self._chance = Random(7)

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        reply = await super().complete(endpoint, call)
        if index_of(call) in self._poison or self._chance.random() < self.failing:
            raise ModelFailed("The model server failed (500).")
        return reply


class Busy(Server):
    """A quick server, asked by a worker that is busy for a while after each answer.

    For ``quiet`` or ``loud`` seconds, in turns that last ``turn`` seconds on average.
    """

    def __init__(self, quiet: float, loud: float, turn: float, **options: Any) -> None:
        super().__init__(**options)
        self._work, self._other, self._turn, self._until = quiet, loud, turn, 0.0

    async def serve(self) -> None:
        await super().serve()
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            self._until = now + self._luck.expovariate(1 / self._turn)
            self._work, self._other = self._other, self._work
        spend(self._work * (0.5 + self._luck.random()))


def spend(seconds: float) -> None:
    """The worker itself is busy for so long: nothing else happens meanwhile."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.spend(seconds)
