"""Open tabs: a websocket whose session ends is closed, and no user's run all the time.

A click waits until what the one before it asked for is done (datagen/domain/turns.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnected

from datagen.domain.rate import Rate
from datagen.domain.turns import Asked, Reader, Turn

LOOK_EVERY = 2.0  # seconds
# The tab itself looks every 5 s and leaves for the sign-in page; who doesn't is cut off.
GRACE = 7.0
TURN = 5.0  # seconds for which a click waits at most
_POLICY = 1008


async def watched(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *,
    still: Callable[[], Awaitable[bool]], rate: Rate, reader: Reader,
    every: float = LOOK_EVERY, grace: float = GRACE,
) -> None:
    """Run ``app`` on a websocket for as long as ``still`` says yes, and ``grace`` seconds more.

    ``rate``: of the user's tabs, all of them together.
    """

    async def watch() -> None:
        while await still():
            await asyncio.sleep(every)
        await asyncio.sleep(grace)

    tab = _Tab(receive, send, asyncio.create_task(watch()), rate, reader)
    try:
        with suppress(WebSocketDisconnected):  # it went on to one that had gone
            await app(scope, tab.receive, tab.send)
    finally:
        tab.end()


class _Tab:
    """Both directions of one websocket."""

    def __init__(
        self, receive: Receive, send: Send, over: asyncio.Task[None], rate: Rate, reader: Reader,
    ) -> None:
        self._receive, self._send, self._over = receive, send, over
        self._rate, self._reader = rate, reader
        self._waiting: asyncio.Task[Message] | None = None
        self._turn, self._done = Turn(), asyncio.Event()

    def end(self) -> None:
        for task in (self._over, self._waiting):
            if task is not None:
                task.cancel()

    async def receive(self) -> Message:
        """The next message for the page, when it is its turn."""
        while True:
            if self._waiting is None:
                self._waiting = asyncio.ensure_future(self._receive())
            await asyncio.wait({self._waiting, self._over}, return_when=asyncio.FIRST_COMPLETED)
            if not self._waiting.done():
                with suppress(RuntimeError, OSError):  # the browser may have left by now
                    await self._send({"type": "websocket.close", "code": _POLICY, "reason": ""})
                return {"type": "websocket.disconnect", "code": _POLICY}
            message, self._waiting = self._waiting.result(), None
            if message["type"] == "websocket.disconnect":
                return message
            said = self._reader.asked(message.get("bytes") or b"")
            await self._at_its_rate(said)  # to open a tab costs as well
            if await self._in_turn(said):
                return message

    async def send(self, message: Message) -> None:
        """A message of the page for the browser."""
        if self._turn.click is not None:
            told = self._reader.told(message.get("bytes") or b"")
            if told is not None:
                self._turn.told(told)
            if self._turn.click is None:
                self._done.set()
        await self._send(message)

    async def _at_its_rate(self, said: Asked) -> None:
        now = asyncio.get_running_loop().time()
        pause = self._rate.wait(now)
        self._rate.take(now, said.share)
        if pause:
            await asyncio.wait({self._over}, timeout=pause)

    async def _in_turn(self, said: Asked) -> bool:
        """Once the click before it is done; False where that left the page it was made on."""
        turn, before = self._turn, self._turn.click
        if before is not None and said.by_hand:
            self._done.clear()
            done = asyncio.ensure_future(self._done.wait())
            await asyncio.wait({done, self._over}, timeout=TURN,
                               return_when=asyncio.FIRST_COMPLETED)
            done.cancel()
            if turn.click is None and said.page == before.page != turn.page:
                return False
        turn.asked(said)
        return True
