"""Which of many jobs a list shows, in which order, and how soon."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.local import LocalStore
from datagen.domain.folds import Case, ended
from datagen.domain.jobs import Edition, Job, Status
from datagen.protocol.board import Board
from datagen.services.answers import job_answer
from datagen.services.job_list import Kind, kind, listed
from datagen.services.views import JobView, view_of
from tests.engine.workbench import START, job_of
from tests.services.job_world import ANN, World

WITHIN = 0.3  # seconds, for 1,000 jobs


def view(title: str, *, number: int = 1, status: Status = "succeeded", cancelled: bool = False,
         total: int = 10) -> JobView:
    job = job_of(number % 60, total=total)
    return view_of(Case(job=replace(
        job, id=f"job_{number}_abcdef", title=title, status=status, inc=0,
        created_at=START + timedelta(minutes=number), cancelled_at=START if cancelled else None)))


def titles(views: Sequence[JobView]) -> list[str]:
    return [one.job.title for one in views]


JOBS = [
    view("Support tickets", number=1), view("Shop reviews", number=2, status="failed"),
    view("support CHATS", number=3, status="running", total=500),
    view("Patients", number=4, status="failed", cancelled=True),
]


@pytest.mark.parametrize(("search", "found"), [
    ("", ["Patients", "support CHATS", "Shop reviews", "Support tickets"]),
    ("SUPPORT", ["support CHATS", "Support tickets"]),
    ("tick supp", ["Support tickets"]), ("job_2_", ["Shop reviews"]), ("nothing", []),
    ("%", []), ("\\", []), ("  ", ["Patients", "support CHATS", "Shop reviews", "Support tickets"]),
])
def test_a_search_takes_every_word_of_the_title_or_the_id(search: str, found: list[str]) -> None:
    assert titles(listed(JOBS, search=search)) == found


@pytest.mark.parametrize(("wanted", "found"), [
    ("done", ["Support tickets"]), ("failed", ["Shop reviews"]), ("open", ["support CHATS"]),
    ("cancelled", ["Patients"]),
])
def test_each_job_is_of_one_kind(wanted: Kind, found: list[str]) -> None:
    assert titles(listed(JOBS, kinds=[wanted])) == found


def test_orders() -> None:
    assert titles(listed(JOBS, order="oldest"))[0] == "Support tickets"
    assert titles(listed(JOBS, order="title")) == [
        "Patients", "Shop reviews", "support CHATS", "Support tickets"]
    assert titles(listed(JOBS, order="largest"))[0] == "support CHATS"
    assert titles(listed(JOBS, order="unfinished")) == [
        "support CHATS", "Patients", "Shop reviews", "Support tickets"]


@given(st.lists(st.sampled_from(JOBS)), st.sampled_from(["", "s", "support"]))
def test_the_kinds_together_are_all_that_is_found(views: list[JobView], search: str) -> None:
    whole = listed(views, search=search)
    parts = [one for name in ("open", "done", "failed", "cancelled")
             for one in listed(views, search=search, kinds=[name])]
    assert sorted(map(id, whole)) == sorted(map(id, parts))
    assert all(kind(one) in {"open", "done", "failed", "cancelled"} for one in whole)


def test_a_thousand_jobs_are_listed_in_time(tmp_path: Path) -> None:
    store, world = LocalStore(tmp_path / "store.sqlite3"), World(tmp_path)
    for number in range(1_000):
        Board(store).publish(_finished(number))
    first, again = map(min, zip(*(_listed_in(world, store) for _ in range(3)), strict=True))

    sys.stdout.write(f"\n1,000 jobs: {first * 1000:.0f} ms read and answered, "
                     f"{again * 1000:.0f} ms read again\n")
    store.close()
    assert first < WITHIN
    assert again < WITHIN


def _listed_in(world: World, store: LocalStore) -> tuple[float, float]:
    """Seconds of the first list of a process, and of the next; the best of some counts.

    What else the machine does is no part of it.
    """
    jobs = world.another_process(store)
    begun = time.perf_counter()
    answer = [job_answer(one) for one in listed(jobs.list(ANN), search="job", order="title")]
    first = time.perf_counter() - begun
    jobs.invalidate()
    begun = time.perf_counter()
    assert len(listed(jobs.list(ANN), kinds=["done"])) == len(answer) == 1_000
    return first, time.perf_counter() - begun


def _finished(number: int) -> Job:
    job = replace(job_of(number % 60, cid="d"), id=f"job_{number}_abcdef", owner=ANN.name,
                  title=f"Job {number}", creator="local")
    return ended(job, Edition(
        round=0, by="local", status="succeeded", ok=9, failed=1, manifest_cid="m",
        sha256="0" * 64, started_at=START, finished_at=START))
