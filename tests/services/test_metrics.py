"""Totals of everybody's jobs: what the earlier application counted, and ours; never less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datagen.domain.errors import StoreError
from datagen.domain.usage import Usage
from datagen.domain.users import User
from datagen.protocol import keys
from datagen.services.metrics import ModelUse
from datagen.services.patience import Patience
from tests import golden
from tests.services.job_world import ANN, BOB, World
from tests.services.worker_lives import World as Worker

BASELINE = {"totalJobs": 2, "totalRecordsRequested": 25, "totalRecordsGenerated": 18,
            "activeJobs": 1, "failedJobs": 0, "lastJobAt": "2026-11-22T07:21:03.893Z"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    golden.seed(golden.RUNNING_RUN, world.store, world.files)
    return world


def test_before_our_first_job_an_admin_sees_what_the_earlier_application_counted(
    world: World
) -> None:
    assert world.jobs.metrics(BOB) == BASELINE


def test_our_jobs_add_to_it_and_its_own_are_not_counted_twice(world: World) -> None:
    world.dataset([{"name": "a"}, "No."], draft_id="x")
    world.dataset(["No."], draft_id="y")
    world.confirmed(draft_id="z", records=9)
    world.jobs.invalidate()
    assert world.jobs.metrics(BOB) == {
        "totalJobs": 5, "totalRecordsRequested": 37, "totalRecordsGenerated": 21,
        "activeJobs": 2, "failedJobs": 1, "lastJobAt": "2026-11-22T07:21:03.893Z",
    }


def test_a_user_sees_none_of_it(world: World) -> None:
    world.dataset([{"name": "a"}])
    assert world.jobs.metrics(ANN)["totalJobs"] == 1
    assert world.jobs.metrics(User(name="admin", role="user"))["totalRecordsGenerated"] == 15


@pytest.mark.parametrize("text", [
    None, "", "[]", "{", '{"totalJobs":-1}', '{"totalJobs":1e400}', '{"totalJobs":"9"}',
    '{"lastJobAt":"never"}', "[" * 5_000, "x" * 1_000_000,
])
def test_a_baseline_that_can_not_be_read_counts_nothing(world: World, text: str | None) -> None:
    world.store.set(keys.METRICS_BASELINE, text)
    assert world.jobs.metrics(BOB) == {
        "totalJobs": 0, "totalRecordsRequested": 0, "totalRecordsGenerated": 0,
        "activeJobs": 1, "failedJobs": 0, "lastJobAt": None,
    }


def test_an_admin_sees_what_all_workers_asked_of_models_on_all_their_disks(world: World) -> None:
    use = ModelUse(board=world.board, patience=Patience(None, clock=world.clock))
    nothing = {"modelCalls": 0, "modelAttempts": 0, "promptTokens": 0, "completionTokens": 0,
               "estimatedTokens": 0, "workingSeconds": 0, "waitingSeconds": 0}
    assert use.seen_by(BOB) == nothing  # the earlier application counted none
    for field in ("p1:1", "p1:2", "p2:1"):
        world.board.count(field, Usage(calls=4, attempts=3, prompt_tokens=20, completion_tokens=1,
                                       estimated_tokens=2, working_ms=1_600, waiting_ms=900))
    world.board.count("p2:1", Usage(calls=5, attempts=3, prompt_tokens=20, completion_tokens=1,
                                    estimated_tokens=2, working_ms=1_600, waiting_ms=900))
    assert use.seen_by(BOB) == {
        "modelCalls": 13, "modelAttempts": 9, "promptTokens": 60, "completionTokens": 3,
        "estimatedTokens": 6, "workingSeconds": 4, "waitingSeconds": 2,
    }
    assert use.seen_by(ANN) == {}
    assert world.jobs.metrics(BOB) == BASELINE  # it lies beside, under the same name
    world.store.fail_next()
    with pytest.raises(StoreError):
        use.seen_by(BOB)


def test_calls_under_way_are_those_of_open_jobs_as_last_told(world: World) -> None:
    assert world.jobs.calls_under_way() == 0
    for draft_id, under_way in (("x", 3), ("y", 4)):
        job_id = world.confirmed(draft_id=draft_id)
        world.take_over()
        world.report(job_id, ok=1, under_way=under_way)
    world.dataset([{"name": "a"}], draft_id="z")
    world.jobs.invalidate()
    assert world.jobs.calls_under_way() == 7


def test_a_store_that_is_away_is_told(world: World) -> None:
    world.store.fail_next()
    with pytest.raises(StoreError):
        world.jobs.metrics(BOB)


def counted(jobs: Any) -> dict[str, Any]:
    totals = jobs.metrics(BOB)
    return {name: totals[name] for name in totals if name != "activeJobs"}


async def test_a_deleted_job_stays_counted(tmp_path: Path) -> None:
    """As soon as nobody sees it any more, when it is deleted for good, and afterwards."""
    worker, pages = Worker(tmp_path / "worker"), World(tmp_path / "pages")
    pages.store = worker.store  # reads are not counted here
    pages.files = worker.files
    job_id = pages.another_process().confirm(ANN, pages.token(records=7))

    def is_over() -> bool:
        return bool(worker.board.jobs().get(job_id) and worker.board.jobs()[job_id].is_over)

    await worker.live(is_over)
    before = counted(pages.another_process())
    assert (before["totalJobs"], before["totalRecordsRequested"]) == (1, 7)

    pages.another_process().delete(ANN, job_id)
    assert counted(pages.another_process()) == before
    await worker.live(lambda: job_id in worker.store.notes(keys.DESK_DELETED))
    assert worker.board.jobs() == {}
    assert counted(pages.another_process()) == before


def test_a_job_that_a_store_brings_back_is_counted_once(world: World) -> None:
    job_id = world.dataset([{"name": "a"}])
    before = counted(world.jobs)
    note = {"totalJobs": 1, "totalRecordsRequested": 1, "totalRecordsGenerated": 1}
    world.store.put_once(keys.DESK_DELETED, job_id, json.dumps(note))
    world.jobs.invalidate()
    assert counted(world.jobs) == before
