"""A worker on a store full of strangers' values: its own job is made, and nothing else breaks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.details import details_record
from tests.engine.workbench import details_of, job_of
from tests.hostile.test_board_keys import CONTROL, JOB, STATE, wicked, wicked_jobs, wicked_states
from tests.hostile.wicked import FRAGMENTS, IMAGE, NESTED, NO_RECORDS, SCRIPT, OpenStore, changed
from tests.services.worker_lives import World

BATCH = 30  # jobs of one worker's life
HOSTILE_SCHEMAS: list[Any] = [
    {}, {"type": "object"}, {"type": 5}, {"type": "array"}, {"$ref": "#"}, {"$ref": "#/x"},
    {"$ref": "http://169.254.169.254/schema.json"}, {"$ref": "file:///etc/passwd"},
    {"type": "object", "properties": {"n": {"$ref": "#/properties/n"}}},
    {"type": "object", "properties": {"n": {"type": "string", "pattern": "(a+)+$"}}},
    {"type": "object", "properties": {"n": {"type": "string", "pattern": "("}}},
    {"type": "object", "properties": []}, {"type": "object", "required": 5},
    {"type": "object", "properties": {"n": {"minimum": "x"}}}, {"enum": []},
    {"type": "object", "properties": {SCRIPT: {"description": IMAGE}}},
    {"$schema": "http://evil.test/meta", "type": "object"},
    {"type": "object", "properties": {"n": {"multipleOf": 0}}},
    {"allOf": 5}, {"not": {}}, {"type": "object", "minProperties": 10**9},
    {"properties": {f"f{n}": {} for n in range(3_000)}},
]


class Wild(World):
    """A worker's world that anybody writes."""

    def __init__(self, folder: Path, **variables: str) -> None:
        super().__init__(folder, **variables)
        self.wild = self.store = OpenStore()
        self.board = Board(self.store)

    def job(self, number: int, content: bytes) -> None:
        """An unfinished job of this peer's, made by a stranger; these are its details."""
        cid = f"details{number}"
        self.files.put(cid, content)
        name = f"job_3_{number}"
        self.wild.plant(keys.JOBS, name, json.dumps(
            {**JOB, "id": name, "peers": ["local"], "totalRecords": 2, "jobDetailsCid": cid}))


def details_texts() -> Iterator[bytes]:
    """Details of a job: any JSON, damaged fields, hostile schemas."""
    good = details_record(details_of(job_of()))
    for text in NO_RECORDS:
        yield text.encode(errors="surrogatepass")
    for fragment in FRAGMENTS:
        for field in ("schema", "inference", "description", "createdAt", "owner"):
            yield changed(good, field, fragment).encode()
    yield changed(good, "schema", NESTED).encode()
    for schema in HOSTILE_SCHEMAS:
        yield json.dumps({**good, "schema": schema}).encode()
    for parameters in ({"temperature": "hot"}, {"max_tokens": -5}, {"n": 10**9}, {"x": SCRIPT},
                       {"temperature": 10**30}):
        yield json.dumps({**good, "inference": {
            **good["inference"], "parameters": parameters}}).encode()


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
async def test_its_own_job_is_made_among_thousands_of_wicked_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    world = Wild(tmp_path / "data", DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE="64")
    for name, text in wicked_jobs():
        world.wild.plant(keys.JOBS, name, text)
    job = world.hand_over(total=5)
    for name, text in wicked_states():
        world.wild.plant(keys.job_peers(job.id), name, text)
    for name, text in wicked({**CONTROL, "peerId": "x"}):
        world.wild.plant(keys.job_control(job.id), name, text)

    def is_over() -> bool:
        entry = world.board.job(job.id)
        return entry is not None and entry.is_over

    await world.live(is_over)
    entry = world.board.job(job.id)
    assert entry is not None
    assert entry.is_over
    assert not [record for record in caplog.records if record.exc_info]
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
async def test_details_of_strangers_cost_only_their_own_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    texts = list(details_texts())
    assert len(texts) > 100
    for start in range(0, len(texts), BATCH):
        await tried(tmp_path / str(start), texts[start : start + BATCH])
    assert not [r.getMessage() for r in caplog.records if "fault in DataGen itself" in r.message]


async def tried(folder: Path, texts: Sequence[bytes]) -> None:
    """A worker tries each of these as the details of a job, and makes its own beside them."""
    world = Wild(folder, DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE="64")
    for number, content in enumerate(texts):
        said = content.replace(b'"job_1001_000001"', f'"job_3_{number}"'.encode())
        world.job(number, said)
    job = world.hand_over(total=5)

    def is_done() -> bool:
        entry = world.board.job(job.id)
        return entry is not None and entry.is_over and all(
            world.board.states(f"job_3_{number}") for number in range(len(texts)))

    await world.live(is_done)


def lines() -> Iterator[str]:
    """What ``results.jsonl`` of the earlier application may hold."""
    good = {"i": 1, "ok": True, "data": {"n": 1}}
    yield from NO_RECORDS
    for field in ("i", "ok", "data", "error", "raw"):
        for fragment in FRAGMENTS:
            yield changed(good, field, fragment)


async def test_no_line_on_the_disk_breaks_the_share_that_is_taken_over(tmp_path: Path) -> None:
    world = Wild(tmp_path / "data")
    job = world.hand_over(total=4)
    folder = world.settings.cache_dir / job.id / "local"
    folder.mkdir(parents=True)
    content = [text for text in lines() if "\ud800" not in text]
    assert len(content) > 100
    (folder / "results.jsonl").write_text("\n".join(content))
    (folder / "state.json").write_text(NESTED)
    await world.live(lambda: world.is_quiet(job))
    state = world.board.states(job.id)["local"]
    assert state.generated == 4
    assert state.finished_at is not None


def test_the_good_values_used_here_are_good() -> None:
    board = Board(store := OpenStore())
    store.plant(keys.JOBS, "job_1_good", json.dumps(JOB))
    store.plant(keys.job_peers("job_1_good"), "local", json.dumps(STATE))
    assert board.jobs()
    assert board.states("job_1_good")
