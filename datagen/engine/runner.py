"""Makes the missing records of one share, several at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from datagen.domain import allowance, plan
from datagen.domain.chat import ChatCall
from datagen.domain.errors import ReplyUnusable, StoreError
from datagen.domain.jobs import JobDetails
from datagen.domain.prompts import RecordPrompt
from datagen.domain.records import Accepted, RecordReader
from datagen.engine.bounded import read_in_time
from datagen.engine.journal import Journal, failed_line, ok_line
from datagen.engine.line import Line
from datagen.engine.pace import Backoff, Pace
from datagen.engine.prospects import Prospects
from datagen.engine.tally import Tally, clip
from datagen.engine.turnstile import Turnstile

GRACE = 2.5  # seconds that calls in flight get at a stop
_IN_DOUBT = (" DataGen tries one record after another until one fits. If none does, check "
             "the model, or cancel the job.")
_OURS = frozenset({  # parameters that DataGen itself decides
    "temperature", "max_tokens", "messages", "response_format", "stream", "model", "n",
    "authorization",
})


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A result line, ready for the journal."""

    line: bytes
    reason: str | None = None  # why the record failed
    coerced: tuple[str, ...] = ()  # fields of converted values


@dataclass(frozen=True, kw_only=True)
class _Unfit:
    """An answer that is no record."""

    problem: str
    raw: str = ""
    cut: bool = False  # its tokens were used up


