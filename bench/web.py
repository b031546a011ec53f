"""The web process: how soon it answers, and what twenty people who watch a job cost it."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests
from playwright.sync_api import Page, sync_playwright

from bench.endpoint import endpoint
from bench.processes import running, usage
from bench.replica import ADA, READY_WITHIN, Replica, replica
from bench.table import Figure
from tests.browser.chromium import chromium

PAGES, WATCHED = 20, 15.0  # open pages; seconds for which they are
PASSWORD = "a long password"  # noqa: S105 - of a store that is thrown away
MOST_CPU = 0.25  # of one core


def measure() -> Iterator[Figure]:
    """Starts of both processes, then open pages of a job that runs."""
    with tempfile.TemporaryDirectory() as folder, endpoint(latency=0.2) as model:
        begun = time.monotonic()
        with replica(Path(folder), model, in_flight=8) as (here, _):
            yield Figure(what="start of a worker, until it is ready", unit="s",
                         value=time.monotonic() - begun)
            begun = time.monotonic()
            with _web(here.environment, Path(folder)) as (process, url):
                yield Figure(what="start of the web process, until it answers", unit="s",
                             value=time.monotonic() - begun)
                here.services.accounts.create(ADA.name, PASSWORD, role="user")
                yield _watched(here, process, url)


@contextmanager
def _web(
    environment: Mapping[str, str], folder: Path
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + READY_WITHIN
    with running("streamlit_app.py", log=folder / "web.log",
                 environment={**environment, "DATAGEN_APP_PORT": str(port)}) as process:
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the web process does not answer")
            time.sleep(0.02)
        yield process, url


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=2).ok
    except requests.ConnectionError:
        return False


def _watched(here: Replica, process: subprocess.Popen[str], url: str) -> Figure:
    job_id = here.confirm(100_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[
            "--no-sandbox", "--headless", "--disable-gpu"])
        context = browser.new_context()
        context.set_default_timeout(60_000)
        _sign_in(context.new_page(), url)
        for _ in range(PAGES):
            page = context.new_page()
            page.goto(f"{url}/job?id={job_id}")
            page.get_by_role("progressbar").wait_for()
        time.sleep(2)  # the last one's first run
        before = usage(process.pid)
        page.wait_for_timeout(WATCHED * 1000)
        used = usage(process.pid).since(before)
        moved = here.view(job_id).progress.done
        browser.close()
    return Figure(what=f"web process, {PAGES} open job pages: of one core", most=MOST_CPU,
                  value=used.cpu / WATCHED, note=f"a page every second, {moved:,} records made")


def _sign_in(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("User name").fill(ADA.name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="New dataset").first.wait_for()
