"""The Procfile and the supervisor, with real processes."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from supervisor.states import ProcessStates

from datagen.domain.errors import InputError
from datagen.supervise import Program, Supervised, chosen, configuration, parse_procfile
from datagen.supervisord import LONGEST_PAUSE, PatientProcess

IDLER = """
import os, signal, sys
print("pid", os.getpid(), flush=True)
signal.pause()
"""
FALLER = 'print("tried", flush=True); raise SystemExit(3)'
DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("pid", os.getpid(), flush=True)
while True:
    signal.pause()
"""
ROOT = Path(__file__).parents[1]


class Terminal:
    """Collects the lines and hands out those of one process."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self.say = self._lines.put
        self.seen: list[str] = []

    def next_line(self, prefix: str, within: float = 5) -> str:
        deadline = time.monotonic() + within
        while True:
            line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.001))
            self.seen.append(line)
            if line.startswith(prefix):
                return line.removeprefix(prefix).strip(" |")

    def next_pid(self, name: str, within: float = 5) -> int:
        while True:
            line = self.next_line(name, within)
            if line.startswith("pid "):
                return int(line.split()[1])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def script(folder: Path, name: str, text: str) -> Program:
    path = folder / f"{name}.py"
    path.write_text(text)
    return Program(name=name, command=("python", str(path)))


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def pair(tmp_path: Path, terminal: Terminal) -> Iterator[Supervised]:
    programs = [script(tmp_path, "web", IDLER), script(tmp_path, "worker", IDLER)]
    running = Supervised(programs, tmp_path / "a folder #1", terminal.say)
    yield running
    running.stop()


def first_pids(terminal: Terminal) -> dict[str, int]:
    pids: dict[str, int] = {}
    while len(pids) < 2:
        name, _, pid = terminal.next_line("w").partition("| pid ")
        pids["w" + name.strip(" |")] = int(pid)
    return pids


def test_a_killed_process_is_back_within_5_seconds_and_the_other_is_untouched(
    pair: Supervised, terminal: Terminal
) -> None:
    pids = first_pids(terminal)
    for victim, other in (("worker", "web"), ("web", "worker")):
        os.kill(pids[victim], signal.SIGKILL)
        again = terminal.next_pid(victim, within=5)
        assert again != pids[victim]
        assert alive(pids[other])
        pids[victim] = again
    assert pair.alive()


def test_a_process_that_dies_says_so_in_one_sentence(
    pair: Supervised, terminal: Terminal
) -> None:
    pids = first_pids(terminal)
    os.kill(pids["worker"], signal.SIGKILL)
    assert "again" in terminal.next_line("worker stopped")


def test_stop_leaves_no_process_behind(tmp_path: Path, terminal: Terminal) -> None:
    running = Supervised(
        [script(tmp_path, "web", IDLER), script(tmp_path, "worker", IDLER)],
        tmp_path / "run", terminal.say,
    )
    pids = first_pids(terminal)
    running.stop()
    assert not any(alive(pid) for pid in pids.values())
    assert not running.alive()


def test_a_stop_is_noticed_at_once(tmp_path: Path, terminal: Terminal) -> None:
    took = []
    for number in range(3):
        running = Supervised([script(tmp_path, "web", IDLER)], tmp_path / f"run{number}",
                             terminal.say)
        terminal.next_pid("web")
        asked = time.monotonic()
        running.stop()
        took.append(time.monotonic() - asked)
    assert min(took) < 0.9  # of the five seconds that a platform gives


def test_a_start_that_fails_is_tried_again(tmp_path: Path, terminal: Terminal) -> None:
    running = Supervised([script(tmp_path, "worker", FALLER)], tmp_path / "run", terminal.say)
    try:
        for _ in range(2):
            terminal.next_line("worker | tried")
    finally:
        running.stop()


def test_the_pause_before_a_restart_never_grows_past_the_limit() -> None:
    process = PatientProcess(SimpleNamespace(name="worker"))
    for _ in range(100):
        process.laststart = time.time()
        process.change_state(ProcessStates.STARTING)
        process.change_state(ProcessStates.BACKOFF)
        assert process.delay - process.laststart <= LONGEST_PAUSE


def test_the_programs_end_when_their_starter_is_killed(tmp_path: Path) -> None:
    program = script(tmp_path, "web", IDLER)
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import pathlib, signal, sys\n"
        "from datagen.supervise import Program, Supervised\n"
        "def say(line): print(line, flush=True)\n"
        f"Supervised([Program(name='web', command={program.command!r})],"
        f" pathlib.Path({str(tmp_path / 'run')!r}), say)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, str(starter)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline().split()[-1])
        process.kill()
    pause, deadline = threading.Event(), time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        pause.wait(0.05)
    assert not alive(pid)


def test_only_the_owner_may_look_into_the_run_folder(tmp_path: Path, pair: Supervised) -> None:
    assert (tmp_path / "a folder #1").stat().st_mode & 0o777 == 0o700


def test_a_procfile_is_read_line_by_line() -> None:
    text = "# ours\n\nweb: python streamlit_app.py\nworker:  python worker.py --name 'a b'\n"
    assert parse_procfile(text) == (
        Program(name="web", command=("python", "streamlit_app.py")),
        Program(name="worker", command=("python", "worker.py", "--name", "a b")),
    )


def test_our_own_procfile_names_web_worker_and_model() -> None:
    programs = parse_procfile((ROOT / "Procfile").read_text())
    assert [program.name for program in programs] == ["web", "worker", "model"]
    assert chosen(programs, without=("model",)) == programs[:2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("web python x.py", "line 1"),
        ("web: python x.py\nweb: python y.py", "twice"),
        ("web: python x.py --port $PORT", "shell"),
        ("web: python 'x.py", "quote"),
        ("", "no process"),
    ],
)
def test_a_procfile_that_does_not_fit_names_the_line(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_procfile(text)


def test_percent_signs_reach_the_program_as_they_are() -> None:
    text = configuration([Program(name="web", command=("echo", "50%"))], {"web": 7})
    assert "command=echo 50%%" in text


def test_a_process_that_ignores_the_stop_is_ended_by_force(
    tmp_path: Path, terminal: Terminal
) -> None:
    running = Supervised([script(tmp_path, "worker", DEAF)], tmp_path / "run", terminal.say,
                         stop_seconds=1)
    pid = terminal.next_pid("worker")
    running.stop()
    assert not alive(pid)
