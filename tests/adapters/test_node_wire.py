"""A node that goes on sending, or takes for ever, over a real socket; time is what a test says."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.node_answers import NodeError, Service, Why
from datagen.adapters.node_http import NodeHttp

SILENCE, WITHIN = 10.0, 1000.0  # seconds
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def sending(pieces: Iterator[bytes]) -> Iterator[str]:
    """A server that sends these to whoever comes, as long as they are taken; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    for piece in pieces:
                        connection.sendall(piece)
                except OSError:
                    return  # the client has had enough

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def read(url: str, clock: HandClock) -> bytes:
    http = NodeHttp(Service(name="The file store", url=url, variable="X"), clock=clock)
    try:
        with http.stream("GET", "get_file", timeout=SILENCE, within=WITHIN) as incoming:
            return b"".join(incoming.chunks(100_000_000))
    finally:
        http.close()


def endlessly(head: bytes, piece: bytes) -> Iterator[bytes]:
    return itertools.chain([head], itertools.repeat(piece * 1000))


@pytest.mark.parametrize("pieces", [
    endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    endlessly(b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n"),
    endlessly(HEAD, b"y"),
    endlessly(CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n"),
    endlessly(CHUNKED + b"1;", b"y"),
], ids=["interim answers", "their headers", "a header", "trailers", "a chunk's size"])
def test_what_is_no_content_comes_to_an_end(pieces: Iterator[bytes]) -> None:
    with sending(pieces) as url, pytest.raises(NodeError) as failed:
        read(url, HandClock())
    assert failed.value.why is Why.BROKEN


@pytest.mark.parametrize("head", [
    b"HTTP/1.1 200 OK\r\nX: ", CHUNKED + b"1;", CHUNKED + b"1\r\nx\r\n0\r\nX: ",
    HEAD + b"Content-Length: 100000\r\n\r\n",
], ids=["a header", "a chunk's size", "a trailer", "the content"])
def test_what_drips_is_not_waited_for_longer_than_for_an_answer(head: bytes) -> None:
    clock = HandClock()

    def drops() -> Iterator[bytes]:
        yield head
        for _ in range(100):
            clock.advance(1)
            yield b"y"

    with sending(drops()) as url, pytest.raises(NodeError) as failed:
        read(url, clock)
    assert failed.value.why is Why.TIMED_OUT


def test_what_comes_at_a_pace_is_waited_for() -> None:
    clock, piece = HandClock(), b"y" * 1_000_000

    def pieces() -> Iterator[bytes]:
        yield HEAD + b"Content-Length: 20000000\r\n\r\n"
        for _ in range(20):
            clock.advance(2)
            yield piece

    with sending(pieces()) as url:
        assert len(read(url, clock)) == 20_000_000


def test_content_in_chunks_of_one_byte_is_content() -> None:
    with sending(iter([CHUNKED, b"1\r\ny\r\n" * 500_000, b"0\r\n\r\n"])) as url:
        assert read(url, HandClock()) == b"y" * 500_000


class Slow:
    """What is sent, while its taker lets time pass."""

    def __init__(self, passes: Callable[[float], object]) -> None:
        self._passes = passes

    def __len__(self) -> int:
        return 1_000_000_000

    def read(self, size: int = -1, /) -> bytes:
        self._passes(2)
        return b"y" * 1000


def test_who_takes_a_file_byte_by_byte_does_not_get_all_of_it() -> None:
    clock = HandClock()
    with sending(iter(())) as url:
        http = NodeHttp(Service(name="The file store", url=url, variable="X"), clock=clock)
        with pytest.raises(NodeError), http.stream(
                "POST", "add_file", data=Slow(clock.advance), timeout=SILENCE, within=WITHIN):
            pass
        http.close()
    assert clock.monotonic() < 100
