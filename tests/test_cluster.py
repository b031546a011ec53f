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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from datagen import cli
from datagen.domain.chat import Message
from datagen.model.answers import Answer, Usage
from datagen.model.server import create_app, run_in_thread
from datagen.sandbox.behaviour import CSTORE_FORMS, R1FS_FORMS

ROOT = Path(__file__).parents[1]
RECORDS = 60
IN_FLIGHT = 2  # model calls at once per replica, the command's default
LATENCY = 0.2  # seconds a model call takes
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
          "additionalProperties": False}


class Numbers:
    """An engine whose record says which one was asked for: mix-ups and losses show."""

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, *,
               max_tokens: int, temperature: float) -> Answer:
        asked = re.search(r"Record (\d+) of", messages[-1].content)
        said = ({"n": int(asked[1]) - 1} if asked
                else {"fields": [{"name": "n", "type": "integer", "description": "a number"}]})
        return Answer(json.dumps(said), "stop", Usage(1, 1))


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true value of ``condition``."""
    deadline, tick = time.monotonic() + seconds, threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        tick.wait(0.05)
    return found


class Cluster:
    """The command as a person runs it, and what they see and do in a browser and a shell."""

    def __init__(self, process: subprocess.Popen[str], model: Any, folder: Path) -> None:
        self.process, self.model, self.folder = process, model, folder
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: "Ctrl-C stops all" in self.text() or process.poll() is not None,
                 "the ways in")
        assert process.poll() is None, self.text()
        self.urls = re.findall(r"^  [A-Z]  +(http\S+)", self.text(), re.MULTILINE)
        self.control = re.findall(r"curl -s (http.*?)/stop", self.text())[0]
        self.session = requests.Session()
        self.session.trust_env = False
        self.post(0, "/api/auth/login", username="admin", password="sandbox-only")

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)

    def text(self) -> str:
        return "".join(self.said)

    def post(self, replica: int, path: str, **body: Any) -> Any:
        return self._answer("POST", replica, path, json=body).json()

    def get(self, replica: int, path: str) -> requests.Response:
        return self._answer("GET", replica, path)

    def _answer(self, method: str, replica: int, path: str, **more: Any) -> requests.Response:
        """The answer to a person who tries again where a replica says that this may help."""
        def tried() -> requests.Response | None:
            try:
                answer = self.session.request(method, self.urls[replica] + path, timeout=60, **more)
            except requests.ConnectionError:
                return None
            assert answer.status_code in {200, 202, 404, 502, 503}, answer.text
            return answer if answer.ok else None

        return wait_for(tried, f"an answer to {path}")

    def ask(self, route: str, **body: Any) -> None:
        assert requests.post(self.control + route, json=body, timeout=20).ok

    def confirmed(self, records: int = RECORDS) -> str:
        """A job that was made on A."""
        draft = self.post(0, "/api/tasks/schema", title="Numbers", totalRecords=records,
                          description="A number.", instructions="Fields: n")
        self.model.state.calls = 0
        return str(self.post(0, "/api/tasks/confirm", draftToken=draft["draftToken"],
                             schema=SCHEMA)["jobId"])

    def calls_reach(self, number: int) -> None:
        wait_for(lambda: self.model.state.calls >= number, f"{number} model calls")

    def job(self, replica: int, job_id: str) -> dict[str, Any]:
        """What a replica tells of the job, once it has heard of it."""
        return dict(self.get(replica, f"/api/tasks/{job_id}").json())

    def ended(self, job_id: str, seconds: float = 60) -> list[dict[str, Any]]:
        """What each replica says of the job once all say that it is over."""
        def seen() -> list[dict[str, Any]] | None:
            all_said = [self.job(replica, job_id)["job"] for replica in range(len(self.urls))]
            over = all(said["status"] in {"succeeded", "failed"} for said in all_said)
            return all_said if over else None

        return list(wait_for(seen, "the end of the job on all replicas", seconds))

    def exports(self, job_id: str) -> list[bytes]:
        return [self.get(replica, f"/api/tasks/{job_id}/export?format=json").content
                for replica in range(len(self.urls))]

    def worker_pid(self, replica: int) -> int:
        """Of the worker that holds the peer's lock."""
        letter = "ABC"[replica]
        lock = next((self.folder / letter / "cache").glob("*.lock"))
        return int(lock.read_text())


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[Cluster]:
    app = create_app(Numbers(), latency=LATENCY)
    url, stop = run_in_thread(app)
    ours = ("DATAGEN_", "NEXT_PUBLIC_", "R1EN_", "EE_", "CSTORE_", "R1FS_", "LOG_", "RETRY_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "datagen", "cluster", "--port", str(free_ports(3)),
             "--keep", str(folder), *options],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=clean | {
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


def answers(url: str) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", int(url.rsplit(":", 1)[1])))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_ports(count: int) -> int:
    """The first of ``count`` ports in a row that nobody listens on."""
    for first in range(18_501, 30_000, 10):
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
