"""What replicas say of a job beside their shares, as it is stored: requests, votes, editions."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.asked import NOTHING, Asked, Rename, Request
from datagen.domain.editions import Vote, Word
from datagen.domain.jobs import MAX_RECORDS, PEER_ID, Edition
from datagen.domain.users import USER_NAME
from datagen.protocol.fields import dumps
from datagen.protocol.words import (
    asked_record,
    edition_record,
    load_asked,
    load_edition,
    load_request,
    load_word,
    request_record,
    word_record,
)

AT = "2026-01-01T00:00:00.000Z"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EDITION = Edition(round=1, by="p1", status="failed", ok=3, failed=1, manifest_cid="m1",
                  sha256="0f" * 32, started_at=NOW, finished_at=NOW, error="Cancelled by ann.",
                  cancelled_at=NOW, cancelled_by="ann", forced=True)
WORD = Word(peer_id="p1", asked=Asked(retry=Request(at=NOW, by="ann", round=1)), ended=EDITION,
            vote=Vote(round=1, promised=7, ballot=4, taken=EDITION))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNTS = st.integers(0, 2**53 - 1)
TIMES = st.integers(0, 32_503_679_999_999).map(  # until the end of the year 2999
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
REQUESTS = st.none() | st.builds(
    Request, at=TIMES, by=st.from_regex(USER_NAME, fullmatch=True), round=COUNTS)
RENAMES = st.none() | st.builds(
    Rename, at=TIMES, by=st.from_regex(USER_NAME, fullmatch=True), title=TEXTS)
EDITIONS = st.builds(
    Edition, round=COUNTS, by=st.from_regex(PEER_ID, fullmatch=True), forced=st.booleans(),
    status=st.sampled_from(["succeeded", "failed"]), ok=st.integers(0, MAX_RECORDS),
    failed=st.integers(0, MAX_RECORDS), manifest_cid=st.text("abcXYZ019_-", min_size=1),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64), started_at=st.none() | TIMES,
    finished_at=TIMES, error=st.none() | TEXTS, cancelled_at=st.none() | TIMES,
    cancelled_by=st.none() | TEXTS,
)


@st.composite
def words(draw: st.DrawFn) -> Word:
    """Any that a worker could say: a vote is for an edition of its own round."""
    number, taken = draw(COUNTS), draw(st.none() | EDITIONS)
    vote = Vote(round=number, promised=draw(COUNTS), ballot=draw(COUNTS),
                taken=taken and replace(taken, round=number))
    return Word(
        peer_id=draw(st.from_regex(PEER_ID, fullmatch=True)), ended=draw(st.none() | EDITIONS),
        asked=Asked(**{field.name: draw(RENAMES if field.name == "rename" else REQUESTS)
                       for field in fields(Asked)}),
        vote=draw(st.sampled_from([None, vote])),
    )


@given(words(), COUNTS, COUNTS)
def test_a_word_comes_back_as_it_was(word: Word, inc: int, rev: int) -> None:
    stored = dumps({**word_record(word), "inc": inc, "rev": rev})
    assert load_word(stored) == replace(word, inc=inc, rev=rev)


def test_what_was_said_before_rounds_were_counted_is_of_the_first() -> None:
    said = dumps({"peerId": "p1", "cancel": {"at": AT, "by": "ann"}})
    assert load_word(said) == Word(peer_id="p1", asked=Asked(cancel=Request(at=NOW, by="ann")))


def test_who_has_nothing_to_say_writes_no_more_than_who_it_is() -> None:
    assert word_record(Word(peer_id="p1")) == {"peerId": "p1"}
    assert asked_record(NOTHING) == {}
    assert load_asked({}) == NOTHING


def test_what_a_newer_version_adds_is_passed_over() -> None:
    assert load_word(dumps(word_record(WORD) | {"echo": {"p2": 5}})) == WORD


def without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


@pytest.mark.parametrize("name", [
    "round", "by", "status", "ok", "failed", "manifestCid", "sha256", "finishedAt"])
def test_an_edition_that_lacks_what_decides_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_edition(without(edition_record(EDITION), name))


@pytest.mark.parametrize(("name", "value"), [
    ("round", -1), ("round", True), ("by", "../x"), ("status", "running"), ("status", ["failed"]),
    ("ok", MAX_RECORDS + 1), ("failed", -1), ("manifestCid", "../../etc/passwd"),
    ("manifestCid", ""), ("sha256", "0" * 63), ("sha256", "Z" * 64), ("finishedAt", "soon"),
    ("startedAt", 5), ("error", 5), ("cancelledAt", "x"), ("cancelledBy", "x" * 1_001),
])
def test_an_edition_with_a_hostile_field_is_a_value_error(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_edition({**edition_record(EDITION), name: value})


@pytest.mark.parametrize("value", ["yes", 1, None, {}])
def test_only_true_says_that_a_person_closed_the_round(value: object) -> None:
    assert not load_edition({**edition_record(EDITION), "forced": value}).forced


def test_a_vote_for_an_edition_of_another_round_is_a_value_error() -> None:
    record = word_record(WORD)
    record["vote"]["taken"]["round"] = 0
    with pytest.raises(ValueError, match="another round"):
        load_word(dumps(record))


@pytest.mark.parametrize("name", ["round", "promised", "ballot"])
@pytest.mark.parametrize("value", [None, -1, "1", 1.5, True, 2**53])
def test_a_vote_without_a_number_is_a_value_error(name: str, value: object) -> None:
    record = word_record(WORD)
    record["vote"][name] = value
    with pytest.raises(ValueError, match="count"):
        load_word(dumps(record))


HOSTILE: list[Any] = [
    True, -1, 1.5, "", "x", [], ["x"], {}, {"a": 1}, "\ud800", {"at": AT, "by": "x" * 65},
    {"at": 5, "by": "ann"}, {"at": AT}, {"at": AT, "by": "ann", "round": -1},
    {"at": AT, "by": "ann", "round": "1"}, {"at": AT, "by": "../x"},
]


@pytest.mark.parametrize("name", [
    "peerId", "cancel", "retry", "close", "delete", "vote", "ended"])
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:30])
def test_a_hostile_field_makes_the_whole_word_a_value_error(name: str, value: object) -> None:
    if name != "peerId" or value != "x":
        with pytest.raises(ValueError, match=r"."):
            load_word(json.dumps({**word_record(WORD), name: value}))


@pytest.mark.parametrize("value", [None, 5, "x", [], [1]])
def test_what_is_no_object_is_neither_a_request_nor_a_collection_of_them(value: object) -> None:
    for load in (load_request, load_asked, load_edition):
        with pytest.raises(ValueError, match="not a"):
            load(value)


def test_a_request_of_the_first_round_is_written_as_before_there_were_rounds() -> None:
    assert request_record(Request(at=NOW, by="ann")) == {"at": AT, "by": "ann"}
    assert request_record(Request(at=NOW, by="ann", round=2))["round"] == 2
