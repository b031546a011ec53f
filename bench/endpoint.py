"""The model server of one measurement, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from bench.processes import running

OPENAI_PATH = "/v1/chat/completions"
NODE_PATH = "/create_chat_completion"


class Endpoint:
    """How the bench speaks to it."""

    def __init__(self, base_url: str, pid: int) -> None:
        self.base_url, self.pid = base_url, pid

    def counts(self) -> dict[str, Any]:
        """What it saw since it last changed (``bench.server.counts``)."""
        answer = requests.get(f"{self.base_url}/counts", timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def become(self, **behaviour: float) -> None:
        """From now on it behaves so, and counts anew."""
        answer = requests.post(f"{self.base_url}/behaviour", json=behaviour, timeout=10)
        answer.raise_for_status()


@contextmanager
def endpoint(**behaviour: float) -> Iterator[Endpoint]:
    """A server that behaves so (``bench.server.behaviour``), until the block ends."""
    options = [word for name, value in behaviour.items()
               for word in (f"--{name.replace('_', '-')}", str(value))]
    with running("-m", "bench.server", *options) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        yield Endpoint(process.stdout.readline().strip(), process.pid)
