"""How the web process speaks HTTP, where Streamlit leaves no choice to its apps."""

from __future__ import annotations

import asyncio
import functools
import resource
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_HEAD = 32 * 1024  # bytes of a request's line and headers; a cookie of ours has 0.3 KiB
HEAD_SECONDS = 20.0  # until the headers of a request are here
BODY_SECONDS = 60.0  # until the rest is; a mebibyte at the most
OPEN_FILES = 8_192  # connections included; many systems allow 1,024 unless one asks for more


def be_strict() -> None:
    """Servers made from here on bound what a stranger may send as headers, and name no product.

    The parser they would choose keeps headers as long as they come, and waits for ever.
    """
    uvicorn.Config = functools.partial(  # type: ignore[misc,assignment]  # Streamlit calls it
        uvicorn.Config, http=Impatient, h11_max_incomplete_event_size=MAX_HEAD,
        server_header=False, log_config=None)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Impatient(H11Protocol):
    """Closes a connection on which a request does not come to its end."""

    _expected: Any = None  # h11's state of the client
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        super().handle_websocket_upgrade(event)
        self._expected = h11.SWITCHED_PROTOCOL
        self._calm()

    def _look(self) -> None:
        state = self.conn.their_state
        if state is self._expected or self._expected is h11.SWITCHED_PROTOCOL:
            return
        self._expected = state
        self._calm()
        seconds = {h11.IDLE: HEAD_SECONDS, h11.SEND_BODY: BODY_SECONDS}.get(state)
        if seconds is not None:
            self._alarm = self.loop.call_later(seconds, self.transport.abort)

    def _calm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
