"""Just enough HTTP/1.1 for a model server on loopback: keep-alive, bodies of a known length."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MOST = 4 * 1024 * 1024  # bytes of one request
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests",
            500: "Internal Server Error"}

Answer = Callable[[bytes], None]
Handler = Callable[[str, str, bytes, "Connection"], None]  # method, path, body, where to answer


def response(status: int, body: bytes, *, retry_after: float = 0.0) -> bytes:
    """A whole answer in JSON."""
    after = f"Retry-After: {retry_after:g}\r\n" if retry_after else ""
    head = (f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"{after}Content-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One client's connection: a request, its answer, the next request."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._busy = False

    @property
    def lives(self) -> bool:
        """Whether the client is still there."""
        return self._transport is not None

    def answer(self, whole: bytes) -> None:
        """Send a whole answer; nothing where the client has gone."""
        if self._transport is not None:
            self._transport.write(whole)
            self._busy = False
            if self._data:
                self._next()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        """Hand over the next request, once all of it is there."""
        end = self._data.find(b"\r\n\r\n")
        if end < 0 and len(self._data) < _MOST:
            return
        head = self._data[:end]
        found = _LENGTH.search(head)
        length = int(found.group(1)) if found else 0
        words = head.split(b" ", 2)
        if end < 0 or len(words) < 3 or length > _MOST:
            self._refuse()
        elif len(self._data) >= end + 4 + length:
            body = self._data[end + 4 : end + 4 + length]
            self._data = self._data[end + 4 + length :]
            self._busy = True
            self._handle(words[0].decode("latin-1"), words[1].decode("latin-1"), body, self)

    def _refuse(self) -> None:
        if self._transport is not None:
            self._transport.write(response(400, b'{"error": "not a request"}'))
            self._transport.close()
