"""The growing set of ended sessions: what is kept, what a beat has room for."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.revoked import (
    MAX_TOLD,
    Revoked,
    load_revoked,
    mark_of,
    revoked_record,
    worth_telling,
)
from datagen.protocol.seal import Seal

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=7)


def marks(count: int) -> dict[str, datetime]:
    return {f"{number:024x}": LATER for number in range(count)}


@pytest.fixture
def desk() -> MemoryStore:
    return MemoryStore()


def test_a_set_survives_its_process_and_forgets_what_is_over(desk: MemoryStore) -> None:
    clock = HandClock(NOW)
    Revoked(desk=desk, clock=clock).add("a" * 24, NOW + timedelta(hours=1))
    Revoked(desk=desk, clock=clock).add("b" * 24, LATER)

    restarted = Revoked(desk=desk, clock=clock)
    assert list(restarted.known()) == ["a" * 24, "b" * 24]
    clock.advance(3600)
    assert restarted.known() == {"b" * 24: LATER}
    assert list(desk.notes(keys.DESK_REVOKED)) == ["b" * 24]


def test_a_session_that_an_older_version_ended_stays_ended(desk: MemoryStore) -> None:
    whole_hash = "0123456789abcdef" * 4
    desk.put_once(keys.DESK_REVOKED, whole_hash, "2026-12-08T12:00:00.000Z")

    assert Revoked(desk=desk, clock=HandClock(NOW)).known() == {mark_of(whole_hash): LATER}


def test_a_note_that_can_not_be_read_is_told_once(
    desk: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    revoked = Revoked(desk=desk, clock=HandClock(NOW))
    desk.put_once(keys.DESK_REVOKED, "a" * 24, "tomorrow")
    with caplog.at_level(logging.ERROR):
        assert [revoked.known(), revoked.known()] == [{}, {}]
    assert len(caplog.records) == 1


def test_a_session_without_an_end_in_sight_can_be_ended(desk: MemoryStore) -> None:
    revoked = Revoked(desk=desk, clock=HandClock(NOW))
    revoked.add("a" * 24, datetime(9998, 1, 1, tzinfo=UTC))

    known = revoked.known()
    assert load_revoked(revoked_record(known)) == known != {}


def test_a_beat_that_is_full_stays_below_16_kb_and_reads_as_it_was() -> None:
    store = MemoryStore()
    board = Board(store, seal=Seal("secret"))
    full = worth_telling(marks(10_000), 7)
    board.begin(1_800_000_000_000)
    board.beat(Beat(peer_id="0xai_" + "A" * 60, seq=10**6, version="10.20.30", at=NOW,
                    revoked=full))

    (text,) = store.hgetall(keys.PEERS).values()
    (beat,) = board.beats().values()
    assert len(full) == MAX_TOLD
    assert len(text.encode()) < 16_000
    assert beat.revoked == full


def test_the_newest_are_in_every_beat_and_all_others_in_some() -> None:
    known = marks(MAX_TOLD * 3 + 7)
    beats = [worth_telling(known, turn) for turn in range(5, 12)]

    newest = list(known)[-MAX_TOLD // 2:]
    assert all(set(newest) <= set(beat) for beat in beats)
    assert set().union(*beats) == set(known)
    assert {len(beat) for beat in beats} == {MAX_TOLD}
    assert worth_telling(marks(MAX_TOLD), 5) == marks(MAX_TOLD)


@pytest.mark.parametrize("said", [
    [], "x", {"short": 1}, {"A" * 24: 1}, {"a" * 64: 1}, {"a" * 24: -1}, {"a" * 24: True},
    {"a" * 24: 1.5}, {"a" * 24: "2026"}, {"a" * 24: 10**12}, {"a" * 24: None},
])
def test_what_is_no_set_of_ended_sessions_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match=r"revoked|session"):
        load_revoked(said)
