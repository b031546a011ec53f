"""Open tabs end with their session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message
from starlette.websockets import WebSocketDisconnected

from datagen.api.tabs import RUNS_AT_ONCE, RUNS_PER_SECOND, Pace, watched
from tests.engine.virtual_servers import virtually


def at_once(data: bytes, now: float) -> float:
    return 0.0


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
            await watched(self.app, {}, self.receive, self.send, still=holds, wait=at_once,
                          every=0, grace=0)


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
                  wait=at_once)


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


async def _talk(messages: int, pace: Pace) -> float:
    """A tab that says so much at once; the loop's time at which all of it got through."""
    tab = Tab()
    tab.said += [{"type": "websocket.receive", "bytes": b"run"}] * messages
    tab.said.append({"type": "websocket.disconnect", "code": 1000})
    await watched(tab.app, {}, tab.receive, tab.send, still=lambda: asyncio.sleep(5, result=True),
                  wait=lambda data, now: pace.wait(1.0, now))
    return asyncio.get_running_loop().time()


def test_all_tabs_of_a_user_share_one_pace_and_others_have_their_own() -> None:
    async def scene() -> tuple[list[float], float, float]:
        begun = asyncio.get_running_loop().time()
        own, other = Pace(), Pace()
        *many, few = await asyncio.gather(*(_talk(100, own) for _ in range(4)), _talk(20, other))
        return many, few, begun

    many, few, begun = virtually(scene())
    assert few == begun
    assert max(many) - begun == pytest.approx((400 - RUNS_AT_ONCE) / RUNS_PER_SECOND, rel=0.05)


def test_what_was_not_used_is_there_later_but_no_more_than_so_much() -> None:
    pace = Pace()
    assert [pace.wait(RUNS_AT_ONCE, 100.0), pace.wait(1.0, 100.0)] == [0.0, 1 / RUNS_PER_SECOND]
    assert pace.wait(RUNS_AT_ONCE, 1_000_000.0) == 0.0
    assert pace.wait(RUNS_PER_SECOND, 1_000_000.0) == 1.0


async def test_who_has_to_wait_is_cut_off_with_the_session_all_the_same() -> None:
    tab = Tab()
    tab.said.append({"type": "websocket.receive", "bytes": b"run"})
    async with asyncio.timeout(10):
        await watched(tab.app, {}, tab.receive, tab.send, every=0, grace=0,
                      still=lambda: asyncio.sleep(0, result=False), wait=lambda *_: 3600.0)
    assert tab.seen[-1]["type"] == "websocket.disconnect"
