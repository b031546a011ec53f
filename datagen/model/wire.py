"""Requests and answers of the chat calls as they stand on the wire (WIRE.md, section 3)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from datagen.domain.chat import Message
from datagen.model.answers import Answer

NODE_DEFAULT_MAX_TOKENS = 512  # what a node uses when nothing is said
_SECRETS = frozenset({"authorization", "api_key", "apikey", "token", "password", "secret"})


class BadRequest(Exception):  # noqa: N818 - named after the answer it becomes
    """The body is not a chat call; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One chat call, free of dialect."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None
    form: str | None  # json_schema, json_object+schema, json_object; None = no response_format
    max_tokens: int
    temperature: float


def read_request(body: Any) -> Asked:
    """The call in a request body. Raises BadRequest."""
    if not isinstance(body, Mapping):
        raise BadRequest("The body must be a JSON object.")
    form, schema = _response_format(body.get("response_format"))
    max_tokens = body.get("max_tokens", body.get("max_completion_tokens"))
    temperature = body.get("temperature")
    if not isinstance(max_tokens, int | None) or not isinstance(temperature, float | int | None):
        raise BadRequest("max_tokens and temperature must be numbers.")
    return Asked(
        messages=_messages(body.get("messages")),
        schema=schema,
        form=form,
        max_tokens=NODE_DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens,
        temperature=0.7 if temperature is None else float(temperature),
    )


def _messages(items: Any) -> tuple[Message, ...]:
    if not isinstance(items, list) or not items:
        raise BadRequest("messages must be a list with at least one message.")
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("content"), str):
            raise BadRequest("messages: every content must be a string.")
        if item.get("role") not in ("system", "user", "assistant", "tool") or not item["content"]:
            raise BadRequest("messages: every message needs a role and a content.")
    return tuple(
        Message(role="user" if item["role"] == "tool" else item["role"], content=item["content"])
        for item in items
    )


def _response_format(value: Any) -> tuple[str | None, Mapping[str, Any] | None]:
    if value is None or value == {"type": "text"}:
        return None, None
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "json_object":
        schema = value.get("schema")
        if schema is None:
            return "json_object", None
    elif kind == "json_schema":
        named = value.get("json_schema")
        schema = named.get("schema") if isinstance(named, Mapping) else None
    else:
        raise BadRequest("response_format: unknown type.")
    if not isinstance(schema, Mapping):
        raise BadRequest("response_format: the schema must be a JSON object.")
    return "json_schema" if kind == "json_schema" else "json_object+schema", schema


def redacted(value: Any) -> Any:
    """A copy of a request body whose keys and passwords are stars."""
    if isinstance(value, Mapping):
        return {
            key: "***" if str(key).lower() in _SECRETS and isinstance(item, str) else redacted(item)
            for key, item in value.items()
        }
    return [redacted(item) for item in value] if isinstance(value, list) else value


def answered(path: str, answer: Answer, *, model: str, wrapped: bool) -> JSONResponse:
    """The answer in the dialect of ``path``; ``wrapped`` concerns the node's only."""
    prompt, completion = answer.usage
    number = uuid.uuid4().hex
    full = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": answer.text},
            "finish_reason": answer.finish_reason,
        }],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion,
                  "total_tokens": prompt + completion},
    }
    if not _node(path):
        return JSONResponse(full)
    result = {"REQUEST_ID": number, "MODEL_NAME": model, "TEXT_RESPONSE": [answer.text],
              "FULL_OUTPUT": [full]}
    outer = {"server_node_addr": "0xai_sample"}
    return JSONResponse({"result": result, **outer} if wrapped else result | outer)


def failed(
    path: str, code: int, message: str, *, status: str | None = None, wrapped: bool = True,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error in the dialect of ``path``; with code 200 it stands where an answer would."""
    if not _node(path):
        error = {"message": message, "type": status or "invalid_request_error", "code": status}
        return JSONResponse({"error": error}, code, headers=headers)
    inner = {"error": message} | ({"status": status} if status else {})
    body = {"detail": inner} if code != 200 else {"result": inner} if wrapped else inner
    return JSONResponse(body, code, headers=headers)


def _node(path: str) -> bool:
    return path.rstrip("/").endswith("/create_chat_completion")
