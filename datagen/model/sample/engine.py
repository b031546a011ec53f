"""The sample model: answers drafts and records without a model, equal prompts equally."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from datagen.domain.chat import Message
from datagen.domain.errors import ModelRejected
from datagen.domain.prompts import DATASET_SCHEMA_SYSTEM_PROMPT, SCHEMA_SYSTEM_PROMPT
from datagen.model.answers import CHARS_PER_TOKEN, Answer, usage_of
from datagen.model.sample.draft import draft_schema
from datagen.model.sample.generate import CannotGenerate, generate

_QUOTED_SCHEMA = re.compile(r"schema\W{0,6}?\s*(?=\{)", re.IGNORECASE)


def fingerprint(messages: Sequence[Message]) -> str:
    """A short name for a prompt, the same on every machine."""
    turns = [[message.role, message.content] for message in messages]
    return hashlib.sha256(json.dumps(turns).encode()).hexdigest()


class SampleEngine:
    """An Engine whose records fit the schema and mean nothing."""

    def __init__(self, seed: int | str = 0) -> None:
        self._seed = seed

    def answer(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        *,
        max_tokens: int = 1024,
        temperature: float = 0.7,  # part of the port; a sample is never warmer
    ) -> Answer:
        """A record for ``schema``; without one, a draft.

        A record whose schema stands only in the prompt is recognised too. Raises
        ModelRejected when nothing fits the schema.
        """
        schema = schema if schema is not None else schema_in(messages)
        if schema is None:
            # Earlier turns are examples of how to answer.
            asked = [turn.content for turn in messages if turn.role == "user"] or [""]
            value: Any = draft_schema(asked[-1], dataset_mode=is_dataset_draft(messages))
        else:
            try:
                value = generate(schema, f"{self._seed}:{fingerprint(messages)}")
            except CannotGenerate as exc:
                raise ModelRejected(f"The sample model can't serve this schema. {exc}") from exc
        text = json.dumps(value, ensure_ascii=False)
        most = max_tokens * CHARS_PER_TOKEN
        finish = "stop" if len(text) <= most else "length"
        return Answer(text[:most], finish, usage_of(messages, text[:most]))


def schema_in(messages: Sequence[Message]) -> Mapping[str, Any] | None:
    """The schema that a prompt for a record quotes; None in a prompt for a draft."""
    for message in messages:
        if message.role == "system" and message.content in _DRAFT_PROMPTS:
            return None
    for message in reversed(messages):
        for quoted in reversed(list(_QUOTED_SCHEMA.finditer(message.content))):
            try:
                found, _ = json.JSONDecoder().raw_decode(message.content, quoted.end())
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                return found
    return None


def is_dataset_draft(messages: Sequence[Message]) -> bool:
    """Whether the draft must have a label."""
    return any(message.role == "system"
               and (message.content == DATASET_SCHEMA_SYSTEM_PROMPT
                    or "field is named label" in message.content) for message in messages)


_DRAFT_PROMPTS = frozenset({SCHEMA_SYSTEM_PROMPT, DATASET_SCHEMA_SYSTEM_PROMPT})
