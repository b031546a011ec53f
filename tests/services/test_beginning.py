"""The first rows of a large dataset are there before its table is."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from datagen.domain.downloads import Wish
from datagen.domain.errors import NotThere
from datagen.services import beginning, building
from tests.services.job_world import ANN, BOB, World

RECORDS = [{"name": f"n{i}", "age": i} for i in range(300)]
SCHEMA = {"properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}


class Held:
    """Tables that are made once they may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may, self.begun, build = threading.Event(), 0, building.build

        def held(path: Path, *rest: Any) -> None:
            self.begun += 1
            assert self.may.wait(30)
            build(path, *rest)

        monkeypatch.setattr(building, "build", held)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    monkeypatch.setattr(beginning, "LARGE", 200)
    return Held(monkeypatch)


def until_known(world: World, job_id: str) -> Any:
    deadline, tick = time.monotonic() + 30, threading.Event()
    while not (known := world.datasets.known(ANN, job_id)):
        assert time.monotonic() < deadline
        tick.wait(0.01)
    return known


def test_rows_come_at_once_and_all_else_when_the_table_is_there(world: World, held: Held) -> None:
    job_id = world.dataset(RECORDS, schema=SCHEMA)
    page = world.datasets.page(ANN, job_id, offset=20, limit=10)
    assert list(page.frame["name"]) == [f"n{i}" for i in range(20, 30)]
    assert list(page.frame["#"]) == list(range(20, 30))
    assert [column.kind for column in page.columns] == ["text", "integer"]
    assert (page.total, page.matching) == (300, 300)
    assert world.datasets.known(ANN, job_id) is None

    held.may.set()
    columns, profiles = until_known(world, job_id)
    assert columns == page.columns
    assert [profile.rows for profile in profiles] == [300, 300]
    assert world.datasets.page(ANN, job_id, offset=20, limit=10).frame.equals(page.frame)
    assert held.begun == 1


def test_looking_leaves_no_other_file_than_the_table(world: World, held: Held) -> None:
    job_id = world.dataset(RECORDS, schema=SCHEMA)
    world.datasets.page(ANN, job_id)
    held.may.set()
    until_known(world, job_id)
    assert [file.name for file in (world.cache_dir / "datasets").iterdir()] == [
        f"{job_id}.parquet"]


def test_first_rows_are_nobody_elses(world: World, held: Held) -> None:
    job_id = world.dataset(RECORDS, schema=SCHEMA)
    for ask in (world.datasets.page, world.datasets.known):
        with pytest.raises(NotThere):
            ask(BOB, job_id)
    assert held.begun == 0


def test_parquet_begins_before_its_table_is_there(world: World, held: Held) -> None:
    job_id = world.dataset(RECORDS, schema=SCHEMA)
    chunks = world.datasets.export(ANN, job_id, Wish(form="parquet")).chunks
    first = next(chunks)
    assert held.begun == 0
    held.may.set()
    content = first + b"".join(chunks)
    assert content == (world.cache_dir / "datasets" / f"{job_id}.parquet").read_bytes()


def test_a_search_finds_what_stands_far_apart(world: World) -> None:
    job_id = world.dataset(RECORDS, schema=SCHEMA)
    found = [i for i in range(300) if "9" in str(i)]
    page = world.datasets.page(ANN, job_id, search="9", offset=2, limit=40)
    assert list(page.frame["#"]) == found[2:42]
    assert page.matching == len(found)
    assert world.datasets.page(ANN, job_id, search="N29").matching == 11
    assert list(world.datasets.page(ANN, job_id, search="9", offset=500).frame["#"]) == []
