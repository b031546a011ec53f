"""What is sent to a chat model: one body per dialect, one answer form after another.

Rules: nodes read their token from the body, OpenAI-compatible servers from the
``Authorization`` header. Pure functions, no I/O.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from datagen.domain.chat import ChatCall, Endpoint
from datagen.domain.endpoints import origin, same_origin

# What a profile's parameters may add. What the call itself says (messages,
# temperature, max_tokens, the answer's form) is never replaced by them.
_NODE_PARAMETERS = frozenset({"top_p", "repeat_penalty", "metadata", "extras"})
_OPENAI_PARAMETERS = frozenset({
    "top_p", "top_k", "min_p", "seed", "stop", "presence_penalty", "frequency_penalty",
    "repeat_penalty", "repetition_penalty", "max_completion_tokens", "reasoning_effort",
    "chat_template_kwargs", "metadata", "user", "service_tier",
})


class Form(IntEnum):
    """How the answer's form is asked for; a higher one asks for less."""

    SCHEMA = 0  # JSON that fits the call's schema
    JSON = 1  # any JSON object
    PLAIN = 2  # nothing: the prompt alone asks for JSON


def first_form(call: ChatCall) -> Form:
    """The most a call can ask for."""
    return Form.JSON if call.schema is None else Form.SCHEMA


def response_format(endpoint: Endpoint, call: ChatCall, form: Form) -> dict[str, Any] | None:
    """The ``response_format`` of the body; None = leave it out."""
    if form is Form.PLAIN:
        return None
    if form is Form.JSON or call.schema is None:
        return {"type": "json_object"}
    if endpoint.dialect == "ratio1":
        return {"type": "json_object", "schema": call.schema}
    wanted = {"name": "record", "schema": call.schema, "strict": False}
    return {"type": "json_schema", "json_schema": wanted}


def build_body(
    endpoint: Endpoint, call: ChatCall, form: Form, api_key: str | None
) -> dict[str, Any]:
    """The JSON body of one request; it holds ``api_key`` in the node's dialect only."""
    node = endpoint.dialect == "ratio1"
    allowed = _NODE_PARAMETERS if node else _OPENAI_PARAMETERS
    body: dict[str, Any] = {k: v for k, v in call.parameters.items() if k in allowed}
    body["messages"] = [{"role": m.role, "content": m.content} for m in call.messages]
    body["temperature"] = call.temperature
    if "max_completion_tokens" not in body:  # newer models refuse the two together
        body["max_tokens"] = call.max_tokens
    wanted = response_format(endpoint, call, form)
    if wanted is not None:
        body["response_format"] = wanted
    if node and api_key:
        body["authorization"] = api_key
    if not node and endpoint.model:
        body["model"] = endpoint.model
    return body


def build_headers(endpoint: Endpoint, api_key: str | None) -> dict[str, str]:
    """The headers of one request; they hold ``api_key`` in the OpenAI dialect only."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if api_key and endpoint.dialect == "openai":
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def key_for(endpoint: Endpoint, own: Endpoint) -> str | None:
    """The key that may be sent to ``endpoint``: none outside the origin it belongs to."""
    home = endpoint.key_url or own.base_url
    return endpoint.api_key if same_origin(endpoint.base_url, home) else None


def place(endpoint: Endpoint) -> str:
    """Host and port as people may read them, without user, password, path or query."""
    where = origin(endpoint.base_url)
    return f"{where[1]}:{where[2]}" if where else "its address"


def digest(schema: Mapping[str, Any] | None) -> str:
    """A short name for a schema, equal for equal schemas."""
    text = json.dumps(schema, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
