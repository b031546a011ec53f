"""One replica as an operator has it: ``datagen up`` and all that it starts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import requests

from tests.cluster.person import wait_for

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 15  # a replica has this long to end by itself
OURS = ("DATAGEN_", "NEXT_PUBLIC_", "R1EN_", "EE_", "CSTORE_", "R1FS_", "LOG_", "RETRY_")


class Replica:
    """Starts, dies and starts again in the same folder and on the same port."""

    def __init__(self, folder: Path, port: int, environment: Mapping[str, str]) -> None:
        """``folder`` is its disk; beside it lies what it printed."""
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._environment = clean_environment() | {
            **environment, "DATAGEN_APP_HOST": "127.0.0.1", "DATAGEN_APP_PORT": str(port),
            "DATAGEN_DATA_DIR": str(folder), "DATAGEN_LOCAL_CACHE_DIR": str(folder / "cache"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def lives(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """It ends with us, even if we are killed: its standard input is a pipe of ours."""
        with self._log() as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "datagen", "up", "--attached"], cwd=ROOT,
                env=self._environment, stdin=subprocess.PIPE, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True)

    def ready(self) -> None:
        """Return once its web process answers."""
        def healthy() -> bool:
            assert self._process is None or self._process.poll() is None, self.said()
            try:
                return requests.get(f"{self.url}/health", timeout=2).ok
            except (requests.ConnectionError, requests.Timeout):
                return False

        wait_for(healthy, lambda: f"the start of {self.folder.name}; {self.said()}")

    def kill(self) -> None:
        """All of it at once, as a power cut does."""
        assert self._process
        kill_tree(self._process.pid)
        self._close()
        wait_for(lambda: not answers(self.url), f"the death of {self.folder.name}")

    def wipe(self) -> None:
        """Its disk is empty."""
        shutil.rmtree(self.folder)

    def end(self) -> None:
        """By itself, else by force."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill_tree(self._process.pid)
        self._close()

    def said(self) -> str:
        """The last lines it printed."""
        path = self.folder.with_suffix(".log")
        return "\n".join(path.read_text(errors="replace").splitlines()[-20:])

    def _log(self) -> IO[bytes]:
        return self.folder.with_suffix(".log").open("ab")

    def _close(self) -> None:
        assert self._process
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(STOP_SECONDS)
        self._process = None


def clean_environment() -> dict[str, str]:
    """Ours, without what would configure a DataGen."""
    return {k: v for k, v in os.environ.items() if not k.startswith(OURS)}


def kill_tree(root: int) -> None:
    """A process of ours and all that descend from it; they are stopped first, from the top.

    So nobody is started again while we look for them.
    """
    found = [root]
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
        found += children(pid)
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def children(parent: int) -> list[int]:
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True,
                           text=True).stdout
    pairs = (map(int, line.split()) for line in table.splitlines())
    return [pid for pid, ppid in pairs if ppid == parent]


def answers(url: str) -> bool:
    """Whether something listens on that port of this machine."""
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", int(url.rsplit(":", 1)[1])))


def free_ports(count: int) -> int:
    """The first of ``count`` ports in a row that nobody listens on.

    Each process looks from elsewhere: what another one found is not taken at once.
    """
    for first in range(18_501 + os.getpid() % 1_000 * 10, 32_000, 10):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no free ports")
