"""How much one user may ask for, and how a no sounds."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import pytest

from datagen.adapters.clock import HandClock
from datagen.domain.bounds import Most
from datagen.domain.errors import TooManyTries
from datagen.services.allowances import DAY, HOUR, Allowances
from datagen.services.jobs import Jobs
from tests.services.job_world import ANN, BOB, World


def limited(folder: Path, most: Most) -> World:
    world = World(folder)
    world.jobs = Jobs(
        board=world.board, desk=world.store, files=world.files, drafts=world.drafts,
        clock=world.clock, peers=("local",), peer_id="local", max_records=1000,
        active_poll=1, idle_poll=10, allowances=Allowances(clock=world.clock, most=most))
    return world


def test_a_user_has_so_many_open_jobs_and_others_have_their_own(tmp_path: Path) -> None:
    world = limited(tmp_path, Most(open_jobs=2))
    first, _ = world.confirmed(draft_id="a"), world.confirmed(draft_id="b")

    with pytest.raises(TooManyTries, match=r"2 jobs that are not finished.*cancel one") as caught:
        world.confirmed(draft_id="c")

    assert caught.value.retry_after > 0
    assert world.confirmed(draft_id="a") == first  # the second click on what there is already
    world.confirmed(draft_id="d", owner=BOB)


def test_many_clicks_at_once_make_no_more_than_one_may(tmp_path: Path) -> None:
    world = limited(tmp_path, Most(open_jobs=3))
    made: list[str] = []

    def confirm(number: int) -> None:
        with suppress(TooManyTries):
            made.append(world.confirmed(draft_id=f"d{number}"))

    threads = [threading.Thread(target=confirm, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == len(world.jobs.list(ANN)) == 3


def test_records_are_counted_over_a_day(tmp_path: Path) -> None:
    world = limited(tmp_path, Most(records_per_day=100))
    world.confirmed(draft_id="a", records=60)
    world.clock.advance(HOUR)
    world.confirmed(draft_id="b", records=40)

    with pytest.raises(TooManyTries, match=r"100 records within a day.*0 are left.*23 hours"):
        world.confirmed(draft_id="c", records=1)
    world.clock.advance(DAY - HOUR)
    world.confirmed(draft_id="d", records=60)
    with pytest.raises(TooManyTries):
        world.confirmed(draft_id="e", records=1)


def make(allowances: Allowances, name: str, job_id: str, records: int) -> None:
    with allowances.job(name, job_id, records, list):  # it is in no list any more
        pass


def test_who_deletes_a_job_gets_no_records_back() -> None:
    allowances = Allowances(clock=HandClock(), most=Most(records_per_day=10))
    make(allowances, "ann", "job_1_a", 10)

    with pytest.raises(TooManyTries):
        make(allowances, "ann", "job_1_b", 1)
    make(allowances, "bob", "job_1_c", 10)


def test_a_job_that_was_not_made_counts_nothing() -> None:
    allowances = Allowances(clock=HandClock(), most=Most(open_jobs=1, records_per_day=10))
    for _ in range(3):
        with pytest.raises(OSError, match="full"), allowances.job("ann", "job_1_a", 10, list):
            raise OSError("full")
    make(allowances, "ann", "job_1_a", 10)


def test_drafts_are_counted_over_an_hour() -> None:
    clock = HandClock()
    allowances = Allowances(clock=clock, most=Most(drafts_per_hour=3))
    for _ in range(3):
        allowances.draft("ann")
        clock.advance(600)

    with pytest.raises(TooManyTries, match=r"3 schemas within an hour.*30 minutes") as caught:
        allowances.draft("ann")
    assert caught.value.retry_after == 1800
    allowances.draft("bob")
    clock.advance(1800)
    allowances.draft("ann")


def test_tests_of_models_are_counted_apart_from_drafts() -> None:
    clock = HandClock()
    allowances = Allowances(clock=clock, most=Most(drafts_per_hour=1, model_tests_per_hour=2))
    allowances.draft("ann")
    allowances.model_test("ann")
    allowances.model_test("ann")
    with pytest.raises(TooManyTries, match=r"asked model servers 2 times.*60 minutes"):
        allowances.model_test("ann")
    allowances.model_test("bob")
    clock.advance(3600)
    allowances.model_test("ann")


def test_nought_is_no_bound() -> None:
    allowances = Allowances(clock=HandClock())
    for number in range(1000):
        allowances.draft("ann")
        make(allowances, "ann", f"job_{number}", 1_000_000)
