"""Answers are not held back until the client acknowledges their first packet."""

from __future__ import annotations

import socket

from datagen.api.at_once import set_on_listeners


def _sends_at_once(listener: socket.socket) -> bool:
    with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        return accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_connections_inherit_it_from_whatever_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as idle:
        assert not _sends_at_once(listener)
        assert set_on_listeners() >= 1
        assert _sends_at_once(listener)
        assert idle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
