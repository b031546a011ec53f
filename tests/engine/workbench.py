"""What the engine's tests share: a small job, a model that obeys, time turned by hand."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from datagen import settings as environment
from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.jobs import Inference, Job, JobDetails
from datagen.engine.limiters import Limiters
from datagen.engine.pace import Pace
from datagen.settings import Settings

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
OWN = Endpoint(base_url="http://127.0.0.1:9", path="/v1/chat/completions", dialect="openai")


def job_of(number: int = 1, *, total: int = 10, peers: tuple[str, ...] = ("local",),
           cid: str = "", creator: str = "", owner: str = "ada") -> Job:
    return Job(
        id=f"job_{1000 + number}_00000{number}", owner=owner, title=f"Job {number}",
        status="queued", total_records=total, peers=peers, details_cid=cid,
        created_at=START.replace(minute=number), schema_generated_at=START, updated_at=START,
        creator=creator, inc=1,
    )


def details_of(job: Job, **parameters: Any) -> JobDetails:
    return JobDetails(
        id=job.id, owner=job.owner, description="numbers", instructions="", schema=SCHEMA,
        inference=Inference(base_url=OWN.base_url, path=OWN.path, parameters=parameters),
        dataset_mode=False, created_at=START, schema_generated_at=START,
        schema_duration_ms=1, schema_refreshes=0,
    )


def settings_of(folder: Path, **variables: str) -> Settings:
    return environment.load({
        "DATAGEN_DATA_DIR": str(folder), "DATAGEN_INFERENCE_BASE_URL": OWN.base_url,
        "DATAGEN_INFERENCE_PATH": OWN.path, "DATAGEN_MAX_IN_FLIGHT": "4",
        "DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE": "1", **variables,
    }, in_container=False)


async def inline(work: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
    """Blocking work done on the spot: every run takes the same steps."""
    await asyncio.sleep(0)
    return work(*args, **kwargs)


def hand_pace(clock: HandClock, naps: list[float] | None = None,
              aside: Callable[..., Awaitable[Any]] = inline) -> Pace:
    """Naps take no time; the clock moves by what they would have taken."""

    async def nap(seconds: float, /, *_: asyncio.Event) -> None:
        if naps is not None:
            naps.append(seconds)
        await asyncio.sleep(0)
        clock.advance(seconds)
        for _ in range(3):  # others see the new time before who napped goes on
            await asyncio.sleep(0)

    return Pace(clock=clock, nap=nap, chance=lambda: 1.0, aside=aside)


def index_of(call: ChatCall) -> int:
    """The record a call asks for, from its prompt."""
    found = re.search(r"Record (\d+) of", call.messages[-1].content)
    assert found
    return int(found.group(1)) - 1


def good(call: ChatCall) -> ChatReply:
    return ChatReply(text=json.dumps({"n": index_of(call)}), finish_reason="stop",
                     prompt_tokens=3, completion_tokens=2)


class Model:
    """Answers with ``script[index]`` in turn (a reply, an error, or what gives one), then well."""

    def __init__(self, script: Mapping[int, list[Any]] | None = None) -> None:
        self._script = {index: list(items) for index, items in (script or {}).items()}
        self.calls: list[tuple[int, ChatCall]] = []
        self.endpoints: list[Endpoint] = []
        self.in_flight = self.peak = 0
        self.closed = False

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        index = index_of(call)
        self.calls.append((index, call))
        self.endpoints.append(endpoint)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(0)
            item = self._script[index].pop(0) if self._script.get(index) else good(call)
            if isinstance(item, asyncio.Event):
                await item.wait()
                item = good(call)
            if callable(item):
                item = item(call)
            if isinstance(item, BaseException):
                raise item
            return item
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        self.closed = True


def limiters_of(most: int, pace: Pace) -> Limiters:
    """Limiters that remember nothing."""
    return Limiters(most=most, desk=MemoryStore(), pace=pace)
