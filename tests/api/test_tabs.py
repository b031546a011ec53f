"""Open tabs end with their session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message
from starlette.websockets import WebSocketDisconnected

from datagen.api.tabs import watched
from datagen.domain.rate import Rate
from datagen.domain.turns import Asked, Reader, Told
from tests.engine.virtual_servers import virtually

MUCH = 10**9  # runs a minute


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
                          rate=Rate(MUCH), reader=Reader())


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
                  rate=Rate(MUCH), reader=Reader())


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
                  rate=rate, reader=Reader())
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
                      still=lambda: asyncio.sleep(0, result=False), rate=rate, reader=Reader())
    assert tab.seen[-1]["type"] == "websocket.disconnect"


class Clicks(Tab):
    """A tab whose messages are ``press a`` (on page a) or ``run a``, and a page that tells runs."""

    def __init__(self, *clicks: str, leads_to: str = "a", ends: bool = True) -> None:
        super().__init__()
        self.said += [{"type": "websocket.receive", "bytes": click.encode()} for click in clicks]
        self.said.append({"type": "websocket.disconnect", "code": 1000})
        self._leads_to, self._ends = leads_to, ends
        self.at: dict[str, float] = {}  # the loop's time at which each message got through
        self.loop = asyncio.get_running_loop()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        tasks = []
        while (message := await receive())["type"] != "websocket.disconnect":
            click = message.get("bytes", b"").decode()
            self.at[click] = self.loop.time() - self.begun
            if click.startswith("press"):
                tasks.append(asyncio.create_task(self._draw(send)))
        for task in tasks:
            task.cancel()

    async def _draw(self, send: Any) -> None:
        await asyncio.sleep(1)
        await send({"type": "websocket.send", "bytes": f"begin {self._leads_to}".encode()})
        await asyncio.sleep(1)
        if self._ends:
            await send({"type": "websocket.send", "bytes": b"end"})

    async def seen_at(self) -> dict[str, float]:
        self.begun = self.loop.time()
        await watched(self.app, {}, self.receive, self.send, rate=Rate(MUCH),
                      still=lambda: asyncio.sleep(5, result=True),
                      reader=Reader(asked=_asked, told=_told))
        return self.at


def _asked(message: bytes) -> Asked:
    kind, _, page = message.decode().partition(" ")
    return Asked(by_hand=kind != "part", first=kind == "press", page=page)


def _told(message: bytes) -> Told | None:
    kind, _, page = message.decode().partition(" ")
    return Told(ends=kind == "end", page=page)


def clicked(*clicks: str, leads_to: str = "a", ends: bool = True) -> dict[str, float]:
    async def scene() -> dict[str, float]:
        return await Clicks(*clicks, leads_to=leads_to, ends=ends).seen_at()

    return {click: round(at) for click, at in virtually(scene()).items() if click}


def test_a_click_waits_until_what_a_press_asked_for_is_done() -> None:
    assert clicked("press a", "run a") == {"press a": 0, "run a": 2}
    assert clicked("run a", "press a") == {"run a": 0, "press a": 0}


def test_a_part_that_is_drawn_by_itself_waits_for_nobody() -> None:
    assert clicked("press a", "part a") == {"press a": 0, "part a": 0}


def test_a_click_on_a_page_that_the_press_left_comes_too_late() -> None:
    assert clicked("press a", "run a", leads_to="b") == {"press a": 0}
    assert clicked("press a", "run c", leads_to="b") == {"press a": 0, "run c": 2}


def test_a_page_that_takes_very_long_holds_nobody_up_for_good() -> None:
    assert clicked("press a", "run a", ends=False) == {"press a": 0, "run a": 5}
