"""What every Desk does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from datagen.ports import Desk


def test_the_first_value_of_a_key_stands(desk: Desk) -> None:
    assert desk.put_once("jobs", "draft", "first") == "first"
    assert desk.put_once("jobs", "draft", "second") == "first"
    assert desk.notes("jobs") == {"draft": "first"}


def test_a_topic_without_notes_is_empty(desk: Desk) -> None:
    assert desk.notes("jobs") == {}


def test_notes_come_oldest_first(desk: Desk) -> None:
    for key in ("m", "z", "a"):
        desk.put_once("jobs", key, key.upper())
    desk.put_once("jobs", "m", "again")
    assert list(desk.notes("jobs")) == ["m", "z", "a"]


def test_what_is_kept_stands_in_place_of_what_was_and_is_the_newest(desk: Desk) -> None:
    for key in ("a", "b"):
        desk.keep("said", key, "first")
    desk.keep("said", "a", "second")
    assert list(desk.notes("said").items()) == [("b", "first"), ("a", "second")]
    assert (desk.note("said", "a"), desk.note("said", "c")) == ("second", None)


def test_topics_do_not_mix(desk: Desk) -> None:
    desk.put_once("jobs", "key", "job")
    desk.put_once("revoked", "key", "session")
    desk.drop("jobs", "key")
    assert desk.notes("jobs") == {}
    assert desk.notes("revoked") == {"key": "session"}


def test_a_dropped_note_may_be_put_again_and_is_then_the_newest(desk: Desk) -> None:
    desk.put_once("jobs", "a", "1")
    desk.put_once("jobs", "b", "2")
    desk.drop("jobs", "a")
    assert desk.put_once("jobs", "a", "3") == "3"
    assert list(desk.notes("jobs").items()) == [("b", "2"), ("a", "3")]


def test_dropping_what_is_absent_is_no_error(desk: Desk) -> None:
    desk.drop("jobs", "nothing")
    assert desk.notes("jobs") == {}


def test_of_many_at_once_one_wins_and_all_learn_who(desk: Desk) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda n: desk.put_once("jobs", "key", str(n)), range(40)))
    assert answers == set(desk.notes("jobs").values())
    assert len(answers) == 1
