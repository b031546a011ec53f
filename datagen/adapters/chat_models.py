"""Which models a server offers: asked only when it does not know the one that was named."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from datagen.adapters.chat_replies import parse
from datagen.domain.chat import Endpoint
from datagen.domain.errors import ModelError
from datagen.ports import Clock

KEPT = 300.0  # seconds for which an answer counts, none included
LIST_TIMEOUT = 5.0  # seconds; an error waits for it
MAX_SHOWN = 8  # names
MAX_NAMES = 1_000  # of a whole list
MAX_NAME = 200  # characters
MAX_LETTERS = 120  # of all shown names together: they stand in one sentence
_MAX_SERVERS = 100  # remembered
_ID = re.compile(r"[\w./:@+-]{1,80}", re.ASCII)  # other names are not repeated to people

_Spot = tuple[str, str]  # base URL, path
Fetch = Callable[[str, Endpoint], Awaitable[bytes | None]]  # URL -> body; None = not HTTP 200


class Offers:
    """Remembers, per address, what a server offers."""

    def __init__(self, *, fetch: Fetch, clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._known: dict[_Spot, tuple[float, tuple[str, ...]]] = {}
        self._asking: dict[
            tuple[_Spot, asyncio.AbstractEventLoop], asyncio.Task[tuple[str, ...]]
        ] = {}

    async def of(self, endpoint: Endpoint) -> tuple[str, ...]:
        """Names of models, at most eight; empty where the server does not say. Never raises.

        All calls that meet the same error wait for one question.
        """
        spot = (endpoint.base_url, endpoint.path)
        known = self._known.get(spot)
        if known is not None and self._clock.monotonic() - known[0] < KEPT:
            return known[1]
        here = (spot, asyncio.get_running_loop())
        asking = self._asking.get(here)
        if asking is None:
            asking = self._asking[here] = asyncio.create_task(self._ask(endpoint))
            asking.add_done_callback(lambda _: self._asking.pop(here, None))
        return await asyncio.shield(asking)

    async def _ask(self, endpoint: Endpoint) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                for url in places(endpoint):
                    found = read_ids(await self._fetch(url, endpoint))
                    if found:
                        break
        except (ModelError, TimeoutError):
            pass  # the error that made us ask is told anyway
        if len(self._known) >= _MAX_SERVERS:
            self._known.clear()
        self._known[endpoint.base_url, endpoint.path] = (self._clock.monotonic(), found)
        return found


def places(endpoint: Endpoint) -> list[str]:
    """Where the list may be, the likeliest first."""
    prefix = urlsplit(endpoint.path).path.rsplit("/chat/", 1)[0]
    beside = [f"{endpoint.base_url}{prefix}/models"] if "/chat/" in endpoint.path else []
    both = [f"{endpoint.base_url}/models", f"{endpoint.base_url}/get_models"]
    if endpoint.dialect == "ratio1":
        both.reverse()
    return list(dict.fromkeys([*beside, *both]))


def read_ids(body: bytes | None) -> tuple[str, ...]:
    """Names in a list of models, as many as fit into a sentence; hostile bytes give none."""
    found: list[str] = []
    for name in _names(parse(body) if body else None):
        if not _ID.fullmatch(name) or name in found:
            continue
        if len(found) == MAX_SHOWN or sum(map(len, found)) + len(name) > MAX_LETTERS:
            break
        found.append(name)
    return tuple(found)


def all_names(body: bytes) -> tuple[str, ...]:
    """All names in a list of models that can be shown; hostile bytes give none."""
    names = (name for name in _names(parse(body)) if name.isprintable() and len(name) <= MAX_NAME)
    return tuple(dict.fromkeys(islice(filter(None, names), MAX_NAMES)))


def _names(data: Any) -> Iterator[str]:
    if isinstance(data, dict) and isinstance(data.get("result"), dict | list):
        data = data["result"]
    for key in ("data", "models"):
        if isinstance(data, dict) and isinstance(data.get(key), list):
            data = data[key]
    for item in data if isinstance(data, list) else []:
        name = item.get("id", item.get("name")) if isinstance(item, dict) else item
        if isinstance(name, str):
            yield name
