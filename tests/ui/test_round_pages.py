"""A job's further rounds, its peers, and an end that needs a hand, as its pages show them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from datagen.domain.downloads import Wish
from datagen.domain.jobs import Effort, InFlight, PeerState, shares
from datagen.domain.usage import Usage
from datagen.model.sample import Faults
from datagen.services.jobs import JobView
from tests.ui.replica import ADA, World
from tests.ui.test_job_actions import asked, cancelled, click, labels
from tests.ui.test_pages import texts

NOT_CLOSED = "Complete, not closed: 2 of 3 peers can't be reached. Close it here as it is."


def half_good(world: World) -> tuple[str, int]:
    """A finished job and how many of its records failed."""
    job_id = world.confirm(records=40)
    world.services.chat._faults = Faults(rate=0.5, kinds=("not_json",), seed=1)  # type: ignore[attr-defined]  # the sample model's
    world.work(lambda: is_over(world, job_id))
    world.services.chat._faults = Faults()  # type: ignore[attr-defined]  # likewise
    job = world.services.jobs.get(ADA, job_id).job
    assert 2 < job.total_failed < 40
    return job_id, job.total_failed


def is_over(world: World, job_id: str) -> bool:
    world.services.jobs.invalidate()
    return world.services.jobs.get(ADA, job_id).job.is_over


def show_as(world: World, **said: Any) -> None:
    """Pages see every job as if its peers said this."""
    jobs = world.services.jobs
    real = jobs.get

    def changed(*which: Any) -> JobView:
        view = real(*which)
        job = replace(view.job, peers=("a", "b", "c"), status="running")
        return replace(view, **{"job": job, **said})

    jobs.get = changed  # this instance's


EVERY_FORM = [f"Download {form}" for form in ("CSV", "Excel", "JSON", "JSON Lines", "Parquet",
                                               "bundle")]


def links(at: AppTest) -> list[str]:
    return [item.proto.label for item in at.get("link_button")]


def test_a_finished_job_with_failures_offers_to_make_them_again_and_asks_first(
    world: World,
) -> None:
    job_id, failed = half_good(world)

    at = click(world.open("job", id=job_id), f"Retry {failed} failed records")

    assert not at.exception
    assert {"Generate them", "Leave it so"} <= set(labels(at))
    assert f"{40 - failed} good records of 40" in texts(at)
    assert f"other {failed} are asked for once more" in texts(at)
    click(asked("ask_to_retry", job_id), "Leave it so")
    assert world.services.jobs.get(ADA, job_id).job.is_over


def test_while_a_round_runs_the_dataset_as_it_was_can_be_taken(world: World) -> None:
    job_id, failed = half_good(world)
    before = b"".join(world.services.datasets.export(ADA, job_id, Wish(form="json")).chunks)

    at = click(asked("ask_to_retry", job_id), "Generate them")

    assert not at.exception
    at = world.open("job", id=job_id)
    assert not at.exception
    assert f"Round 2: making {failed} records again" in texts(at)
    assert "Cancel" in labels(at)
    assert "Open table" in labels(at)
    assert links(at) == EVERY_FORM
    assert b"".join(world.services.datasets.export(ADA, job_id, Wish(form="json")).chunks) == before
    table = world.open("dataset", id=job_id)
    assert len(table.dataframe[0].value) == 40 - failed
    assert "the dataset as it was" in texts(table)
    assert "round 2" in texts(world.open("jobs"))


def test_after_the_round_the_dataset_has_what_it_lacked(world: World) -> None:
    job_id, _ = half_good(world)
    world.services.jobs.retry(ADA, job_id)

    world.work(lambda: is_over(world, job_id))

    at = world.open("job", id=job_id)
    assert not at.exception
    assert [(m.label, m.value) for m in at.metric if m.label in {"Failed", "Rounds"}] == [
        ("Failed", "0"), ("Rounds", "2")]
    assert not [label for label in labels(at) if "records" in label]
    assert len(world.open("dataset", id=job_id).dataframe[0].value) == 40
    assert "2 rounds" in texts(world.open("jobs"))


def test_a_cancelled_job_offers_to_make_what_is_missing(world: World) -> None:
    job_id = cancelled(world)
    missing = 200 - world.services.jobs.get(ADA, job_id).job.total_ok
    assert f"Generate {missing} missing records" in labels(world.open("job", id=job_id))


def test_a_round_that_was_opened_by_another_is_no_error(world: World) -> None:
    job_id, _ = half_good(world)
    at = asked("ask_to_retry", job_id)
    world.services.jobs.retry(ADA, job_id)
    at = click(at, "Generate them")
    assert not at.exception
    assert not at.error


def test_each_share_tells_who_is_alive_who_is_stuck_and_who_helps(world: World) -> None:
    job_id = world.confirm(records=60)
    now = world.services.clock.now()
    states = {
        peer: PeerState(peer_id=peer, share=share, generated_ok=5, inc=1, started_at=now,
                        usage=Usage(calls=7), under_way=1,
                        in_flight=(InFlight(index=share.end - 1, attempt=1, started_at=now),))
        for peer, share in shares(60, ("a", "b", "c")).items()
    }
    states["b"] = replace(states["b"], generated_ok=20, effort=Effort(of="c", ok=9))
    show_as(world, states=states, counts={"a": (5, 1), "b": (20, 0), "c": (9, 0)},
            helpers={"c": "b"}, still={"a": 12.0, "c": 95.0}, silent={"a": 20.0, "c": 130.0})

    at = world.open("job", id=job_id)

    assert not at.exception
    table, flying = (frame.value for frame in at.dataframe[:2])
    assert table[["Peer", "Ok", "Failed", "Calls", "Sign of life", "Note"]].to_numpy().tolist() == [
        ["a", 5, 1, 7, "20 s ago", ""],
        ["b", 20, 0, 7, "none yet", "helps c"],
        ["c", 9, 0, 7, "none for 2 min 10 s", "no progress for 1 min 35 s, b is helping"],
    ]
    assert table["Done"].tolist() == [30, 100, 45]
    assert table["Under way"].tolist() == [1, 0, 0]
    assert flying[["Peer", "Record"]].to_numpy().tolist() == [["a", 20]]  # who may be dead has none


@pytest.mark.parametrize("estimated", [0, 40])
def test_tokens_of_each_peer_are_told_at_the_end_and_those_estimated_are_marked(
    world: World, estimated: int
) -> None:
    job_id, _ = half_good(world)
    job = replace(world.services.jobs.get(ADA, job_id).job, peers=("a", "b"))
    states = {peer: PeerState(peer_id=peer, share=share, usage=Usage(
        calls=7, prompt_tokens=200, estimated_tokens=estimated if peer == "b" else 0))
        for peer, share in shares(40, ("a", "b")).items()}
    show_as(world, job=job, states=states)

    at = world.open("job", id=job_id)

    assert not at.exception
    table = next(frame.value for frame in at.dataframe if "Share" in frame.value)
    assert table["Tokens"].tolist() == [200, 200]
    assert ("Estimated" in table) is bool(estimated)
    assert not estimated or table["Estimated"].tolist() == [0, 40]


@pytest.mark.parametrize(("known_by", "said"), [(1, True), (2, False)])
def test_a_request_says_so_until_another_peer_knows_of_it(
    known_by: int, said: bool, world: World
) -> None:
    job_id = world.confirm()
    world.services.jobs.cancel(ADA, job_id)
    show_as(world, known_by=known_by)
    at = world.open("job", id=job_id)
    assert ("No other peer knows of it yet" in texts(at)) is said


def test_on_one_peer_nobody_else_has_to_know(world: World) -> None:
    job_id = world.confirm()
    world.services.jobs.cancel(ADA, job_id)
    assert "No other peer" not in texts(world.open("job", id=job_id))


def test_what_is_complete_and_can_not_end_offers_its_file_and_to_be_closed(world: World) -> None:
    job_id = world.confirm()
    progress = replace(world.services.jobs.get(ADA, job_id).progress, ok=6)
    show_as(world, not_closed=NOT_CLOSED, progress=progress)
    jobs = world.services.jobs
    real = jobs.get
    jobs.get = lambda *which: replace(  # this instance's
        view := real(*which), job=replace(view.job, total_ok=6))
    closed: list[str] = []
    jobs.close = lambda _, job_id: closed.append(job_id)

    at = world.open("job", id=job_id)

    assert "2 of 3 peers can't be reached" in texts(at).replace("\\", "")
    assert "Not closed" in texts(at)
    assert links(at) == EVERY_FORM
    assert "Cancel" not in labels(at)
    at = click(at, "Close")
    assert "6 records of 6" in texts(at)
    assert {"Close the job", "Wait for the others"} <= set(labels(at))
    click(asked("ask_to_close", job_id), "Wait for the others")
    assert not closed
    click(asked("ask_to_close", job_id), "Close the job")
    assert closed == [job_id]
