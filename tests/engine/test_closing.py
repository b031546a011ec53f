"""When a job made here is over, and what its entry then says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from datagen.domain.asked import NOTHING, Asked, Request
from datagen.domain.jobs import Job, PeerState, RecordError, shares
from datagen.engine.closing import projected
from tests.engine.workbench import START, job_of

NOW = START + timedelta(hours=1)
END = Request(at=START + timedelta(seconds=30), by="ada")
CANCELLED = Asked(cancel=END)


def said(job: Job, peer: str, *, ok: int, failed: int = 0, start: int | None = 10,
         end: int | None = None, asked: Asked = NOTHING) -> PeerState:
    def at(second: int | None) -> datetime | None:
        return None if second is None else START + timedelta(seconds=second)

    return PeerState(
        peer_id=peer, share=shares(job.total_records, job.peers)[peer], generated_ok=ok,
        generated_failed=failed, asked=asked, started_at=at(start), finished_at=at(end),
        errors=tuple(RecordError(index=i, message="n: is not a number.") for i in range(failed)),
    )


def test_nothing_is_written_while_nobody_started() -> None:
    job = job_of()
    assert projected(job, {}, NOW) is job
    assert projected(job, {"local": said(job, "local", ok=0, start=None)}, NOW) is job


def test_the_first_start_makes_it_running() -> None:
    job = job_of()
    states = {"local": said(job, "local", ok=3)}
    moved = projected(job, states, NOW)
    assert (moved.status, moved.started_at) == ("running", START + timedelta(seconds=10))
    assert projected(moved, states, NOW) is moved


def test_it_succeeds_once_every_peer_finished() -> None:
    job = job_of(total=5, peers=("a", "b"))
    half = {"a": said(job, "a", ok=2, failed=1, start=20, end=50), "b": said(job, "b", ok=1)}
    assert projected(replace(job, status="running"), half, NOW).status == "running"

    closed = projected(job, half | {"b": said(job, "b", ok=2, start=12, end=42)}, NOW)

    assert (closed.status, closed.error) == ("succeeded", None)
    assert (closed.total_ok, closed.total_failed, closed.total_generated) == (4, 1, 5)
    assert closed.started_at == START + timedelta(seconds=12)
    assert closed.finished_at == START + timedelta(seconds=50)
    assert closed.records_duration_ms == 38_000
    assert closed.updated_at == NOW


def test_without_one_good_record_it_failed_and_says_why() -> None:
    job = job_of(total=2)
    closed = projected(job, {"local": said(job, "local", ok=0, failed=2, end=20)}, NOW)
    assert closed.status == "failed"
    assert "n: is not a number." in (closed.error or "")


def test_without_full_coverage_it_failed_and_says_so() -> None:
    job = job_of(total=4)
    closed = projected(job, {"local": said(job, "local", ok=3, end=20)}, NOW)
    assert closed.status == "failed"
    assert "3 of 4" in (closed.error or "")


def test_a_peer_without_records_blocks_nobody() -> None:
    job = job_of(total=1, peers=("a", "b"))
    assert projected(job, {"a": said(job, "a", ok=1, end=20)}, NOW).status == "succeeded"


def test_a_job_that_is_over_stays_as_it_is() -> None:
    job = replace(job_of(), status="failed")
    assert projected(job, {"local": said(job, "local", ok=10, end=20)}, NOW) is job


def test_peers_of_other_jobs_do_not_count() -> None:
    job = job_of(total=1)
    stranger = replace(said(job, "local", ok=1, end=20), peer_id="x")
    assert projected(job, {"x": stranger}, NOW) is job


def test_a_cancelled_job_says_who_ended_it_and_how_far_it_was() -> None:
    job = job_of(total=20)
    states = {"local": said(job, "local", ok=11, failed=1, end=31)}
    closed = projected(job, states, NOW, asked=CANCELLED)
    assert (closed.status, closed.was_cancelled) == ("failed", True)
    assert (closed.cancelled_at, closed.cancelled_by) == (END.at, "ada")
    assert closed.error == (
        "Cancelled by ada after 12 of 20 records. What was generated is kept.")
    assert (closed.total_ok, closed.total_failed, closed.total_generated) == (11, 1, 12)


def test_a_job_cancelled_before_anything_was_made_says_that() -> None:
    job = job_of(total=20)
    states = {"local": said(job, "local", ok=0, start=None, end=31)}
    closed = projected(job, states, NOW, asked=CANCELLED)
    assert closed.error == "Cancelled by ada before the first record."
    assert (closed.started_at, closed.records_duration_ms) == (None, 0)


def test_a_request_to_delete_ends_a_job_as_well() -> None:
    job = job_of(total=20)
    states = {"local": said(job, "local", ok=1, end=31)}
    assert projected(job, states, NOW, asked=Asked(delete=END)).cancelled_by == "ada"


def test_a_job_cancelled_after_its_last_record_succeeded() -> None:
    job = job_of(total=4)
    states = {"local": said(job, "local", ok=4, end=29, asked=CANCELLED)}
    closed = projected(job, states, NOW, asked=CANCELLED)
    assert (closed.status, closed.error, closed.cancelled_at) == ("succeeded", None, None)


def test_a_cancelled_job_waits_for_what_its_peers_have() -> None:
    job = replace(job_of(total=20, peers=("a", "b")), status="running")
    states = {"a": said(job, "a", ok=5, end=31), "b": said(job, "b", ok=5)}
    assert projected(job, states, NOW, asked=CANCELLED) is job


def test_a_cancelled_job_ends_without_a_peer_that_is_overdue_and_counts_what_is_there() -> None:
    job = replace(job_of(total=20, peers=("a", "b")), status="running")
    states = {"a": said(job, "a", ok=5, end=31), "b": said(job, "b", ok=5)}
    assert projected(job, states, NOW, overdue=True) is job
    closed = projected(job, states, NOW, asked=CANCELLED, overdue=True)
    assert (closed.status, closed.total_ok) == ("failed", 5)
    assert "5 of 20" in (closed.error or "")


def test_who_heard_of_the_request_before_the_creator_is_believed() -> None:
    job = job_of(total=20, peers=("a", "b"))
    states = {"a": said(job, "a", ok=5, end=31, asked=CANCELLED),
              "b": said(job, "b", ok=10, end=29)}
    closed = projected(job, states, NOW)
    assert (closed.cancelled_by, closed.total_ok) == ("ada", 15)
