"""A node of a test's own making: a loopback HTTP server that answers as its script says."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """One request, as it arrived."""

    method: str
    call: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """One answer. ``body`` in pieces is sent chunked, each piece on its own."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    promised: int | None = None  # Content-Length, when it is not the truth
    reset: bool = False  # break the connection instead


def told(result: Any, status: int = 200) -> Reply:
    """An answer in the usual envelope."""
    body = {"result": result, "server_node_addr": "0xai_node", "evm_network": "devnet"}
    return Reply(json.dumps(body).encode(), status)


def raw(data: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(data).encode(), status)


RESET = Reply(reset=True)
Script = Callable[[Asked], Reply]


@dataclass
class OddNode:
    """Its address, its script, and all it was asked."""

    url: str
    script: Script
    asked: list[Asked] = field(default_factory=list)

    @property
    def calls(self) -> list[str]:
        return [asked.call for asked in self.asked]

    def answers(self, *replies: Reply) -> None:
        """These one after the other; the last one for ever."""
        left = list(replies)
        self.script = lambda asked: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def odd_node() -> Iterator[OddNode]:
    server = _Server(("127.0.0.1", 0), _Handler)
    node = server.node = OddNode(f"http://127.0.0.1:{server.server_port}", lambda _: told(None))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    node: OddNode

    def handle_error(self, *args: object) -> None:
        """Nothing to say: a client that has had enough breaks the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        node = cast("_Server", self.server).node
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in
                 parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, parts.path[1:], query, dict(self.headers), body)
        node.asked.append(asked)
        self._send(node.script(asked))

    do_POST = do_GET  # noqa: N815 - the name http.server calls

    def _send(self, reply: Reply) -> None:
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if isinstance(reply.body, bytes):
            length = len(reply.body) if reply.promised is None else reply.promised
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = reply.promised is not None
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in reply.body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the client has had enough
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Keep quiet."""
