"""How long nothing changed, in time that was looked at."""

from __future__ import annotations

import pytest

from datagen.engine.stillness import LONGEST, Stillness


def test_it_grows_while_the_mark_stays_the_same() -> None:
    still = Stillness()
    assert [still.of("thing", "mark", now) for now in (100.0, 110.0, 125.0)] == [0.0, 10.0, 25.0]


def test_whatever_changes_begins_anew() -> None:
    still = Stillness()
    still.of("thing", (1, 0), 0.0)
    assert still.of("thing", (2, 0), 50.0) == 0.0
    assert still.of("thing", (2, 0), 60.0) == 10.0
    assert still.of("thing", (1, 0), 70.0) == 0.0  # back is a change as well


def test_time_in_which_nobody_looked_hardly_counts() -> None:
    """Who could not read the store for an hour knows nothing of that hour."""
    still = Stillness()
    still.of("thing", "mark", 0.0)
    assert still.of("thing", "mark", 3_600.0) == LONGEST
    assert still.of("thing", "mark", 3_610.0) == LONGEST + 10.0


def test_each_thing_has_its_own() -> None:
    still = Stillness()
    still.of("one", "mark", 0.0)
    assert still.of("other", "mark", 15.0) == 0.0
    assert still.of("one", "mark", 15.0) == 15.0


@pytest.mark.parametrize("mark", [None, (), frozenset({1})])
def test_any_mark_will_do_none_as_well(mark: object) -> None:
    still = Stillness()
    still.of("thing", mark, 0.0)
    assert still.of("thing", mark, 5.0) == 5.0


def test_of_what_is_forgotten_everything_begins_anew_and_nothing_else_does() -> None:
    still = Stillness()
    names = [("job_1", 0, "a"), ("job_1", "votes"), ("job_2", 0, "a"), "job_1"]
    for name in names:
        still.of(name, "mark", 0.0)
    still.forget("job_1")
    assert [still.of(name, "mark", 10.0) for name in names] == [0.0, 0.0, 10.0, 10.0]
