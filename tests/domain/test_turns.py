"""Whose turn it is after the press of a button."""

from __future__ import annotations

from datagen.domain.turns import Asked, Told, Turn


def pressed(part: str = "") -> Turn:
    turn = Turn()
    turn.asked(Asked(first=True, part=part, page="a"))
    return turn


def test_only_a_press_makes_others_wait() -> None:
    turn = Turn()
    turn.asked(Asked(by_hand=True))
    assert turn.click is None
    assert pressed().click is not None


def test_the_end_of_a_run_that_began_before_the_press_is_not_its_end() -> None:
    turn = pressed()
    turn.told(Told(ends=True))
    assert turn.click is not None
    turn.told(Told(ends=False, page="a"))
    turn.told(Told(ends=True))
    assert turn.click is None


def test_other_parts_of_a_page_begin_and_end_as_they_like() -> None:
    turn = pressed(part="box")
    for ends in (False, True):
        turn.told(Told(ends=ends, parts=frozenset({"clock"}), page="a"))
    assert turn.click is not None
    for ends in (False, True):
        turn.told(Told(ends=ends, parts=frozenset({"clock", "box"}), page="a"))
    assert turn.click is None


def test_all_of_a_page_is_each_of_its_parts() -> None:
    turn = pressed(part="box")
    for ends in (False, True):
        turn.told(Told(ends=ends, page="b"))
    assert turn.click is None
    assert turn.page == "b"
