"""Open tabs: a websocket whose session ends is closed, and no user's run all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnected

from datagen.domain.rate import Rate

LOOK_EVERY = 2.0  # seconds
# The tab itself looks every 5 s and leaves for the sign-in page; who doesn't is cut off.
GRACE = 7.0
_POLICY = 1008


async def watched(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *,
    still: Callable[[], Awaitable[bool]], rate: Rate, runs: Callable[[bytes], float],
    every: float = LOOK_EVERY, grace: float = GRACE,
) -> None:
    """Run ``app`` on a websocket for as long as ``still`` says yes, and ``grace`` seconds more.

    ``rate``: of the user's tabs, all of them together; ``runs``: how much a message takes of it.
    """
    waiting: asyncio.Task[Message] | None = None

    async def watch() -> None:
        while await still():
            await asyncio.sleep(every)
        await asyncio.sleep(grace)

    over = asyncio.create_task(watch())

    async def receiving() -> Message:
        nonlocal waiting
        if waiting is None:
            waiting = asyncio.ensure_future(receive())
        await asyncio.wait({waiting, over}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            with suppress(RuntimeError, OSError):  # the browser may have left by now
                await send({"type": "websocket.close", "code": _POLICY, "reason": ""})
            return {"type": "websocket.disconnect", "code": _POLICY}
        message, waiting = waiting.result(), None
        if message["type"] != "websocket.disconnect":  # to open a tab costs as well
            now = asyncio.get_running_loop().time()
            pause = rate.wait(now)
            rate.take(now, runs(message.get("bytes") or b""))
            if pause:
                await asyncio.wait({over}, timeout=pause)
        return message

    try:
        with suppress(WebSocketDisconnected):  # it went on to one that had gone
            await app(scope, receiving, send)
    finally:
        for task in (over, waiting):
            if task is not None:
                task.cancel()
