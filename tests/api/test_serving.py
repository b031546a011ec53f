"""Clients that take their time, at a real server."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from datagen.api import serving
from datagen.model import server

SOON = 0.2  # seconds


async def _length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(uvicorn, "Config", uvicorn.Config)  # put back afterwards
    serving.be_strict()
    url, stop = server.run_in_thread(Starlette(routes=[
        Route("/", _length, methods=["GET", "POST"])]))
    yield int(url.rsplit(":", 1)[1])
    stop()


def ended(client: socket.socket) -> bytes:
    """What came until the server closed the connection."""
    client.settimeout(10)
    said = b""
    try:
        while data := client.recv(1000):
            said += data
    except ConnectionResetError:
        pass
    return said


@pytest.mark.parametrize("sent", [
    b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_headers_that_do_not_come_are_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", SOON)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        assert ended(client) == b""


def test_neither_is_a_body(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "BODY_SECONDS", SOON)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        assert ended(client) == b""


def test_who_is_quick_is_answered_and_stays(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.connect()
    first = client.sock
    for body in (b"", b"whole", b""):
        client.request("POST", "/", body)
        assert client.getresponse().read() == str(len(body)).encode()
    assert client.sock is first
    client.close()
