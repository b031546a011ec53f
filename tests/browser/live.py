"""A DataGen that runs for the journeys, and how each of them begins."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

PATIENCE = 30_000  # ms, on a busy machine
START_SECONDS = 60  # likewise
ROOT = Path(__file__).parents[2]
OURS = ("DATAGEN_", "NEXT_PUBLIC_", "R1EN_", "EE_", "CSTORE_", "R1FS_", "LOG_", "RETRY_")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running DataGen."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path  # what it wrote to its terminal


@contextmanager
def up(environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """``python -m datagen up`` as a person starts it; it must end cleanly on Ctrl-C."""
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    with log.open("wb") as out, subprocess.Popen(
        [sys.executable, "-m", "datagen", "up"], cwd=ROOT,
        env=inherited | {"DATAGEN_APP_PORT": str(port), "DATAGEN_JOB_POLL_SECONDS": "0.5",
                         "DATAGEN_MAX_IN_FLIGHT": "8"}  # progress is there to be watched
        | dict(environment),
        stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
    ) as process:
        server = Server(url=f"http://127.0.0.1:{port}", process=process, log=log)
        try:
            wait_for(lambda: process.poll() is not None or is_healthy(server), START_SECONDS)
            if process.poll() is not None:
                pytest.fail(f"DataGen did not start:\n{log.read_text()}")
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=20)
        assert code == 0, log.read_text()


def is_healthy(server: Server) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def wait_for(done: Callable[[], object], within: float) -> float:
    """Seconds until ``done`` says yes."""
    pause, begun = threading.Event(), time.monotonic()
    while not done():
        assert time.monotonic() - begun < within
        pause.wait(0.02)
    return time.monotonic() - begun


def tell(figure: str) -> None:
    """Write a measured figure where ``-s`` shows it."""
    sys.stdout.write(f"\n{figure}\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sign_in(page: Page, server: Server, name: str = "admin", password: str = "admin") -> None:
    page.goto(server.url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def use_example(page: Page, title: str) -> None:
    """From the jobs page of somebody without a job to a form that holds the example."""
    card = page.get_by_test_id("stVerticalBlock").filter(has_text=title).last
    card.get_by_role("button", name="Use this example").click()
    page.get_by_role("button", name="Draft schema").wait_for()


def start_job(page: Page, server: Server, who: tuple[str, str], records: int) -> None:
    """From the sign-in page of somebody without a job to the page of one that is under way."""
    sign_in(page, server, *who)
    draft_example(page, "Support tickets")
    page.get_by_text("What you asked for").click()
    page.get_by_role("spinbutton", name="Number of records").fill(str(records))
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Create dataset").click()
    page.get_by_role("tab", name="Progress").wait_for()


def draft_example(page: Page, title: str) -> None:
    """The same, to the schema that is drafted of it."""
    use_example(page, title)
    page.get_by_role("button", name="Draft schema").click()
    page.get_by_role("button", name="Create dataset").wait_for()
