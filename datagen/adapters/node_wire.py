"""Connections to a node: what comes over them is bounded from its first byte on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from io import BufferedReader
from typing import Any, Protocol

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from datagen.adapters.exchange import Bounded, Exchange


class Body(Protocol):
    """What is sent as it is read, never held whole."""

    def __len__(self) -> int: ...
    def read(self, size: int = -1, /) -> bytes: ...


class Sent:
    """A body that is not waited for longer than its exchange may take."""

    def __init__(self, body: Body, exchange: Exchange) -> None:
        self._body, self._exchange = body, exchange

    def __len__(self) -> int:
        return len(self._body)

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._body.read(size)
        self._exchange.sent(len(chunk))
        return chunk


_EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


@contextmanager
def going_on(exchange: Exchange) -> Iterator[None]:
    """Where a connection belongs to this exchange: nothing else reaches it through requests."""
    token = _EXCHANGE.set(exchange)
    try:
        yield
    finally:
        _EXCHANGE.reset(token)


class _Response(HTTPResponse):
    """An answer that is bounded from its first byte on."""

    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = BufferedReader(Bounded(sock, self.fp.detach(), _EXCHANGE.get()))


class _Plain(HTTPConnection):
    response_class = _Response


class _Secure(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class Adapter(HTTPAdapter):
    """Opens such connections."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
