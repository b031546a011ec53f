"""Open tabs end with their session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message
from starlette.websockets import WebSocketDisconnected

from datagen.api.tabs import watched
from datagen.domain.rate import Rate
from tests.engine.virtual_servers import virtually

MUCH = 10**9  # runs a minute


def one(data: bytes) -> float:
    return 1.0


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
            await watched(self.app, {}, self.receive, self.send, still=holds, every=0, grace=0,
                          rate=Rate(MUCH), runs=one)


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

    await watched(gone, {}, tab.receive, tab.send, still=lambda: asyncio.sleep(0, result=True),
                  rate=Rate(MUCH), runs=one)


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


async def _talk(messages: int, rate: Rate) -> float:
    """A tab that says so much at once; the loop's time at which all of it got through."""
    tab = Tab()
    tab.said += [{"type": "websocket.receive", "bytes": b"run"}] * messages
    tab.said.append({"type": "websocket.disconnect", "code": 1000})
    await watched(tab.app, {}, tab.receive, tab.send, still=lambda: asyncio.sleep(5, result=True),
                  rate=rate, runs=one)
    return asyncio.get_running_loop().time()


def test_all_tabs_of_a_user_share_one_rate_and_others_have_their_own() -> None:
    async def scene() -> tuple[list[float], float, float]:
        begun = asyncio.get_running_loop().time()
        own, other = Rate(600), Rate(600)
        *many, few = await asyncio.gather(*(_talk(100, own) for _ in range(4)), _talk(20, other))
        return many, few, begun

    many, few, begun = virtually(scene())
    assert few == begun
    assert max(many) - begun == pytest.approx((404 - 30) / 600 * 60, rel=0.1)


async def test_who_has_to_wait_is_cut_off_with_the_session_all_the_same() -> None:
    tab, rate = Tab(), Rate(1)
    rate.take(asyncio.get_running_loop().time(), 1_000)
    tab.said.append({"type": "websocket.receive", "bytes": b"run"})
    async with asyncio.timeout(10):
        await watched(tab.app, {}, tab.receive, tab.send, every=0, grace=0,
                      still=lambda: asyncio.sleep(0, result=False), rate=rate, runs=one)
    assert tab.seen[-1]["type"] == "websocket.disconnect"
