"""What takes long for some keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from datagen.api import downloads
from datagen.api.downloads import Downloads
from datagen.api.fair import IN_LINE, OF_ONE, Fair
from datagen.api.tasks import task_routes
from datagen.domain.errors import TooManyTries
from datagen.domain.users import User
from datagen.services.datasets import Export, Preparation

PEOPLE = [f"user{n}" for n in range(60)]


class SignedIn:
    """Who it is stands in a header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            name = dict(scope["headers"])[b"x-test-user"].decode()
            scope["state"] = {"session": SimpleNamespace(user=User(name=name, role="user"))}
        await self._app(scope, receive, send)


def client_of(datasets: Any) -> httpx2.AsyncClient:
    services: Any = SimpleNamespace(datasets=datasets, jobs=SimpleNamespace(list=lambda user: ()))
    app = Starlette(routes=task_routes(services), middleware=[Middleware(SignedIn)])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://a")


async def test_who_waits_for_a_file_that_is_prepared_holds_no_thread(tmp_path: Path) -> None:
    made, asked = Preparation(path=tmp_path / "file", owner="ada"), list[str]()

    def prepare(user: User, *_: object) -> Preparation:
        asked.append(user.name)
        return made

    def export(*_: object) -> Export:
        return Export(disposition="attachment", media_type="a/b", chunks=iter([b"PK"]), size=2)

    async with client_of(SimpleNamespace(prepare=prepare, export=export)) as client:
        waiting = [asyncio.create_task(client.get(
            "/api/tasks/j/export?format=xlsx", headers={"x-test-user": name})) for name in PEOPLE]
        while len(asked) < len(PEOPLE):  # more than there are threads
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            assert (await client.get("/api/tasks", headers={"x-test-user": "ada"})).is_success
        assert not any(one.done() for one in waiting)
        made.over.set()
        assert {(await one).content for one in waiting} == {b"PK"}


async def test_a_download_that_can_not_be_prepared_says_why_and_is_over(tmp_path: Path) -> None:
    broken = Preparation(path=tmp_path / "file", owner="ada")
    broken.error = TooManyTries("It does not fit.", retry_after=1)
    broken.over.set()
    async with client_of(SimpleNamespace(prepare=lambda *_: broken)) as client:
        for _ in range(downloads.AT_ONCE + 1):
            answer = await client.get("/api/tasks/j/export", headers={"x-test-user": "ada"})
            assert answer.json()["error"] == "It does not fit."


def test_where_many_download_each_has_fewer_and_everybody_has_one(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "OF_ALL", 12)
    under_way, begun = Downloads(), list[int]()
    for name in PEOPLE[:20]:
        begun.append(0)
        for _ in range(downloads.AT_ONCE + 1):
            try:
                under_way.begin(name)
            except TooManyTries:
                break
            begun[-1] += 1
    assert begun == [6, 6, 4, 3, 2, 2, *[1] * 14]
    for _ in range(6):
        under_way.end(PEOPLE[0])
    with pytest.raises(TooManyTries, match=r"You have 6 downloads under way"):
        under_way.begin(PEOPLE[1])
    under_way.begin(PEOPLE[0])


async def test_a_chunk_goes_in_pieces_and_is_whole() -> None:
    chunks = [b"a" * 300_000, b"", b"b"]
    pieces = [piece async for piece in downloads.pieces(iter(chunks), Downloads().lanes)]
    assert b"".join(pieces) == b"".join(chunks)
    assert max(map(len, pieces)) <= 128 * 1024


async def test_one_who_asks_for_much_at_once_waits_and_others_do_not() -> None:
    turns, go, running = Fair(), threading.Event(), list[str]()

    def read(name: str) -> str:
        running.append(name)
        go.wait(30)
        return name

    greedy = [asyncio.create_task(turns.run("ada", read, "ada")) for _ in range(IN_LINE)]
    while len(running) < OF_ONE:
        await asyncio.sleep(0.01)
    with pytest.raises(TooManyTries):
        await turns.run("ada", read, "ada")
    async with asyncio.timeout(10):
        assert await turns.run("ben", str.upper, "ben") == "BEN"
    assert running == ["ada"] * OF_ONE
    go.set()
    assert await asyncio.gather(*greedy) == ["ada"] * IN_LINE
    assert await turns.run("ada", str.upper, "again") == "AGAIN"
