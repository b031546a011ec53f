"""``python -m datagen cluster``: what three real replicas promise each other's users."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from datagen import cli
from datagen.model.server import create_app, run_in_thread
from datagen.sandbox.behaviour import CSTORE_FORMS, R1FS_FORMS
from tests.cluster.numbers import Numbers
from tests.cluster.person import Person, wait_for
from tests.cluster.replica import ROOT, answers, clean_environment, free_ports

RECORDS = 60
IN_FLIGHT = 2  # model calls at once per replica, the command's default
LATENCY = 0.2  # seconds a model call takes


class Cluster(Person):
    """The command as a person runs it, and what they see and do in a browser and a shell."""

    def __init__(self, process: subprocess.Popen[str], model: Any, folder: Path) -> None:
        self.process, self.model, self.folder = process, model, folder
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: "Ctrl-C stops all" in self.text() or process.poll() is not None,
                 "the ways in")
        assert process.poll() is None, self.text()
        self.control = re.findall(r"curl -s (http.*?)/stop", self.text())[0]
        super().__init__(re.findall(r"^  [A-Z]  +(http\S+)", self.text(), re.MULTILINE))

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)

    def text(self) -> str:
        return "".join(self.said)

    def ask(self, route: str, **body: Any) -> None:
        assert requests.post(self.control + route, json=body, timeout=20).ok

    def confirmed(self, records: int = RECORDS) -> str:
        """A job that was made on A."""
        token = self.draft(0, records)
        self.model.state.calls = 0
        return self.confirm(0, token)

    def calls_reach(self, number: int) -> None:
        wait_for(lambda: self.model.state.calls >= number, f"{number} model calls")

    def worker_pid(self, replica: int) -> int:
        """Of the worker that holds the peer's lock."""
        letter = "ABC"[replica]
        lock = next((self.folder / letter / "cache").glob("*.lock"))
        return int(lock.read_text())


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[Cluster]:
    app = create_app(Numbers(), latency=LATENCY)
    url, stop = run_in_thread(app)
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "datagen", "cluster", "--port", str(free_ports(3)),
             "--keep", str(folder), *options],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=clean_environment() | {
                "DATAGEN_MOCK_INFERENCE_API": "0", "DATAGEN_INFERENCE_BASE_URL": url,
                "DATAGEN_INFERENCE_PATH": "/v1/chat/completions"},
        ) as process:
            try:
                running = Cluster(process, app, folder)
                yield running
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    assert process.wait(timeout=30) == 0
                finally:
                    process.kill()
            assert not any(is_alive(running.worker_pid(replica)) for replica in range(3))
    finally:
        stop()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def assert_all_is_there(running: Cluster, job_id: str, records: int = RECORDS) -> None:
    """Every replica says that the job succeeded, and exports each record once, byte for byte."""
    said = running.ended(job_id)
    assert [(job["status"], job["totalOk"]) for job in said] == [("succeeded", records)] * 3
    files = running.exports(job_id)
    assert json.loads(files[0]) == [{"n": n} for n in range(records)]
    assert files[0] == files[1] == files[2]


def test_three_replicas_make_a_third_each_and_all_export_the_same(three: Cluster) -> None:
    job_id = three.confirmed()
    assert_all_is_there(three, job_id)
    assert [peer["generatedOk"] for peer in three.job(2, job_id)["peers"]] == [20, 20, 20]
    assert three.model.state.calls == RECORDS


@pytest.mark.deep
def test_a_killed_worker_is_back_and_no_record_is_lost_or_made_twice(three: Cluster) -> None:
    job_id = three.confirmed()
    three.calls_reach(20)
    victim = three.worker_pid(1)
    os.kill(victim, signal.SIGKILL)
    assert_all_is_there(three, job_id)
    assert three.worker_pid(1) != victim
    assert 0 <= three.model.state.calls - RECORDS <= IN_FLIGHT


