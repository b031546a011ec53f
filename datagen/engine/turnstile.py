"""One answer after the other: what follows it leaves before the next is looked at.

Answers that come in together would otherwise be read together before the first of the calls
that follow them leaves; those are answered together again, and so all of them stay late.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turnstile:
    """Lets one through per turn of its event loop, in the order of arrival."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False  # somebody went through in this turn

    async def through(self) -> None:
        """Wait for one's turn; there is nothing to give back."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn, loop)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else who waited was cancelled
                turn.set_result(None)
                loop.call_soon(self._turn, loop)
                return
        self._turning = False
