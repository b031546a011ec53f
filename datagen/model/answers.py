"""What a model engine takes and gives; the server and the in-process adapter share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from datagen.domain.chat import Message

CHARS_PER_TOKEN = 4  # a usual rule of thumb for English text


class Usage(NamedTuple):
    """Tokens of one call."""

    prompt: int
    completion: int


class Answer(NamedTuple):
    """One completion: its text, why it ended ("stop" or "length"), and its tokens."""

    text: str
    finish_reason: str
    usage: Usage


class Engine(Protocol):
    """Anything that completes a chat. Called from worker threads, several at once.

    Raises the ModelError family: ModelRejected for a request it can't serve,
    ModelOverloaded when it is busy, ModelFailed when it broke.
    """

    def answer(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        *,
        max_tokens: int,
        temperature: float,
    ) -> Answer: ...


def usage_of(messages: Sequence[Message], text: str) -> Usage:
    """An estimate, for engines that don't count tokens themselves."""
    asked = sum(len(message.content) for message in messages)
    return Usage(prompt=asked // CHARS_PER_TOKEN + 1, completion=len(text) // CHARS_PER_TOKEN + 1)
