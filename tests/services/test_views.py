"""What a JobView tells beyond the job's own numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from datagen.domain.asked import Asked, Request
from datagen.domain.editions import Word
from datagen.protocol import keys
from datagen.protocol.codec import load_job
from datagen.services.answers import round_answer
from datagen.services.jobs import JobView
from tests.editions import sealed
from tests.services.job_world import ANN, World, line


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, peers=("local", "b"))


def look(world: World, job_id: str) -> JobView:
    world.jobs.invalidate()
    return world.jobs.get(ANN, job_id)


def half_good(world: World) -> str:
    """A finished job of two records, the second of which failed."""
    job_id = world.confirmed(records=2)
    (note,) = world.store.notes(keys.DESK_JOBS).values()
    world.board.publish(sealed(load_job(note), world.files,
                               line(0, {"name": "a"}) + line(1, "No.")))
    world.store.drop(keys.DESK_JOBS, "d1")
    return job_id


def test_a_request_is_known_once_two_replicas_pass_on_all_of_it(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    world.jobs.cancel(ANN, job_id)
    assert not look(world, job_id).is_known
    asked = look(world, job_id).asked
    world.board.say(job_id, Word(peer_id="local", asked=asked))
    world.board.say(job_id, Word(peer_id="b", asked=Asked(
        close=Request(at=world.clock.now(), by="ann"))))
    assert not look(world, job_id).is_known
    both = look(world, job_id).asked
    for peer in ("local", "b"):
        world.board.say(job_id, Word(peer_id=peer, asked=both))
    assert look(world, job_id).is_known


def test_on_a_job_of_one_peer_nobody_else_has_to_know(tmp_path: Path) -> None:
    world = World(tmp_path)
    job_id = world.confirmed()
    world.jobs.cancel(ANN, job_id)
    assert look(world, job_id).is_known


def test_while_a_round_runs_the_dataset_before_it_is_offered(world: World) -> None:
    job_id = half_good(world)
    before = look(world, job_id)
    assert before.retryable == 1
    world.clock.advance(3600)

    world.jobs.retry(ANN, job_id)

    view = look(world, job_id)
    assert (view.job.status, view.round, view.retryable) == ("queued", 1, 0)
    assert view.since == world.clock.now()  # not when the job began
    assert before.offered is not None
    assert view.offered == before.offered


def test_a_running_job_offers_nothing(world: World) -> None:
    assert look(world, world.confirmed()).offered is None


def test_a_peer_that_was_never_heard_is_not_told_as_silent_for_some_time(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    world.beat("local")
    look(world, job_id)
    world.clock.advance(12)
    assert look(world, job_id).silent == {"local": 12.0}


def test_beside_an_open_job_stands_what_there_is_to_say(world: World) -> None:
    view = look(world, world.confirmed())
    assert round_answer(view) == {}
    said = replace(view, helpers={"b": "local"}, not_closed="Complete, not closed.", round=1)
    assert round_answer(said) == {
        "round": 1, "helpers": {"b": "local"}, "notClosed": "Complete, not closed."}
