"""A Chromium for the browser tests: found, else installed, else a sentence that says how.

Run as a script it prints the path of the one that the tests will use.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = (
    "The browser tests need Chromium and none could be installed. Install it by hand "
    "(Debian, Ubuntu: apt install chromium; elsewhere: .venv/bin/python -m playwright "
    "install --with-deps chromium), then run make test again."
)


class NoChromiumError(Exception):
    """There is none, and it could not be installed; the message says what to do."""


def chromium() -> str:
    """Path of a Chromium that starts. Installs one if there is none. Raises NoChromiumError."""
    path = _present() or _installed()
    if path is None:
        raise NoChromiumError(HOW)
    return path


def _present() -> str | None:
    places: list[Callable[[], str | None]] = [partial(shutil.which, name) for name in NAMES]
    for find in (*places, _playwrights_own):
        path = find()
        if path and _starts(path):
            return path
    return None


def _installed() -> str | None:
    if os.getuid() == 0 and shutil.which("apt-get"):
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "chromium")
        if (path := _present()) is not None:
            return path
    _run(sys.executable, "-m", "playwright", "install", "chromium")
    return _present()


def _playwrights_own() -> str | None:
    """Where Playwright keeps its own, asked in a process of its own: it runs an event loop."""
    ask = ("from playwright.sync_api import sync_playwright\n"
           "with sync_playwright() as p: print(p.chromium.executable_path)")
    answer = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=False
    )
    path = answer.stdout.strip()
    return path if path and Path(path).exists() else None


def _starts(path: str) -> bool:
    """Whether it is a browser, not a stub that asks for a snap to be installed."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "Chrom" in answer.stdout


def _run(*command: str) -> None:
    """Run an installer; whether it helped is seen by looking for the browser again."""
    sys.stderr.write(f"No Chromium found; running {' '.join(command)}\n")
    subprocess.run(
        command, check=False, stdout=sys.stderr,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )


if __name__ == "__main__":
    try:
        sys.stdout.write(chromium() + "\n")
    except NoChromiumError as exc:
        sys.exit(str(exc))
