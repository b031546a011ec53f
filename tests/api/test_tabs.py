"""Open tabs end with their session."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message
from starlette.websockets import WebSocketDisconnected

from datagen.api.tabs import watched


class Tab:
    """A websocket whose client says one thing and then nothing."""

    def __init__(self) -> None:
        self.said: list[Message] = [{"type": "websocket.connect"}]
        self.sent: list[Message] = []
        self.seen: list[Message] = []

    async def receive(self) -> Message:
        if self.said:
            return self.said.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("nobody ends this")

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        while not self.seen or self.seen[-1]["type"] != "websocket.disconnect":
            self.seen.append(await receive())

    async def run(self, *answers: bool) -> None:
        still = iter(answers)

        async def holds() -> bool:
            return next(still)

        async with asyncio.timeout(10):
            await watched(self.app, {}, self.receive, self.send, still=holds, every=0, grace=0)


async def test_a_tab_is_closed_once_its_session_does_not_hold() -> None:
    tab = Tab()
    await tab.run(True, True, False)
    assert tab.sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    assert [message["type"] for message in tab.seen] == [
        "websocket.connect", "websocket.disconnect"]


async def test_who_writes_to_a_tab_that_has_gone_breaks_nothing() -> None:
    tab = Tab()

    async def gone(scope: Any, receive: Any, send: Any) -> None:
        raise WebSocketDisconnected("once a close message has been sent")

    await watched(gone, {}, tab.receive, tab.send, still=lambda: asyncio.sleep(0, result=True))


async def test_what_a_tab_says_gets_through_and_its_own_end_is_the_end() -> None:
    tab = Tab()
    tab.said += [{"type": "websocket.receive", "text": "hello"},
                 {"type": "websocket.disconnect", "code": 1000}]
    await tab.run(*[True] * 100_000)
    assert [message["type"] for message in tab.seen] == [
        "websocket.connect", "websocket.receive", "websocket.disconnect"]
    assert tab.sent == []


async def test_a_browser_that_left_meanwhile_is_no_error() -> None:
    class Gone(Tab):
        async def send(self, message: Message) -> None:
            raise RuntimeError("the connection is closed")

    tab = Gone()
    await tab.run(False)
    assert tab.seen[-1]["code"] == 1008
