"""When a job made here is over, and what its entry then says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from datagen.domain.jobs import Job, PeerState, RecordError, shares
from datagen.engine.closing import projected
from tests.engine.workbench import START, job_of

NOW = START + timedelta(hours=1)


def said(job: Job, peer: str, *, ok: int, failed: int = 0, start: int | None = 10,
         end: int | None = None) -> PeerState:
    def at(second: int | None) -> datetime | None:
        return None if second is None else START + timedelta(seconds=second)

    return PeerState(
        peer_id=peer, share=shares(job.total_records, job.peers)[peer], generated_ok=ok,
        generated_failed=failed, started_at=at(start), finished_at=at(end),
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
