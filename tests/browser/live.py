"""A DataGen that runs for the journeys."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("DATAGEN_", "NEXT_PUBLIC_", "R1EN_", "EE_", "CSTORE_", "R1FS_", "LOG_", "RETRY_")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running DataGen with a throwaway store and the sample model."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path  # what it wrote to its terminal


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
