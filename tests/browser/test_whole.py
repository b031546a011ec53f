"""Long proofs on the whole product as a person starts it: figures are printed (``-s``)."""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from datagen.adapters.local import LocalStore
from datagen.domain.jobs import Job
from datagen.protocol.board import Board
from tests.browser.live import OURS, ROOT, free_port, tell, wait_for

pytestmark = [pytest.mark.deep, pytest.mark.browser]

PASSWORD = "a password for this run"
WORDS = {"web": "streamlit_app.py", "worker": "worker.py", "model": "model"}


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A DataGen with everything, the local model too."""

    url: str
    data: Path
    healthy_after: float  # seconds
    environment: dict[str, str]

    def pids(self) -> dict[str, int]:
        """The supervised processes by name, found by a variable only they have."""
        mark, found = f"DATAGEN_DATA_DIR={self.data}".encode(), {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                ours = mark in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            for name, word in WORDS.items():
                if ours and word in words:
                    found[name] = int(folder.name)
        return found


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    port, data = free_port(), tmp_path_factory.mktemp("whole") / "data"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)} | {
        "DATAGEN_APP_HOST": "127.0.0.1", "DATAGEN_APP_PORT": str(port),
        "DATAGEN_MODEL_PORT": str(free_port()), "DATAGEN_DATA_DIR": str(data),
        "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD": PASSWORD,
    }
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-m", "datagen", "up"], cwd=ROOT, env=environment,
                          stdin=subprocess.DEVNULL) as process:
        seconds = wait_for(lambda: answers(f"{url}/health"), 60)
        running = Whole(url=url, data=data, healthy_after=seconds, environment=environment)
        model = f"http://127.0.0.1:{environment['DATAGEN_MODEL_PORT']}/health"
        wait_for(lambda: answers(model), 60)
        yield running
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_it_is_healthy_within_three_seconds(whole: Whole) -> None:
    tell(f"healthy after {whole.healthy_after:.1f} s")
    assert whole.healthy_after <= 3


def test_idle_web_and_worker_stay_within_250_mb(whole: Whole) -> None:
    sizes = {
        name: int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024
        for name, pid in whole.pids().items()
    }
    tell(f"MB resident: { {name: round(size) for name, size in sizes.items()} }")
    assert sizes["web"] + sizes["worker"] <= 250


@pytest.mark.parametrize("name", ["web", "worker", "model"])
def test_a_killed_process_is_back_within_five_seconds_and_the_others_untouched(
    whole: Whole, name: str
) -> None:
    before = whole.pids()

    os.kill(before[name], signal.SIGKILL)

    seconds = wait_for(
        lambda: whole.pids().get(name, before[name]) != before[name], 5)
    tell(f"{name}: a new process after {seconds:.1f} s")
    assert {k: v for k, v in whole.pids().items() if k != name} == {
        k: v for k, v in before.items() if k != name}
    wait_for(lambda: answers(f"{whole.url}/health"), 10)


def test_a_page_with_a_thousand_jobs_answers_within_300_ms(whole: Whole, page: Page) -> None:
    board, now = Board(LocalStore(whole.data / "store.sqlite3")), datetime.now(UTC)
    for number in range(1000):
        made = now - timedelta(minutes=number + 1)
        board.publish(Job(
            id=f"job_{int(made.timestamp() * 1000)}_{number:06x}", owner="admin",
            title=f"Job number {number}", status="succeeded", total_records=200,
            peers=("local",), total_generated=200, total_ok=198, total_failed=2,
            details_cid="0" * 64, created_at=made, schema_generated_at=made, updated_at=made,
            started_at=made, finished_at=made + timedelta(seconds=30)))
    page.goto(whole.url)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Job number 0", exact=True).wait_for()

    times = []
    for click, seen in [
        (page.get_by_role("link", name="New dataset").first, page.get_by_label("Instructions")),
        (page.get_by_role("link", name="Jobs").first, page.get_by_text("Job number 5", exact=True)),
        (page.get_by_text("3", exact=True).last,
         page.get_by_text("Job number 25", exact=True)),
    ] * 6:
        page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
        begun = time.monotonic()
        click.click()
        seen.first.wait_for()
        times.append(time.monotonic() - begun)

    tell(f"a page of 1,000 jobs: median {statistics.median(times) * 1000:.0f} ms, "
         f"most {max(times) * 1000:.0f} ms")
    assert statistics.median(times) <= 0.3
