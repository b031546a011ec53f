"""What this peer said is said again: soon, then ever more rarely, and at once where it helps."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.protocol import keys
from datagen.protocol.said import (
    FIRST_PAUSE,
    KEPT,
    LONGEST_PAUSE,
    OPEN_PAUSE,
    Place,
    Said,
)

JOB_ID = "job_1_aaaaaa"
ENTRY = Place(hkey=keys.JOBS, field=JOB_ID)
STATE = Place(hkey=keys.job_peers(JOB_ID), field="local")
WORD = Place(hkey=keys.job_control(JOB_ID), field="local")


class Disk:
    """What outlives a start of the worker."""

    def __init__(self) -> None:
        self.desk, self.clock = MemoryStore(), HandClock()

    def start(self) -> Said:
        return Said(desk=self.desk, clock=self.clock)


@pytest.fixture
def disk() -> Disk:
    return Disk()


def due(said: Said, open_jobs: Collection[str] = ()) -> list[Place]:
    return list(said.due(open_jobs))


def times_said(
    disk: Disk, said: Said, seconds: float, open_jobs: Collection[str] = ()
) -> list[float]:
    """When the last word is written again, looked at every second."""
    found, start = [], disk.clock.monotonic()
    while disk.clock.monotonic() - start < seconds:
        disk.clock.advance(1.0)
        for place in due(said, open_jobs):
            said.was_said(place)
            found.append(disk.clock.monotonic() - start)
    return found


def test_the_last_word_is_kept_on_the_disk_before_it_is_written(disk: Disk) -> None:
    said = disk.start()
    assert said.is_empty()
    said.keep(STATE, {"n": 1})
    said.keep(STATE, {"n": 2})
    for one in (said, disk.start()):
        assert not one.is_empty()
        assert one.record(STATE) == {"n": 2}
        assert one.record(WORD) is None


def test_it_is_due_after_a_moment_and_then_after_pauses_that_double(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {})
    assert due(said) == []
    assert times_said(disk, said, 1_000) == [
        FIRST_PAUSE, FIRST_PAUSE * 3, FIRST_PAUSE * 7, FIRST_PAUSE * 15, FIRST_PAUSE * 31]


def test_while_its_job_is_open_it_is_said_every_minute(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {})
    times = times_said(disk, said, 1_000, open_jobs={JOB_ID})
    assert times[0] == FIRST_PAUSE
    assert max(later - one for one, later in pairwise(times)) <= OPEN_PAUSE
    assert len(times) <= 1_000 / OPEN_PAUSE + 3


def test_the_pauses_of_an_open_job_tell_at_its_end_how_well_known_it_is(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {})
    times_said(disk, said, 1_000, open_jobs={JOB_ID})
    assert len(times_said(disk, said, 1_000)) <= 1


def test_no_pause_is_longer_than_a_day(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {})
    for _ in range(40):
        said.was_said(STATE)
    disk.clock.advance(LONGEST_PAUSE)
    assert due(said) == [STATE]


def test_a_new_word_begins_anew(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {"n": 1})
    for _ in range(10):
        said.was_said(STATE)
    said.keep(STATE, {"n": 2})
    disk.clock.advance(FIRST_PAUSE)
    assert due(said) == [STATE]


def test_the_newest_goes_first(disk: Disk) -> None:
    said = disk.start()
    for place in (ENTRY, STATE, WORD, ENTRY):
        said.keep(place, {})
    disk.clock.advance(FIRST_PAUSE)
    assert due(said) == [ENTRY, WORD, STATE]
    assert due(disk.start()) == [ENTRY, WORD, STATE]


def test_after_a_start_all_is_said_at_once(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {})
    for _ in range(20):
        said.was_said(STATE)
    assert due(said) == []
    again = disk.start()
    assert due(again) == [STATE]
    again.was_said(STATE)
    assert due(again) == []


def test_what_somebody_may_have_missed_is_said_at_once_and_soon_again(disk: Disk) -> None:
    said = disk.start()
    for place in (ENTRY, STATE):
        said.keep(place, {})
        for _ in range(20):
            said.was_said(place)
    said.at_once(lambda place: place == ENTRY)
    assert due(said) == [ENTRY]
    said.was_said(ENTRY)
    disk.clock.advance(2 * FIRST_PAUSE)
    assert due(said) == [ENTRY]
    said.at_once()
    assert set(due(said)) == {ENTRY, STATE}


def test_after_a_week_it_is_forgotten_unless_its_job_is_open(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {})
    disk.clock.advance(KEPT.total_seconds() + 1)
    assert due(said, open_jobs={JOB_ID}) == [STATE]
    assert due(said) == []
    assert said.is_empty()
    assert disk.desk.notes(keys.DESK_SAID) == {}


def test_the_week_goes_on_through_starts(disk: Disk) -> None:
    disk.start().keep(STATE, {})
    disk.clock.advance(KEPT.total_seconds() - 10)
    said = disk.start()
    assert due(said) == [STATE]
    disk.clock.advance(20)
    assert due(said) == []


def test_a_field_that_was_removed_is_not_said_again(disk: Disk) -> None:
    said = disk.start()
    said.keep(STATE, {})
    said.forget(STATE)
    said.forget(WORD)  # of which nothing was said
    said.was_said(STATE)
    disk.clock.advance(FIRST_PAUSE)
    assert due(said) == due(disk.start()) == []
    assert said.record(STATE) is None


def test_it_knows_which_jobs_entries_are_its_own(disk: Disk) -> None:
    said = disk.start()
    for place in (STATE, WORD, Place(hkey=keys.user_jobs("ada"), field="job_2_b"), ENTRY):
        said.keep(place, {})
    assert said.jobs() == {JOB_ID}


@pytest.mark.parametrize("text", ["", "?", "[]", "{}", '{"at":5,"record":{}}', '{"record":{}}'])
def test_a_note_that_is_damaged_costs_that_word_alone(
    disk: Disk, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk.start().keep(WORD, {"n": 1})
    disk.desk.keep(keys.DESK_SAID, f"{STATE.hkey}\n{STATE.field}", text)
    said = disk.start()
    assert due(said) == [WORD]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    said.keep(STATE, {"n": 2})
    assert said.record(STATE) == {"n": 2}


@pytest.mark.parametrize("text", ["?", "[]", "{}", '{"at":"2026-01-01T00:00:00.000Z","record":5}'])
def test_a_record_that_is_none_is_no_last_word(disk: Disk, text: str) -> None:
    disk.desk.keep(keys.DESK_SAID, f"{STATE.hkey}\n{STATE.field}", text)
    assert disk.start().record(STATE) is None


@given(st.lists(st.tuples(st.sampled_from([ENTRY, STATE, WORD]),
                          st.sampled_from(["keep", "say", "forget", "start", "wait"]),
                          st.integers(0, 400)), max_size=30))
def test_whatever_happens_every_last_word_is_said_again_in_time(
    acts: list[tuple[Place, str, int]]
) -> None:
    disk = Disk()
    said, known = disk.start(), dict[Place, int]()
    for place, act, number in acts:
        if act == "keep":
            said.keep(place, {"n": number})
            known[place] = number
        elif act == "say":
            said.was_said(place)
        elif act == "forget":
            said.forget(place)
            known.pop(place, None)
        elif act == "start":
            said = disk.start()
        else:
            disk.clock.advance(number)
    disk.clock.advance(OPEN_PAUSE)
    assert set(due(said, open_jobs={JOB_ID})) == set(known)
    assert {place: said.record(place) for place in known} == {
        place: {"n": number} for place, number in known.items()}


def test_the_job_a_field_is_about_is_told_by_its_place() -> None:
    assert {place.job_id for place in (ENTRY, STATE, WORD)} == {JOB_ID}
    assert Place(hkey=keys.user_jobs("ada"), field=JOB_ID).job_id == JOB_ID


def test_what_is_kept_says_when_it_was_said(disk: Disk) -> None:
    """An earlier start of another version must be able to tell how old it is."""
    disk.start().keep(STATE, {"n": 1})
    (text,) = disk.desk.notes(keys.DESK_SAID).values()
    assert text == '{"at":"2026-01-01T00:00:00.000Z","record":{"n":1}}'
    assert timedelta(days=7) == KEPT