class Runner:
    """Turns indices into journal entries.

    A wrong answer uses up one of the record's ``attempts``; trouble of the endpoint or
    the disk uses up none.
    """

    def __init__(
        self, *, details: JobDetails, total: int, journal: Journal, line: Line, tally: Tally,
        pace: Pace, turnstile: Turnstile, max_in_flight: int, attempts: int,
        backwards: bool = False, number: int = 0,
    ) -> None:
        """``turnstile``: where answers wait to be read, those of other shares too.

        ``backwards``: from the share's last record to its first; ``number``: the round.
        """
        self._journal, self._line, self._tally, self._pace = journal, line, tally, pace
        self._turnstile = turnstile
        self._max_in_flight, self._attempts = max_in_flight, attempts
        self._backwards = backwards
        self.reader = RecordReader(details.schema)
        self._schema, self._prompt = details.schema, RecordPrompt(details, total=total)
        self._parameters = {key: value for key, value in details.inference.parameters.items()
                            if key not in _OURS}
        self._temperature = temperature(details)
        self._max_tokens = max_tokens(details)
        self._source = plan.source(details)
        self._name = f"{details.id} {number}"  # of the calls
        self._disk = Backoff(pace)
        self._prospects = Prospects(records=journal.left, ok=journal.ok)
        self._doubts, self._doubting = Backoff(pace, first=10.0, cap=120.0), asyncio.Lock()
        self._reason = ""  # why a record failed last

    async def run(self, stop: asyncio.Event) -> bool:
        """Whether the share is complete; False when ``stop`` came first."""
        with self._line:
            await self._run(stop)
        return self._journal.left == 0

    async def _run(self, stop: asyncio.Event) -> None:
        crew = asyncio.create_task(self._crew(stop))
        over = asyncio.Event()
        crew.add_done_callback(lambda _: over.set())
        try:
            await _either(over, stop)
            if not crew.done():
                await self._pace.pause(GRACE, over)
        finally:
            crew.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await crew

    async def _crew(self, stop: asyncio.Event) -> None:
        indices = self._journal.missing(backwards=self._backwards)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._max_in_flight, self._journal.left)):
                group.create_task(self._work(indices, stop))

    async def _work(self, indices: Iterator[int], stop: asyncio.Event) -> None:
        for index in indices:
            if stop.is_set():
                return
            if not self._journal.lacks(index):  # another's record came in between
                continue
            made = await self._tried(index, stop)
            if made is not None:
                await self._keep(made, stop)

    async def _tried(self, index: int, stop: asyncio.Event) -> _Made | None:
        """As ``_record``, while there is hope; None when ``stop`` came first."""
        if not self._prospects.in_doubt and not self._prospects.gone:
            return await self._noted(index, stop)
        async with self._doubting:
            if self._prospects.gone:
                await asyncio.sleep(0)  # there may be millions
                return _Made(line=failed_line(index, self._untried(), ""))
            if self._prospects.pauses():
                self._tally.trouble("answers", clip(
                    f"The last {self._prospects.failures} records failed: {self._reason}",
                    spare=len(_IN_DOUBT)) + _IN_DOUBT)
                await self._pace.pause(self._doubts.next(), stop)
            return None if stop.is_set() else await self._noted(index, stop)

    async def _noted(self, index: int, stop: asyncio.Event) -> _Made | None:
        made = await self._record(index, stop)
        if made is not None:
            self._prospects.made(ok=made.reason is None)
            if made.reason is None and self._doubts.failing:
                self._doubts.reset()
                self._tally.trouble("answers", None)
            self._reason = made.reason or self._reason
        return made

    def _untried(self) -> str:
        return clip(f"Not tried, since {self._prospects.failures} records in a row failed. "
                    f"The last reason: {self._reason}")

    async def _record(self, index: int, stop: asyncio.Event) -> _Made | None:
        """The result line of one record; None when ``stop`` came first.

        An answer that was cut off is asked for once more with more room; that is no attempt.
        """
        problem, raw, tokens = None, "", self._max_tokens
        attempt, grown = 1, False
        while attempt <= self._attempts:
            call = self._call(index, attempt, problem, tokens)
            answer = await self._answer(call, index, attempt, stop)
            if answer is None or isinstance(answer, _Made):
                return answer
            if answer.cut and not grown and allowance.after_a_cut(tokens) > tokens:
                tokens, grown = allowance.after_a_cut(tokens), True
                continue
            problem, raw = answer.problem, answer.raw
            attempt += 1
        reason = problem or "The answer could not be used."
        return _Made(line=failed_line(index, reason, raw), reason=reason)

    async def _answer(
        self, call: ChatCall, index: int, attempt: int, stop: asyncio.Event
    ) -> _Made | _Unfit | None:
        """One call and what its answer is worth; None when ``stop`` came first."""
        try:
            reply = await self._line.complete(
                call, index, attempt, stop,
                lambda n: self._call(index + n, 1, None, self._max_tokens))
        except ReplyUnusable as exc:
            return _Unfit(problem=str(exc), cut=exc.cut)
        if reply is None:
            return None
        await self._turnstile.through()
        used_up = (reply.completion_tokens or 0) >= call.max_tokens
        cut = reply.finish_reason == "length" or (reply.finish_reason is None and used_up)
        try:
            verdict = read_in_time(self.reader, reply)
        except Exception as exc:  # noqa: BLE001 - hostile text that breaks the reader costs this record alone
            return _Unfit(problem=f"The answer can't be read ({type(exc).__name__}).",
                          raw=reply.text)
        if not isinstance(verdict, Accepted):
            return _Unfit(problem=verdict.reason, raw=verdict.raw, cut=cut)
        try:
            return _Made(line=ok_line(index, verdict.data), coerced=verdict.coerced)
        except ValueError:
            return _Unfit(problem="The record holds characters or numbers that no file can.")

    def _call(self, index: int, attempt: int, problem: str | None, tokens: int) -> ChatCall:
        return ChatCall(
            messages=self._prompt.messages(
                index, salt=plan.salt(self._source, index), attempt=attempt, problem=problem),
            schema=self._schema, temperature=self._temperature, max_tokens=tokens,
            parameters=self._parameters, name=f"{self._name} {index} {attempt}",
        )

    async def _keep(self, made: _Made, stop: asyncio.Event) -> None:
        """Journal a result; a full disk is waited out with the result in hand."""
        while True:
            try:
                self._journal.append(made.line)
            except StoreError as exc:
                self._tally.trouble("disk", str(exc))
                await self._pace.pause(self._disk.next(), stop)
                if stop.is_set():
                    return
            else:
                self._disk.reset()
                self._tally.trouble("disk", None)
                self._tally.recorded(made.coerced)
                return


def max_tokens(details: JobDetails) -> int:
    """Most tokens one answer may have: as asked for, else as estimated from the schema."""
    asked = details.inference.parameters.get("max_tokens")
    if isinstance(asked, int) and asked > 0:
        return min(allowance.MAX_TOKENS, max(16, asked))
    return allowance.for_schema(details.schema)


def temperature(details: JobDetails) -> float:
    """How freely the model chooses its words, 0 to 1.5: as asked for, else the usual."""
    asked = details.inference.parameters.get("temperature")
    if isinstance(asked, int | float):
        return min(1.5, max(0.0, asked))
    return ChatCall.temperature


async def _either(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
