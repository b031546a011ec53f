"""Ports for tests that have to name them."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest


@pytest.fixture
def free_ports() -> Callable[[int], int]:
    """``free_ports(3)``: the first of three consecutive ports that nobody uses now."""

    def free(count: int) -> int:
        for first in range(21_000, 30_000, count):
            made = [socket.socket() for _ in range(count)]
            try:
                for offset, each in enumerate(made):
                    each.bind(("127.0.0.1", first + offset))
            except OSError:
                continue
            else:
                return first
            finally:
                for each in made:
                    each.close()
        raise AssertionError("no free ports")

    return free
