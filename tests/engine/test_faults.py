"""Every fault of a model server (WIRE.md, 3), both dialects, from the socket to the record.

The sample server breaks as told; the real adapter, line and runner meet it. What a person
reads is one sentence with an advice, however many records wait for it.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.chat import HttpChat
from datagen.adapters.clock import HandClock
from datagen.adapters.outgoing import Outgoing
from datagen.domain.chat import Dialect, Endpoint
from datagen.domain.errors import (
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelUnknown,
    ModelUnreachable,
)
from datagen.domain.jobs import Share
from datagen.engine.journal import Journal
from datagen.engine.line import Line
from datagen.engine.pace import Pace
from datagen.engine.runner import Runner
from datagen.engine.tally import MAX_MESSAGE, Tally
from datagen.engine.turnstile import Turnstile
from datagen.model.sample import TEXT_FAULTS, WIRE_FAULTS, Faults
from tests.engine.workbench import details_of, inline, job_of, limiters_of

Start = Callable[..., tuple[str, Any]]
PATHS: dict[Dialect, str] = {"openai": "/v1/chat/completions", "ratio1": "/create_chat_completion"}
TOTAL = 6

WAITED_OUT = [  # the fault, what the trouble says, the advice
    ("http_200_error rate_limited", "is overloaded", ModelOverloaded.advice),
    ("http_200_error unauthorized", "refused the key", ModelRefused.advice),
    ("http_200_error error", "failed", ModelFailed.advice),
    ("http_200_error failed", "failed", ModelFailed.advice),
    ("http_200_error timeout", "gave up", ModelUnreachable.advice),
    ("http_200_error", "failed", ModelFailed.advice),
    ("http_404_model", "does not know this model", f"It offers sample. {ModelUnknown.advice}"),
    ("http_429", "is overloaded", ModelOverloaded.advice),
    ("http_500", "failed", ModelFailed.advice),
    ("http_503", "is overloaded", ModelOverloaded.advice),
    ("hang", "did not answer within", ModelUnreachable.advice),
    ("disconnect", "broke the connection", ModelUnreachable.advice),
]
NOT_SEEN = ["http_400_response_format", "slow", "fenced", "prose", "trailing_comma"]
REASONS = {  # why a record failed whose every answer was like this
    "truncated": "cut off", "empty": "without text", "wrong_type": "n: ",
    "missing_field": "n is missing", "extra_field": "unexpected_field",
    "schema_echo": "repeated the schema", "not_json": "no JSON object",
}


class Run:
    """One share against one server, and what a page would have shown meanwhile."""

    def __init__(self, folder: Path, chat: HttpChat, endpoint: Endpoint, clock: HandClock) -> None:
        share = Share(start=0, end=TOTAL)
        self.troubles: set[str] = set()
        self._clock = clock
        pace = Pace(clock=clock, nap=self._nap, chance=lambda: 1.0, aside=inline)
        self.journal = Journal(folder / "j", share)
        self.tally = Tally(peer_id="p", owner="ada", share=share, journal=self.journal, clock=clock,
                           before=None)
        line = Line(model=chat, endpoint=endpoint, limiters=limiters_of(3, pace), tally=self.tally,
                    pace=pace)
        self._runner = Runner(details=details_of(job_of(total=TOTAL)), total=TOTAL,
                              journal=self.journal, line=line, tally=self.tally, pace=pace,
                              turnstile=Turnstile(), max_in_flight=3, attempts=1)

    async def _nap(self, seconds: float, /, *_: asyncio.Event) -> None:
        if trouble := self.tally.state().trouble:
            self.troubles.add(trouble)
        await asyncio.sleep(0)
        self._clock.advance(seconds)

    async def go(self) -> list[dict[str, Any]]:
        """The share's lines once it is complete."""
        assert await self._runner.run(asyncio.Event())
        out = io.BytesIO()
        self.journal.ordered(out)
        return [json.loads(line) for line in out.getvalue().splitlines()]


@asynccontextmanager
async def running(
    folder: Path, base_url: str, dialect: Dialect, *, timeout: float = 10, **more: Any
) -> AsyncIterator[Run]:
    endpoint = Endpoint(base_url=base_url, path=PATHS[dialect], dialect=dialect, **more)
    clock = HandClock()
    chat = HttpChat(out=Outgoing(timeout=timeout), own=endpoint, clock=clock)
    run = Run(folder, chat, endpoint, clock)
    try:
        yield run
    finally:
        run.journal.close()
        await chat.aclose()


def test_every_fault_of_the_sample_server_is_in_a_table() -> None:
    listed = {name.split()[0] for name, *_ in WAITED_OUT} | {*NOT_SEEN, *REASONS}
    assert listed == {*WIRE_FAULTS, *TEXT_FAULTS}


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(("fault", "says", "advice"), WAITED_OUT, ids=lambda v: v[:30])
async def test_a_fault_of_the_wire_is_told_once_with_an_advice_and_waited_out(
    sample_server: Start, tmp_path: Path, dialect: Dialect, fault: str, says: str, advice: str
) -> None:
    kind, _, status = fault.partition(" ")
    base_url, _ = sample_server(dialects=[dialect], faults=Faults(
        rate=1, kinds=(kind,), first=1, statuses=(status or None,)))
    async with running(tmp_path, base_url, dialect,
                       timeout=0.5 if kind == "hang" else 10) as run:
        lines = await run.go()

    assert [line["ok"] for line in lines] == [True] * TOTAL
    assert run.tally.state().trouble is None
    told = [trouble for trouble in run.troubles if advice in trouble or says in trouble]
    assert len(told) == len(run.troubles) == 1
    assert says in told[0]
    assert advice in told[0]
    assert told[0].endswith("DataGen keeps trying.")
    assert len(told[0]) <= MAX_MESSAGE


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_wrong_key_is_told_once_and_never_shown(
    sample_server: Start, tmp_path: Path, dialect: Dialect
) -> None:
    base_url, _ = sample_server(api_key="the right one")
    async with running(tmp_path, base_url, dialect, api_key="k-987654321") as run:
        stop = asyncio.Event()
        work = asyncio.create_task(run._runner.run(stop))
        while not run.troubles:
            await asyncio.sleep(0)
        stop.set()
        assert not await work

    assert len(run.troubles) == 1
    trouble = run.troubles.pop()
    assert "refused the key" in trouble
    assert ModelRefused.advice in trouble
    assert "k-987654321" not in trouble


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("kind", NOT_SEEN)
async def test_what_the_adapter_and_the_reader_can_handle_is_not_seen(
    sample_server: Start, tmp_path: Path, dialect: Dialect, kind: str
) -> None:
    base_url, _ = sample_server(dialects=[dialect],
                                faults=Faults(rate=1, kinds=(kind,), slow_seconds=0.05))
    async with running(tmp_path, base_url, dialect) as run:
        lines = await run.go()

    assert [line["ok"] for line in lines] == [True] * TOTAL
    assert not run.troubles


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("kind", REASONS)
async def test_an_answer_nobody_can_use_fails_the_record_with_one_reason(
    sample_server: Start, tmp_path: Path, dialect: Dialect, kind: str
) -> None:
    base_url, _ = sample_server(dialects=[dialect], faults=Faults(rate=1, kinds=(kind,)))
    async with running(tmp_path, base_url, dialect) as run:
        lines = await run.go()

    assert [line["ok"] for line in lines] == [False] * TOTAL
    assert all(REASONS[kind] in line["error"] for line in lines), lines[0]
    assert not run.troubles
