"""A DataGen that runs for the journeys, and how each of them begins."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

PATIENCE = 30_000  # ms, on a busy machine
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


def draft_example(page: Page, title: str) -> None:
    """The same, to the schema that is drafted of it."""
    use_example(page, title)
    page.get_by_role("button", name="Draft schema").click()
    page.get_by_role("button", name="Create dataset").wait_for()
