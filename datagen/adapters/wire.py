"""A client's connection that takes one answer to one question, and no more bytes than that needs.

aiohttp bounds lines and headers, and ``outgoing`` the body. What else a server may send has no
bound there: interim answers (1xx), chunk sizes and extensions, and answers nobody asked for,
which would be kept for the next question.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

MOST_BYTES = 2 * 1024 * 1024  # of one answer as it comes, headers and chunk sizes included
MOST_INTERIM = 10  # answers that only say that one will come
_SWITCHING = 101  # no interim one: what follows is not HTTP


class EndlessError(aiohttp.ClientPayloadError):
    """A server that goes on sending."""


class Wire(ResponseHandler):
    """One connection."""

    _bytes = _interim = 0
    _payload_of_answer: StreamReader | None = None

    def set_response_params(self, **given: Any) -> None:
        """The next question is about to be asked."""
        self._bytes = self._interim = 0
        self._payload_of_answer = None
        super().set_response_params(**given)

    def data_received(self, data: bytes) -> None:
        """More of the answer; the connection ends with what nobody asked for."""
        self._bytes += len(data)
        answer = self._payload_of_answer
        if data and answer is not None and answer.is_eof():
            self.abort()
        elif self._bytes > MOST_BYTES:
            self._break_off()
        else:
            super().data_received(data)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """An answer's beginning."""
        code = data[0].code
        if not 100 <= code < 200 or code == _SWITCHING:
            self._payload_of_answer = self._payload_of_answer or data[1]
        else:
            self._interim += 1
        if self._interim <= MOST_INTERIM:
            super().feed_data(data, size)
        elif self._interim == MOST_INTERIM + 1:
            self._break_off()

    def _break_off(self) -> None:
        fault, payload = EndlessError("The answer does not end."), self._payload
        self.abort()
        self.set_exception(fault)
        if payload is not None and not payload.is_eof():
            payload.set_exception(fault)


class Connector(aiohttp.TCPConnector):
    """Opens such connections."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._factory = partial(Wire, loop=self._loop)  # type: ignore[assignment]  # a Wire is one
