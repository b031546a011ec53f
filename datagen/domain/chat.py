"""The values that go to a chat model and come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Dialect = Literal["ratio1", "openai"]
AnswerForm = Literal["json_schema", "json_object", "none"]  # what a server lets one ask for


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a model server's owner allows; None = as much as it takes."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_in_flight: int | None = None  # calls at once


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a chat model answers. ``repr`` never shows the key."""

    base_url: str  # scheme, host, port and perhaps a prefix; no trailing slash
    path: str  # e.g. /create_chat_completion
    model: str | None = None  # name the server knows; None = the server's own choice
    dialect: Dialect = "ratio1"
    api_key: str | None = field(default=None, repr=False)
    key_url: str | None = None  # where the key belongs; None = to the server's own endpoint
    limits: Limits = Limits()
    polled: bool = False  # a node's second form: hand in, then ask for the answer


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn of the conversation; content is never empty."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class ChatCall:
    """One request, free of any dialect."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None  # ask for JSON that fits it; None = any JSON
    temperature: float = 0.7  # 0-1.5
    max_tokens: int = 1024  # 16-4096; a node's own default of 512 cuts long records
    parameters: Mapping[str, Any] = field(default_factory=dict)  # passed on as they are
    name: str = ""  # what tells it from all others, after a restart too; "" = it is none of many
    again: int = 0  # answers to it that were of no use


@dataclass(frozen=True, kw_only=True)
class ChatReply:
    """One answer, free of any dialect. The text is hostile: parse it, never render it."""

    text: str
    finish_reason: str | None = None  # "length" = cut off: never repair it into a record
    prompt_tokens: int | None = None  # None = the server did not say
    completion_tokens: int | None = None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a model server did in one call."""

    reply: ChatReply
    form: AnswerForm  # the strictest it took
    seconds: float  # of the call that was answered
