"""A job gets another title on any replica; nobody's title is lost to an older one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from datagen.domain.asked import Asked, Rename
from datagen.domain.downloads import Wish
from datagen.domain.editions import Word
from datagen.domain.errors import InputError, NotThere
from datagen.domain.jobs import Job
from datagen.engine import entries
from datagen.protocol import keys
from datagen.protocol.codec import job_record, load_job
from datagen.protocol.fields import dumps
from datagen.protocol.requests import ask_here, asked_here
from tests.services.job_world import ANN, BOB, World
from tests.services.worker_lives import World as Lives


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def title(world: World, job_id: str) -> str:
    return world.another_process().known(ANN, job_id).job.title


@pytest.mark.parametrize("over", [True, False])
def test_the_new_title_is_shown_at_once(world: World, over: bool) -> None:
    job_id = world.dataset([{"name": "a"}]) if over else world.confirmed()
    world.jobs.rename(ANN, job_id, "  Persons ")
    assert world.jobs.known(ANN, job_id).job.title == title(world, job_id) == "Persons"
    assert [view.job.title for view in world.jobs.list(ANN)] == ["Persons"]


def test_a_file_is_named_after_the_new_title(world: World) -> None:
    job_id = world.dataset([{"name": "a"}])
    world.jobs.rename(ANN, job_id, "Persons")
    assert "Persons.csv" in world.datasets.export(ANN, job_id, Wish(form="csv")).disposition


@pytest.mark.parametrize("wrong", ["", "  ", "x" * 201, 5, None, "a\x00b"])
def test_what_is_no_title_is_refused(world: World, wrong: object) -> None:
    job_id = world.confirmed()
    with pytest.raises(InputError) as raised:
        world.jobs.rename(ANN, job_id, wrong)
    assert [problem.path for problem in raised.value.problems] == ["title"]
    assert title(world, job_id) == "People"


def test_nobody_renames_the_job_of_another(world: World) -> None:
    job_id = world.confirmed()
    with pytest.raises(NotThere):
        world.jobs.rename(BOB, job_id, "Mine")
    assert title(world, job_id) == "People"


def test_the_same_title_is_no_request(world: World) -> None:
    job_id = world.confirmed()
    world.jobs.rename(ANN, job_id, "People")
    assert world.store.notes(keys.DESK_ASKED) == {}


def test_a_later_title_counts_on_a_replica_whose_clock_is_late(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    ahead = Rename(at=world.clock.now() + timedelta(days=400), by="ann", title="Early")
    world.board.publish(replace(world.published(job_id), title="Early", renamed=ahead))
    world.jobs.invalidate()
    world.jobs.rename(ANN, job_id, "Late")
    assert title(world, job_id) == "Late"


def test_of_many_renames_one_note_is_left(world: World) -> None:
    job_id = world.confirmed()
    for number in range(5):
        world.jobs.rename(ANN, job_id, f"Title {number}")
    assert len(world.store.notes(keys.DESK_ASKED)) == 1
    assert title(world, job_id) == "Title 4"


def test_an_entry_keeps_who_renamed_it_and_an_unsealed_one_does_not(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    rename = Rename(at=world.clock.now(), by="ann", title="Persons")
    job = replace(world.published(job_id), title="Persons", renamed=rename)
    assert load_job(dumps(job_record(job))) == job
    assert load_job(dumps({**job_record(job), "inc": 0})).renamed is None


# ------------------------------------------------------------------------ the worker


def rename_of(world: Lives, text: str, seconds: int = 0) -> Asked:
    at = world.clock.now() + timedelta(seconds=seconds)
    return Asked(rename=Rename(at=at, by="ada", title=text))


def entry(world: Lives, job: Job) -> Job:
    return world.board.job(job.id) or job


def is_named_so(world: Lives, job: Job, text: str) -> Callable[[], bool]:
    return lambda: entry(world, job).title == text and not asked_here(world.store)


@pytest.mark.parametrize("over", [True, False])
async def test_the_worker_writes_it_into_the_lists_and_keeps_no_note(
    tmp_path: Path, over: bool
) -> None:
    world = Lives(tmp_path)
    job = world.hand_over(total=3)
    if over:
        await world.live(until=lambda: entry(world, job).is_over)
    ask_here(world.store, job.id, rename_of(world, "Persons"))

    await world.live(until=is_named_so(world, job, "Persons"))

    await world.live(until=lambda: entry(world, job).is_over)
    assert entry(world, job).title == "Persons"
    assert '"Persons"' in (world.store.hget(keys.user_jobs("ada"), job.id) or "")


async def test_what_another_replica_was_asked_gets_into_the_lists(tmp_path: Path) -> None:
    world = Lives(tmp_path)
    job = world.hand_over(total=4, peers=("local", "other"))
    theirs = rename_of(world, "Theirs", 5)
    world.board.say(job.id, Word(peer_id="other", asked=theirs))
    ask_here(world.store, job.id, rename_of(world, "Ours"))

    await world.live(until=is_named_so(world, job, "Theirs"))

    assert world.board.words(job.id)["local"].asked.rename == theirs.rename


async def test_a_title_whose_writers_are_all_silent_is_written_by_others(
    tmp_path: Path
) -> None:
    world = Lives(tmp_path)
    job = replace(world.hand_over(total=4, peers=("other", "local")), creator="other")
    over = replace(job, status="failed", finished_at=world.clock.now(), inc=1)
    world.board.publish(over)
    begun = world.clock.monotonic()
    ask_here(world.store, job.id, rename_of(world, "Persons"))

    await world.live(until=is_named_so(world, job, "Persons"))

    assert world.clock.monotonic() - begun >= entries.OTHERS_WRITE
