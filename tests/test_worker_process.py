"""The real worker process: killed at random, stopped politely, started twice."""

from __future__ import annotations

import io
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from datagen.adapters.local import LocalFiles, LocalStore
from datagen.domain.asked import Asked, Request
from datagen.domain.chat import Message
from datagen.domain.jobs import Inference, Job, JobDetails, PeerState
from datagen.domain.usage import Usage
from datagen.model import answers
from datagen.model.answers import Answer
from datagen.model.sample.faults import Faults
from datagen.model.server import create_app, run_in_thread
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import job_record
from datagen.protocol.details import details_record
from datagen.protocol.fields import dumps
from datagen.protocol.requests import ask_here, asked_here, deleted_here
from datagen.protocol.usage import load_usage
from tests.engine.workbench import SCHEMA, START, job_of

ROOT = Path(__file__).resolve().parent.parent
IN_FLIGHT = 8


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true value of ``condition``, looked at every 10 ms."""
    deadline = time.monotonic() + seconds
    tick = threading.Event()
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        tick.wait(0.01)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Numbers:
    """An engine whose record says which one was asked for: mix-ups and losses show."""

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, *,
               max_tokens: int, temperature: float) -> Answer:
        found = re.search(r"Record (\d+) of", messages[-1].content)
        assert found
        return Answer(json.dumps({"n": int(found.group(1)) - 1}), "stop", answers.Usage(1, 1))


class Stubborn(Numbers):
    """Every third answer is none, and holds what can be looked for on the disk."""

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, *,
               max_tokens: int, temperature: float) -> Answer:
        said = super().answer(messages, schema, max_tokens=max_tokens, temperature=temperature)
        if json.loads(said.text)["n"] % 3:
            return said
        return Answer(json.dumps({"n": "tell-tale"}), "stop", answers.Usage(1, 1))


class Site:
    """A data folder, a model server, and workers on them."""

    def __init__(self, folder: Path) -> None:
        self.data, self.logs = folder / "data", folder
        self.store = LocalStore(self.data / "store.sqlite3")
        self.files = LocalFiles(self.data / "files")
        self.board = Board(self.store)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.web: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.app: Any = None  # none until it serves
        self._close: Callable[[], None] = lambda: None

    def serve(self, engine: Numbers | None = None, **options: Any) -> None:
        self.app = create_app(engine or Numbers(), **options)
        self.url, self._close = run_in_thread(self.app)

    def hand_over(self, total: int) -> Job:
        job = job_of(total=total)
        details = JobDetails(
            id=job.id, owner=job.owner, description="numbers", instructions="", schema=SCHEMA,
            inference=Inference(base_url=self.url, path="/v1/chat/completions"),
            dataset_mode=False, created_at=START, schema_generated_at=START,
            schema_duration_ms=1, schema_refreshes=0,
        )
        content = io.BytesIO(dumps(details_record(details)).encode())
        job = job_of(total=total, cid=self.files.add(content, "details.json"))
        self.store.put_once(keys.DESK_JOBS, "draft", dumps(job_record(job)))
        return job

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        log = (self.logs / f"worker-{len(self.workers)}.log").open("wb")
        with log:
            worker = self._run("worker.py", log, **variables)
        self.workers.append(worker)
        return worker

    def start_web(self) -> subprocess.Popen[bytes]:
        with (self.logs / "web.log").open("ab") as log:
            self.web = self._run("streamlit_app.py", log, DATAGEN_APP_PORT=str(free_port()),
                                 DATAGEN_APP_HOST="127.0.0.1")
        return self.web

    def _run(self, program: str, log: IO[bytes], **variables: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.logs),
            "DATAGEN_DATA_DIR": str(self.data), "DATAGEN_INFERENCE_BASE_URL": self.url,
            "DATAGEN_INFERENCE_PATH": "/v1/chat/completions",
            "DATAGEN_MAX_IN_FLIGHT": str(IN_FLIGHT), "DATAGEN_JOB_POLL_SECONDS": "1",
            **variables,
        }
        return subprocess.Popen([sys.executable, program], cwd=ROOT, env=environment,
                                stdout=log, stderr=log)

    def log(self, number: int) -> str:
        return (self.logs / f"worker-{number}.log").read_text()

    def ask(self, job: Job, what: str) -> None:
        ask_here(self.store, job.id, Asked(**{what: Request(at=START, by="ada")}))

    def state(self, job: Job) -> PeerState | None:
        return self.board.states(job.id).get("local")

    def is_over(self, job: Job) -> bool:
        entry = self.board.job(job.id)
        return bool(entry and entry.is_over)

    def lines(self, job: Job) -> list[dict[str, Any]]:
        state = self.state(job)
        assert state
        assert state.result_cid
        with self.files.open(state.result_cid) as stream:
            return [json.loads(line) for line in stream]

    def close(self) -> None:
        for process in filter(None, [*self.workers, self.web]):
            process.kill()
            process.wait(10)
        self._close()
        self.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def killed_again_and_again(site: Site, *, total: int, kills: int, seed: int) -> int:
    """Make ``total`` records though the worker is killed ``kills`` times; repeated calls."""
    rng = random.Random(seed)
    site.serve(latency=0.05)
    job = site.hand_over(total)
    for _ in range(kills):
        worker = site.start()
        before = site.app.state.calls
        goal = before + rng.randrange(2 * total // kills)
        wait_for(lambda goal=goal: site.app.state.calls >= goal or site.is_over(job),
                 "more calls, or the end", 60)
        threading.Event().wait(rng.random() * 0.1)  # not always at a call
        worker.kill()
        worker.wait(10)
    site.start()
    return repeated_once_over(site, job, worker_kills=kills)


def repeated_once_over(site: Site, job: Job, *, worker_kills: int) -> int:
    """Calls that were made again, of a job that is whole when it ends: all of it, once."""
    total = job.total_records
    wait_for(lambda: site.is_over(job), "the end of the job", 120)
    entry = site.board.job(job.id)
    assert entry
    assert (entry.status, entry.total_ok, entry.total_failed) == ("succeeded", total, 0)
    assert site.lines(job) == [{"i": i, "ok": True, "data": {"n": i}} for i in range(total)]
    repeated = site.app.state.calls - total
    assert 0 <= repeated <= worker_kills * IN_FLIGHT
    return repeated


@pytest.mark.timeout(180)
def test_killed_five_times_no_record_is_lost_or_made_twice(site: Site) -> None:
    killed_again_and_again(site, total=60, kills=5, seed=5)


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_killed_fifty_times_no_record_is_lost_or_made_twice(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    repeated = killed_again_and_again(site, total=500, kills=50, seed=50)
    with capsys.disabled():
        print(f"\n50 kills, 500 records: 500 distinct and valid, {repeated} calls repeated "  # noqa: T201 - the proof's figures
              f"(bound {50 * IN_FLIGHT}), {time.monotonic() - started:.0f} s")


def both_killed(site: Site, *, total: int, kills: int, seed: int) -> tuple[int, int]:
    """The same with the web process beside it: each time one of the two is killed, at whatever
    it is doing, and the job goes on. How often it was the worker, and repeated calls."""
    rng = random.Random(seed)
    site.serve(latency=0.2)
    worker, web, job = site.start(), site.start_web(), site.hand_over(total)
    of_worker = 0
    for _ in range(kills):
        goal = site.app.state.calls + rng.randrange(int(1.6 * total / kills))
        wait_for(lambda goal=goal: site.app.state.calls >= goal, "more calls", 120)
        threading.Event().wait(rng.random() * 0.1)  # not always at a call
        assert not site.is_over(job)
        if rng.random() < 0.5:
            of_worker += 1
            worker.kill()
            worker.wait(10)
            worker = site.start()
        else:
            web.kill()
            web.wait(10)
            web = site.start_web()
    return of_worker, repeated_once_over(site, job, worker_kills=of_worker)


@pytest.mark.timeout(240)
def test_worker_or_web_killed_six_times_no_record_is_lost_or_made_twice(site: Site) -> None:
    of_worker, _ = both_killed(site, total=120, kills=6, seed=6)
    assert 0 < of_worker < 6


@pytest.mark.deep
@pytest.mark.timeout(3_600)
def test_worker_or_web_killed_two_hundred_times_no_record_is_lost_or_made_twice(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    of_worker, repeated = both_killed(site, total=4_000, kills=200, seed=200)
    with capsys.disabled():
        print(f"\n200 kills, {of_worker} of them of the worker, 4,000 records: all distinct and "  # noqa: T201 - the proof's figures
              f"valid, {repeated} calls repeated (bound {of_worker * IN_FLIGHT}), "
              f"{time.monotonic() - started:.0f} s")


def test_a_job_cancelled_while_the_worker_is_killed_ends_with_what_was_made(site: Site) -> None:
    site.serve(latency=0.05)
    job = site.hand_over(2_000)
    worker = site.start()
    wait_for(lambda: site.app.state.calls > 30, "some calls")
    site.ask(job, "cancel")
    worker.kill()
    worker.wait(10)
    calls = site.app.state.calls
    site.start()
    wait_for(lambda: site.is_over(job) and not asked_here(site.store), "the end of the job")

    ended, lines = site.board.job(job.id), site.lines(job)
    assert ended
    assert (ended.was_cancelled, ended.cancelled_by) == (True, "ada")
    assert 20 < ended.total_ok == len(lines) <= calls == site.app.state.calls
    assert all(line["data"] == {"n": line["i"]} for line in lines)
    wait_for(lambda: not list(site.data.glob("cache/job_*")), "the journal's end")


def test_nothing_of_a_deleted_job_is_left_on_the_disk(site: Site) -> None:
    def holders() -> list[str]:
        return [path.name for path in site.data.rglob("*") if path.is_file()
                and (b"tell-tale" in (text := path.read_bytes()) or job.title.encode() in text)]

    site.serve(Stubborn(), latency=0.01)
    job = site.hand_over(2_000)
    worker = site.start()
    wait_for(lambda: (state := site.state(job)) and state.generated_failed > 10, "failures")
    assert holders()
    worker.kill()
    worker.wait(10)
    site.ask(job, "delete")
    site.start()
    wait_for(lambda: job.id in deleted_here(site.store) and not asked_here(site.store),
             "the end of the job")
    assert holders() == []
    assert {path.parent.name for path in site.data.rglob("*") if path.is_file()} == {
        "data", "cache"}


def test_the_built_in_sample_model_makes_a_whole_job(site: Site) -> None:
    site.url = "http://127.0.0.1:9"
    job = site.hand_over(60)
    site.start(DATAGEN_MOCK_INFERENCE_API="1")
    wait_for(lambda: site.is_over(job), "the end of the job")
    lines = site.lines(job)
    assert [line["i"] for line in lines] == list(range(60))
    assert all(line["ok"] for line in lines)


def test_sigterm_ends_it_within_five_seconds_with_progress_written(site: Site) -> None:
    site.serve(latency=0.2)
    job = site.hand_over(2_000)
    worker = site.start()
    wait_for(lambda: (state := site.state(job)) and state.generated_ok > 10, "some records")
    asked = time.monotonic()
    worker.terminate()
    assert worker.wait(6) == 0
    assert time.monotonic() - asked < 5
    calls = site.app.state.calls
    state = site.state(job)
    assert state
    assert state.in_flight == ()
    assert state.generated_ok == state.usage.calls == calls  # what was in flight had time to end


def test_sigterm_ends_it_within_five_seconds_while_calls_hang(site: Site) -> None:
    site.serve(faults=Faults(rate=1.0, kinds=("hang",)))
    site.hand_over(20)
    worker = site.start()
    wait_for(lambda: site.app.state.in_flight == IN_FLIGHT, "calls that hang")
    asked = time.monotonic()
    worker.terminate()
    assert worker.wait(6) == 0
    assert time.monotonic() - asked < 5


def test_sigterm_ends_it_within_five_seconds_whatever_hangs(tmp_path: Path) -> None:
    stuck = ("import asyncio, types, worker\n"
             "class Stuck:\n"
             "    async def run(self, stop):\n"
             "        print('ready', flush=True)\n"
             "        await asyncio.Event().wait()\n"
             "services = types.SimpleNamespace(\n"
             "    generation=Stuck(), telling=Stuck(), first_admin=None, account_copies=None)\n"
             "asyncio.run(worker.serve(services))\n")
    with subprocess.Popen([sys.executable, "-c", stuck], cwd=ROOT, stdout=subprocess.PIPE,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        asked = time.monotonic()
        process.terminate()
        assert process.wait(6) == 0
        assert time.monotonic() - asked < 5


def test_a_second_worker_says_so_once_waits_and_takes_over(site: Site) -> None:
    site.serve(latency=0.02)
    first = site.start()
    wait_for(lambda: "is ready" in site.log(0), "the first worker")
    site.start()
    sentence = (f"Another worker for peer 'local' is running (pid {first.pid}). "
                "Waiting for it to end.")
    wait_for(lambda: sentence in site.log(1), "the sentence")
    job = site.hand_over(20)
    wait_for(lambda: site.is_over(job), "the end of the job")
    assert "is ready" not in site.log(1)

    first.kill()
    wait_for(lambda: "is ready" in site.log(1), "the second one's turn")
    assert site.log(1).count("Another worker") == 1


def test_what_was_asked_of_models_outlives_a_kill_and_never_shrinks(site: Site) -> None:
    def told() -> Usage:
        return next(iter(site.board.usages().values()), Usage())

    def on_the_disk() -> int:
        return sum(load_usage(text).calls
                   for text in site.store.notes(keys.DESK_COUNTED).values())

    site.serve(latency=0.02)
    job = site.hand_over(20)
    worker = site.start()
    wait_for(lambda: site.is_over(job) and on_the_disk() == site.app.state.calls, "the count")
    before = told()
    worker.kill()
    worker.wait(10)
    site.start()
    calls = site.app.state.calls
    wait_for(lambda: told().calls == calls, "the whole count")

    assert before.joined(told()) == told()
    assert told().working_ms > 0
    assert told().without_times() == Usage(
        calls=calls, attempts=calls, prompt_tokens=calls, completion_tokens=calls)


def test_settings_that_do_not_fit_are_told_and_end_it(site: Site) -> None:
    worker = site.start(DATAGEN_MAX_IN_FLIGHT="many")
    assert worker.wait(20) == 1
    assert "DATAGEN_MAX_IN_FLIGHT must be" in site.log(0)
    assert "Traceback" not in site.log(0)
