"""A node's second form of calls: hand in, then ask for the answer (WIRE.md, section 3).

A call's id follows from its name and from what it asks, so after a restart the same record of
the same job finds the answer that was already paid for, and no other does. A node keeps answers
for hours; an id it doesn't know is handed in. One whose answer the node failed to make, or whose
answer was of no use, is asked for again under the next id. A call without a name is asked once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from datagen.adapters.chat_replies import parse, words
from datagen.adapters.outgoing import Got
from datagen.domain.endpoints import NODE_PATH
from datagen.domain.errors import ModelUnreachable
from datagen.ports import Clock

FIRST_LOOK, LONGEST_LOOK = 0.25, 3.0  # seconds between two looks for an answer
MOST_TRIES = 8  # ids of one call; the next one is nobody's
_ID = re.compile(r"[\w.:-]{1,200}", re.ASCII)
_BROKEN = frozenset({"failed", "timeout", "error"})

# method, URL, body, query
Send = Callable[[Literal["GET", "POST"], str, bytes | None, Mapping[str, str]], Awaitable[Got]]


class Polled:
    """Calls to one node."""

    def __init__(
        self, *, base_url: str, path: str, who: str, send: Send, clock: Clock, timeout: float,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``timeout``: seconds until an answer is given up; it can be asked for again."""
        before = path.rstrip("/").removesuffix(NODE_PATH)
        self._submit = f"{base_url}{before}{NODE_PATH}_async"
        self._status = f"{base_url}{before}/request_status"
        self._who, self._send = who, send
        self._clock, self._nap, self._timeout = clock, nap, timeout

    async def ask(self, body: bytes, call: str = "", again: int = 0) -> Got:
        """The answer to ``body`` in the form of the first kind of calls. Raises ModelError.

        ``call``: its name; "" = it has none. ``again``: answers to it that were of no use.
        """
        asked = json.loads(body)
        until = self._clock.monotonic() + self._timeout
        if not call:
            return await self._handed_in(asked, f"dg-{uuid.uuid4().hex}", until)
        name = request_id(asked, call, again)
        for number in range(1, MOST_TRIES + 1):
            known = f"{name}-{number}"
            found = await self._look(known)
            if found is None:
                return await self._handed_in(asked, known, until)
            if found["status"] not in _BROKEN:
                return await self._waited(found, known, until)
        return await self._handed_in(asked, f"{name}-{uuid.uuid4().hex[:8]}", until)

    async def _handed_in(self, asked: dict[str, Any], name: str, until: float) -> Got:
        extras = asked.get("extras")
        extras = {**(extras if isinstance(extras, dict) else {}), "request_id": name}
        got = await self._send("POST", self._submit,
                               json.dumps({**asked, "extras": extras}).encode(), {})
        said = _inner(got)
        if "status" not in said or "error" in said or got.status != 200:
            return got  # refused: as it stands, it says why
        given = said.get("request_id")  # an older node gives ids itself
        return await self._waited(
            said, given if isinstance(given, str) and _ID.fullmatch(given) else name, until)

    async def _waited(self, found: dict[str, Any] | None, name: str, until: float) -> Got:
        pause = FIRST_LOOK
        while found is not None and found.get("status") == "pending":
            left = until - self._clock.monotonic()
            if left <= 0:
                raise ModelUnreachable(f"{self._who} did not answer within {self._timeout:g} s "
                                       "(DATAGEN_INFERENCE_TIMEOUT_SECONDS).")
            await self._nap(min(pause, left))
            pause = min(LONGEST_LOOK, 1.5 * pause)
            found = await self._look(name)
        if found is None:
            raise ModelUnreachable(f"{self._who} forgot a call before it was answered.")
        return _answer(found)

    async def _look(self, name: str) -> dict[str, Any] | None:
        """What the node says of an id; None = it doesn't know it. Raises ModelUnreachable."""
        got = await self._send("GET", self._status, None,
                               {"request_id": name, "return_full": "true"})
        said = _inner(got)
        known = isinstance(said.get("status"), str) and said.get("request_id") == name
        if known and ("result" in said or said["status"] == "pending"):
            return said
        error = words(said.get("error") or said.get("detail"))
        if got.status == 404 or "not found" in error.lower():
            return None
        raise ModelUnreachable(f"{self._who} can't say now what became of a call "
                               f"({got.status}).")


def request_id(asked: dict[str, Any], call: str, again: int) -> str:
    """The id of a call; the same for the same question of the same name, with whichever key."""
    question = {key: value for key, value in asked.items() if key != "authorization"}
    text = json.dumps([call, again, question], sort_keys=True)
    return f"dg-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _inner(got: Got) -> dict[str, Any]:
    """What the node says, wrapped or not; {} for anything else."""
    said = parse(got.body)
    if not isinstance(said, dict):
        return {}
    inner = said.get("result")
    # A full record has a ``result`` of its own: wrapped, it stands one level deeper.
    return inner if isinstance(inner, dict) and "request_id" not in said else said


def _answer(found: dict[str, Any]) -> Got:
    """A record of the node as the answer of a call of the first kind."""
    result = found.get("result")
    inner = dict(result) if isinstance(result, dict) else {}
    if found.get("status") != "completed":
        why = words(inner.get("error")) or words(found.get("error"))
        inner = {"error": why or "No reason is given.",
                 "status": str(found.get("status"))}
    try:
        body = json.dumps({"result": inner}).encode()
    except RecursionError:  # nested deeper than any record
        body = b""
    return Got(status=200, body=body, retry_after=None)
