"""A crowd of idle tabs and slow clients before the real web process, and somebody in a hurry."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

from datagen import bootstrap, settings
from tests.test_web_process import PASSWORD, ask, environment_of, web

TABS, SLOW = 200, 200  # of each kind of slow client
HANDSHAKE = ("GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nCookie: {cookie}\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
HEAD = "GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = ("POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Content-Length: 16000\r\n\r\n{")


def sign_in(port: int, name: str) -> str:
    _, headers, _ = ask(port, "POST", "/api/auth/login", json.dumps(
        {"username": name, "password": PASSWORD}), content_type="application/json")
    return headers["set-cookie"].partition(";")[0]


def test_two_hundred_idle_tabs_and_slow_clients_keep_nobody_waiting(tmp_path: Path) -> None:
    with web(tmp_path) as port, ExitStack() as crowd:
        chosen = settings.load(environment_of(tmp_path, port), in_container=False)
        with closing(bootstrap.build(chosen)) as services:
            services.accounts.init(PASSWORD)
            services.accounts.create("ada", PASSWORD)
        cookies = [sign_in(port, name) for name in ("admin", "ada")]
        cookie = cookies[0]

        def come(text: str) -> socket.socket:
            client = crowd.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            client.sendall(text.encode())
            return client

        tabs = [come(HANDSHAKE.format(port=port, cookie=cookies[number % 2]))
                for number in range(TABS)]
        assert all(tab.recv(12) == b"HTTP/1.1 101" for tab in tabs)
        slow = [come(text) for _ in range(SLOW) for text in (HEAD, BODY)]
        waits = []
        for number in range(20):
            for client in slow[number::20]:
                client.sendall(b"x")  # slow, but there
            for path, status in (("/health", 200), ("/login", 200), ("/api/tasks", 200)):
                begun = time.monotonic()
                shown = {"cookie": cookie} if path == "/api/tasks" else {}
                assert ask(port, "GET", path, **shown)[0] == status
                waits.append(time.monotonic() - begun)
    usual = sorted(waits)[len(waits) // 2]
    sys.stdout.write(f"\n{TABS} idle tabs, {len(slow)} slow clients: an answer within "
                     f"{max(waits):.3f} s at most, {usual:.3f} s usually\n")
    assert max(waits) < 1
    assert not re.search("Traceback|Too many open files", (tmp_path / "log").read_text())
