"""Ctrl-C: the job outlives the command, and the person is told how."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datagen import cli

ROOT = Path(__file__).parents[2]


def started(folder: Path, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "datagen", "generate", *arguments], cwd=folder, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DATAGEN_MAX_IN_FLIGHT": "1"}, **streams,
    )


def test_ctrl_c_leaves_the_job_and_resume_goes_on_with_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with started(folder, "loans.yaml", "--records", "40", stdin=subprocess.DEVNULL,
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        job_id = process.stderr.readline().split()[1].rstrip(":")
        assert process.stderr.readline().startswith("0 of 40 records")
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(10) == 130
    assert f"--resume {job_id}" in said
    assert "Traceback" not in said
    assert cli.main(["generate", "--resume", job_id, "-o", "x.jsonl"]) == 0
    assert len((folder / "x.jsonl").read_text().splitlines()) == 40
    assert "40 of 40" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "status"), [(b"l\n", 130), (b"\n", 0)])
def test_on_a_terminal_ctrl_c_asks_first(folder: Path, typed: bytes, status: int) -> None:
    ours, theirs = pty.openpty()
    with started(folder, "loans.yaml", "--records", "8", stdin=theirs, stdout=subprocess.PIPE,
                 stderr=theirs) as process:
        os.close(theirs)
        shown = until(ours, rb"of 8 records")
        process.send_signal(signal.SIGINT)
        shown += until(ours, rb"leave it\.")
        os.write(ours, typed)
        shown += rest(ours)
        assert process.wait(10) == status
    os.close(ours)
    assert b"[-----" in shown
    assert (b"[########################] 8 of 8 records" in shown) == (status == 0)


def test_on_a_terminal_the_job_can_be_cancelled_and_what_is_done_is_taken(folder: Path) -> None:
    ours, theirs = pty.openpty()
    with started(folder, "loans.yaml", "--records", "100", "-o", "x.csv", stdin=theirs,
                 stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        until(ours, rb"[1-9]\d* of 100 records")
        process.send_signal(signal.SIGINT)
        until(ours, rb"leave it\.")
        os.write(ours, b"c\n")
        rest(ours)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(10) == 3
    os.close(ours)
    assert "Cancelled by admin after" in said
    kept = len((folder / "x.csv").read_text().splitlines()) - 1
    assert f"{kept} of 100" in said
    assert 1 <= kept < 100


def until(terminal: int, words: bytes) -> bytes:
    shown = b""
    while not re.search(words, shown):
        shown += os.read(terminal, 4096)
    return shown


def rest(terminal: int) -> bytes:
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    return shown
