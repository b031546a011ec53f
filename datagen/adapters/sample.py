"""The sample model in process: a ChatModel without a server (DATAGEN_MOCK_INFERENCE_API=1)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from datagen.domain.chat import ChatCall, ChatReply, Endpoint, Trial
from datagen.domain.errors import (
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelUnknown,
    ModelUnreachable,
)
from datagen.model.answers import Engine
from datagen.model.sample import Faults, SampleEngine, fingerprint

Sleep = Callable[[float], Awaitable[None]]
NAME = "sample"


class SampleModel:
    """Answers every endpoint alike. Records fit their schema and mean nothing.

    ``latency`` and ``timeout`` are seconds; a call that hangs ends after ``timeout`` with
    ModelUnreachable, as one over HTTP would.
    """

    def __init__(
        self,
        *,
        engine: Engine | None = None,
        faults: Faults | None = None,
        latency: float = 0.0,
        timeout: float = 120.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._engine = engine or SampleEngine()
        self._faults = faults or Faults()
        self._latency = latency
        self._timeout = timeout
        self._sleep = sleep
        self._seen: Counter[str] = Counter()

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        """One answer. Raises the ModelError family where a fault says so."""
        prompt = fingerprint(call.messages)
        nth = 1
        if self._faults.first is not None:  # else nobody needs the count
            self._seen[prompt] += 1
            nth = self._seen[prompt]
        fault = self._faults.pick(prompt, nth)
        await self._wait(fault)
        error = _error(fault, self._faults, prompt)
        if error is not None:
            raise error
        text, finish, usage = await asyncio.to_thread(
            self._engine.answer, call.messages, call.schema,
            max_tokens=call.max_tokens, temperature=call.temperature,
        )
        if fault is not None:
            text, finish = self._faults.spoil(fault, text, finish, call.schema, prompt)
        return ChatReply(text=text, finish_reason=finish, prompt_tokens=usage.prompt,
                         completion_tokens=usage.completion, model=NAME)

    async def try_out(self, endpoint: Endpoint, call: ChatCall) -> Trial:
        """One answer, in any form."""
        return Trial(reply=await self.complete(endpoint, call), form="json_schema",
                     seconds=self._latency)

    async def models(self, endpoint: Endpoint) -> tuple[str, ...]:
        """There is one."""
        return (NAME,)

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def _wait(self, fault: str | None) -> None:
        seconds = self._latency
        if fault == "slow":
            seconds += self._faults.slow_seconds
        elif fault == "hang":
            seconds = self._timeout
        if seconds > 0:
            await self._sleep(seconds)


def _error(fault: str | None, faults: Faults, prompt: str) -> ModelError | None:
    """What the chat adapter would raise for a fault of the wire; None for other faults."""
    if fault == "http_200_error":
        fault = str(faults.status(prompt))
    if fault in {"http_429", "http_503", "rate_limited"}:
        after = float(faults.retry_after) if fault == "http_429" else None
        return ModelOverloaded("The model server is busy.", retry_after=after)
    if fault == "http_404_model":
        return ModelUnknown("The model server does not know this model.", offers=[NAME])
    if fault == "unauthorized":
        return ModelRefused("The model server refused the key.")
    if fault in {"hang", "timeout"}:
        return ModelUnreachable("The model server did not answer in time.")
    if fault == "disconnect":
        return ModelUnreachable("The connection to the model server broke.")
    if fault in {"http_500", "error", "failed", "None"}:
        return ModelFailed("The model server failed.")
    return None
