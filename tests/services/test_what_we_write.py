"""Everything a job of ours leaves behind, as the earlier application must be able to read it.

What it needs is what all of its own records of a kind have in common, with their types.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.memory import MemoryStore
from datagen.domain.chat import ChatReply
from datagen.domain.users import User
from datagen.protocol import keys
from tests import golden
from tests.services.job_world import World as Pages
from tests.services.worker_lives import World

STATUSES = {"queued", "running", "succeeded", "failed"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ADA = User(name="ada", role="user")
Record = dict[str, Any]


def needed(texts: Iterable[str]) -> dict[str, type]:
    """The fields that all these records have, with the types of their values."""
    records = [json.loads(text) for text in texts]
    common = set.intersection(*(set(record) for record in records))
    return {name: type(records[0][name]) for name in common}


JOBS = golden.stored_jobs()
STATES = golden.stored_states()
JOB = needed(JOBS)
ENDED_JOB = needed(text for text in JOBS if "jobFinishedAt" in text)
STATE = needed(STATES)
ENDED_STATE = needed(text for text in STATES if "finishedAt" in text)
DETAILS = needed(golden.stored_details())
SHORT = needed(golden.hashes(golden.RUNNING_RUN)["datagen:user:admin:jobs"].values())


class Recorder(MemoryStore):
    """Remembers everything that was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[tuple[str, str, str]] = []

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        if value is not None:
            self.written.append((hkey, field, value))
        super().hset(hkey, field, value)

    def of(self, hkey: str) -> list[Record]:
        return [json.loads(text) for key, _, text in self.written if key == hkey]


def assert_readable(record: Record, fields: dict[str, type]) -> None:
    assert {name: type(record.get(name)) for name in fields} == fields
    for name, value in record.items():
        if name.endswith("At"):
            assert TIME.fullmatch(value), (name, value)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Recorder, str]:
    """A job from the confirmation to its end, one record of which fails."""
    folder: Path = tmp_path_factory.mktemp("past")
    worker, pages = World(folder / "worker"), Pages(folder / "pages")
    store = worker.store = Recorder()
    pages.store, pages.files = store, worker.files  # reads are not counted here
    worker.board = type(worker.board)(store)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    token = pages.token(records=8, owner=ADA, schema=schema)
    job_id = pages.another_process().confirm(ADA, token)
    no = ChatReply(text="no", finish_reason="stop")
    asyncio.run(worker.live(
        lambda: job_id in worker.board.jobs() and worker.board.jobs()[job_id].is_over,
        script={3: [no]},
    ))
    return worker, store, job_id


def test_every_job_it_sees_on_the_way(past: tuple[World, Recorder, str]) -> None:
    _, store, job_id = past
    records = store.of(keys.JOBS)
    assert [record["status"] for record in records] == ["queued", "running", "succeeded"]
    queued = {name: kind for name, kind in JOB.items() if name != "jobStartedAt"}  # has not begun
    for record in records:
        assert_readable(record, queued if record["status"] == "queued" else JOB)
        assert record["id"] == job_id
        assert record["peerCount"] == len(record["peers"])
    assert_readable(records[-1], ENDED_JOB)
    assert (records[-1]["totalOk"], records[-1]["totalFailed"]) == (7, 1)


def test_every_word_of_a_peer(past: tuple[World, Recorder, str]) -> None:
    _, store, job_id = past
    records = store.of(keys.job_peers(job_id))
    assert len(records) > 2
    for record in records:
        assert_readable(record, STATE)
        assert record["assigned"] == record["range"]["end"] - record["range"]["start"] == 8
        assert all(set(error) == {"index", "message"} for error in record["errors"])
    assert_readable(records[-1], ENDED_STATE)


def test_the_owners_list(past: tuple[World, Recorder, str]) -> None:
    records = past[1].of(keys.user_jobs("ada"))
    for record in records:
        assert_readable(record, SHORT)
        assert record["status"] in STATUSES
    assert records[-1]["status"] == "succeeded"


def test_the_details_file(past: tuple[World, Recorder, str]) -> None:
    worker, store, job_id = past
    details = json.loads(worker.files.open(store.of(keys.JOBS)[0]["jobDetailsCid"]).read())
    assert_readable(details, DETAILS)
    as_before = json.loads(golden.stored_details()[0])["inference"]
    assert_readable(details["inference"], {name: type(as_before[name]) for name in as_before})
    assert details["id"] == job_id


def test_result_lines_and_the_errors_file(past: tuple[World, Recorder, str]) -> None:
    worker, store, job_id = past
    state = store.of(keys.job_peers(job_id))[-1]
    text = worker.files.open(state["resultCid"]).read().decode()
    assert text.endswith("}\n")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["i"] for line in lines] == list(range(8))
    for line in lines:
        assert set(line) >= ({"i", "ok", "data"} if line["ok"] else {"i", "ok", "error"})
    errors = json.loads(worker.files.open(state["errorsCid"]).read())
    assert [(error["index"], type(error["message"])) for error in errors] == [(3, str)]


def test_nothing_else_lies_under_its_keys(past: tuple[World, Recorder, str]) -> None:
    _, store, job_id = past
    known = {keys.JOBS, keys.PEERS, keys.METRICS, keys.user_jobs("ada"), keys.job_peers(job_id),
             keys.job_control(job_id)}
    assert {hkey for hkey, _, _ in store.written} <= known
    assert store._keys == {}  # plain keys are that application's alone