@pytest.mark.deep
def test_a_node_that_is_back_before_the_others_are_done_is_not_missed(three: Cluster) -> None:
    job_id = three.confirmed(150)
    three.calls_reach(20)
    three.ask("/stop", node=1)
    three.calls_reach(80)  # about two seconds; B goes on with its share meanwhile
    three.ask("/start", node=1)
    assert_all_is_there(three, job_id, 150)
    assert three.model.state.calls == 150


@pytest.mark.deep
def test_a_job_is_cancelled_on_another_replica_than_its_own(three: Cluster) -> None:
    job_id = three.confirmed(600)
    three.calls_reach(20)
    three.post(2, f"/api/tasks/{job_id}/cancel")
    said = three.ended(job_id, 90)
    assert {(job["status"], job["cancelledBy"]) for job in said} == {("failed", "admin")}
    files = three.exports(job_id)
    assert files[0] == files[1] == files[2]
    made = [record["n"] for record in json.loads(files[0])]
    assert len(made) == len(set(made)) == said[0]["totalOk"] == three.model.state.calls < 600


@pytest.mark.deep
@pytest.mark.parametrize(("what", "switches"), [
    ("kind", {}),
    ("5 % store errors", {"cstore_errors": dict.fromkeys(CSTORE_FORMS, 0.05 / len(CSTORE_FORMS)),
                          "r1fs_errors": dict.fromkeys(R1FS_FORMS, 0.05 / len(R1FS_FORMS))}),
    ("2 s replication delay", {"replication_delay": 2}),
])
def test_a_job_survives_a_network_in_trouble(
    three: Cluster, what: str, switches: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    three.ask("/set", **switches)
    requests.delete(f"{three.control}/log", timeout=20)
    started = time.monotonic()
    try:
        job_id = three.confirmed()
        assert_all_is_there(three, job_id)
        seconds = time.monotonic() - started
        counted = requests.get(f"{three.control}/counters", timeout=20).json()
    finally:
        three.ask("/heal")
    repeated = three.model.state.calls - RECORDS
    assert repeated == 0
    calls = {api: sum(sum(by.values()) if isinstance(by, dict) else by for by in said.values())
             for api, said in counted.items() if api in {"cstore", "r1fs"}}
    with capsys.disabled():
        print(f"\n{what}: {RECORDS} records in {seconds:.1f} s, CStore {calls['cstore']} and "  # noqa: T201 - the proof's figures
              f"R1FS {calls['r1fs']} calls, {repeated} model calls repeated")


@pytest.mark.deep
def test_a_replica_that_is_killed_for_good_is_told_and_comes_back_by_the_line_it_names(
    tmp_path: Path,
) -> None:
    with cluster(tmp_path / "kept") as running:
        job_id = running.confirmed(150)
        running.calls_reach(20)
        os.kill(int(re.findall(r"kill (\d+)", running.text())[0]), signal.SIGKILL)
        wait_for(lambda: "C has ended and is left so" in running.text(), "the sentence")
        wait_for(lambda: not answers(running.urls[2]), "the end of its web process")
        line = re.findall(r"^    (sh -c .*)", running.text(), re.MULTILINE)[-1]
        with subprocess.Popen(shlex.split(line), cwd=ROOT, stdout=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"]}) as again:
            try:
                assert_all_is_there(running, job_id, 150)
            finally:
                again.terminate()
                assert again.wait(20) == 0


@pytest.mark.parametrize(("options", "says"), [
    ("--replicas 21", "1 to 20 nodes"), ("--port 65535", "first port"),
    ("--set los=1", "no switch los"), ("--keep /dev/null/x", "can't be made"),
])
def test_what_does_not_fit_is_told_in_a_sentence(
    options: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["cluster", *options.split()]) == 1
    assert says in capsys.readouterr().err


def test_a_taken_port_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_ports(3)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + 1))
        other.listen()
        assert cli.main(["cluster", "--port", str(port), "--keep", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert f"Port {port + 1} is already in use" in said.err
    assert f"cluster --port {port + 100}" in said.err
    assert (said.out, list(tmp_path.iterdir())) == ("", [])
