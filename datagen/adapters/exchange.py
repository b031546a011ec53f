"""How long one exchange over a socket may take, and how much may be sent for what it is about.

A socket's own timeout is one of silence: a byte now and then outlasts it for ever. And what
http.client and smtplib pass over (interim answers, trailers, lines of a greeting) has no bound.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from typing import Any

SLOWEST = 64 * 1024  # bytes a second, below which nobody waits longer than for an answer to begin
_BESIDE = 1024 * 1024  # bytes of headers and the like
_FRAME = 16  # bytes sent for one of content, at most: it may come in chunks of one byte


class EndlessError(OSError):
    """Somebody goes on sending what is no content."""


class Exchange:
    """One question and its answer.

    ``silence``: seconds until something comes; what comes or goes buys time, at the pace of
    SLOWEST, up to ``within`` seconds in all.
    """

    def __init__(self, now: Callable[[], float], *, silence: float, within: float) -> None:
        self._now, self._silence, self._began = now, silence, now()
        self._within = within
        self._moved = self._content = self._raw = 0  # bytes

    @property
    def left(self) -> float:
        """Seconds; 0 or less when it has taken too long."""
        allowed = min(self._silence + self._moved / SLOWEST, self._within)
        return self._began + allowed - self._now()

    def sent(self, size: int) -> None:
        """So many bytes more are to go out. Raises TimeoutError."""
        self._moved += size
        if self.left <= 0:
            raise TimeoutError("What is sent is taken too slowly.")

    def took(self, size: int) -> None:
        """So many bytes more of the content have come."""
        self._moved += size
        self._content += size

    def read(self, size: int) -> None:
        """So many bytes more have come, whatever they are. Raises EndlessError."""
        self._raw += size
        if self._raw > _BESIDE + _FRAME * self._content:
            raise EndlessError("What is sent does not end.")


class Bounded(io.RawIOBase):
    """What comes from a socket, as long as the exchange may take; TimeoutError after that."""

    def __init__(self, sock: socket.socket, stream: Any, exchange: Exchange) -> None:
        """``stream``: the socket's own, unbuffered; it is closed with this one."""
        super().__init__()
        self._sock, self._stream, self._exchange = sock, stream, exchange
        self._silence = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._exchange.left
        if left <= 0:
            raise TimeoutError("The answer takes too long.")
        self._sock.settimeout(left if self._silence is None else min(self._silence, left))
        size: int | None = self._stream.readinto(buffer)
        self._exchange.read(size or 0)
        return size

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            super().close()
