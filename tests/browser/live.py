"""A DataGen that runs for the journeys."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running DataGen with a throwaway store and the sample model."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path  # what it wrote to its terminal
