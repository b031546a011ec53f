"""The way to one endpoint: all that its calls have in common is put together once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from datagen.adapters.chat_dialects import Form, build_body, build_headers, key_for, place
from datagen.adapters.outgoing import proxy_secrets
from datagen.domain.chat import ChatCall, Endpoint

Spot = tuple[str, str, str | None, str]  # what tells two endpoints apart, but their keys
_Given = tuple[Mapping[str, Any] | None, Mapping[str, Any]]  # a call's schema, its parameters
_MAX_FRAMES = 64  # kinds of calls remembered; forgotten all at once beyond it


class Route:
    """Where one endpoint's calls go, and with what."""

    def __init__(self, endpoint: Endpoint, own: Endpoint) -> None:
        """``own``: the server's own endpoint."""
        self._endpoint = endpoint
        self._key = key_for(endpoint, own)
        self.spot: Spot = (endpoint.base_url, endpoint.path, endpoint.model, endpoint.dialect)
        self.url = f"{endpoint.base_url}{endpoint.path}"
        # Whether nobody but who runs this server chose the address.
        self.is_own = (endpoint.base_url, endpoint.path) == (own.base_url, own.path)
        self.place = place(endpoint)
        self.who = f"The model server at {self.place}"
        self.headers = build_headers(endpoint, self._key)
        self.secrets = (*(key for key in (endpoint.api_key, own.api_key) if key),
                        *(proxy_secrets(self.url) if self.is_own else ()))
        # What is sent beside the messages. Schemas and parameters are known by their identity:
        # they are kept here, so that no other gets the same.
        self._frames: dict[tuple[Any, ...], tuple[_Given, bytes]] = {}

    def body(self, call: ChatCall, form: Form) -> bytes:
        """The JSON of a request. Raises ValueError, TypeError, RecursionError for none."""
        key = (form, call.temperature, call.max_tokens, id(call.schema), id(call.parameters))
        known = self._frames.get(key)
        if known is None:
            if len(self._frames) >= _MAX_FRAMES:
                self._frames.clear()
            known = self._frames[key] = ((call.schema, call.parameters), self._frame(call, form))
        return b"".join((b'{"messages":', _messages(call), known[1]))

    def _frame(self, call: ChatCall, form: Form) -> bytes:
        body = build_body(self._endpoint, call, form, self._key)
        del body["messages"]
        return b"," + json.dumps(body, allow_nan=False).encode()[1:]


def _messages(call: ChatCall) -> bytes:
    try:
        return orjson.dumps(call.messages)
    except TypeError:  # half a surrogate pair, which is escaped
        return json.dumps([{"role": m.role, "content": m.content} for m in call.messages]).encode()
