"""Processes that are measured: started, looked at through ``/proc``, ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
_TICK = os.sysconf("SC_CLK_TCK")
_STOP = 15  # seconds a process has to end by itself
OURS = ("DATAGEN_", "NEXT_PUBLIC_", "R1EN_", "EE_", "CSTORE_", "R1FS_", "LOG_", "RETRY_")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one process, its threads included, took so far."""

    cpu: float  # seconds of processor time
    peak: float  # most memory at once, MB

    def since(self, before: Usage) -> Usage:
        """What it took from then on; the peak stays."""
        return Usage(cpu=self.cpu - before.cpu, peak=self.peak)


def usage(pid: int) -> Usage:
    """As of now. Raises OSError for a process that has ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0])
    return Usage(cpu=(int(fields[11]) + int(fields[12])) / _TICK, peak=peak / 1024)


def forget_peak(pid: int) -> None:
    """From now on the peak is that of what follows."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextmanager
def running(
    *arguments: str, environment: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A Python process of ours, its output in ``log`` or else read by the caller."""
    output: IO[str] | int = log.open("a") if log else subprocess.PIPE
    try:
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, *arguments], cwd=ROOT, text=True, env=clean_environment(environment),
            stdin=subprocess.PIPE, stdout=output, stderr=output if log else None)
    finally:
        if not isinstance(output, int):
            output.close()
    try:
        yield process
    finally:
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would configure a DataGen, and ``more``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}  # noqa: TID251 - a child process starts from ours
    return {**kept, **(more or {})}
