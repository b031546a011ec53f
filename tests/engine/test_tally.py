"""The PeerState a share reports: right counts, bounded size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from datagen.adapters.clock import HandClock
from datagen.domain.jobs import MAX_COERCED, MAX_IN_FLIGHT, PeerState, Share
from datagen.domain.usage import Usage
from datagen.engine.journal import Journal, failed_line, ok_line
from datagen.engine.tally import MAX_MESSAGE, OTHER_FIELDS, Tally, clip
from datagen.protocol.codec import peer_record
from datagen.protocol.fields import dumps

SHARE = Share(start=0, end=100)


@pytest.fixture
def journal(tmp_path: Path):
    opened = Journal(tmp_path / "j", SHARE)
    yield opened
    opened.close()


def tally_of(
    journal: Journal, before: PeerState | None = None, clock: HandClock | None = None
) -> Tally:
    return Tally(peer_id="p", owner="ada", share=SHARE, journal=journal, clock=clock or HandClock(),
                 before=before)


def test_counts_come_from_the_journal(journal: Journal) -> None:
    journal.append(ok_line(0, {}))
    journal.append(failed_line(1, "No.", ""))
    tally = tally_of(journal)

    state = tally.state()

    assert (state.generated_ok, state.generated_failed) == (1, 1)
    assert [(e.index, e.message) for e in state.errors] == [(1, "No.")]


def test_after_a_restart_start_calls_and_tokens_go_on(journal: Journal) -> None:
    clock = HandClock()
    before = PeerState(peer_id="p", share=SHARE, started_at=clock.now(), trouble="old", usage=Usage(
        calls=7, attempts=6, prompt_tokens=10, completion_tokens=5, working_ms=300))
    clock.advance(60)
    tally = tally_of(journal, before)
    tally.counts.called(0.0)
    tally.counts.ended(0.5)
    tally.counts.answered(1, 2, 2)

    state = tally.state()

    assert state.started_at == before.started_at
    assert state.usage == Usage(calls=8, attempts=7, prompt_tokens=11, completion_tokens=7,
                                estimated_tokens=2, working_ms=800)
    assert state.trouble is None


def test_a_record_is_in_flight_only_while_its_call_lasts(journal: Journal) -> None:
    clock = HandClock()
    tally = tally_of(journal, clock=clock)
    tally.allowed = lambda: 7
    tally.begin(4, 2)
    clock.advance(30)
    state = tally.state()
    (call,) = state.in_flight
    assert (call.index, call.attempt) == (4, 2)
    assert state.last_update_at is not None
    assert (state.last_update_at - call.started_at).total_seconds() == 30
    assert (state.under_way, state.allowed) == (1, 7)
    tally.end(4)
    assert tally.state().in_flight == ()


def test_of_many_calls_those_that_wait_longest_are_shown_and_all_are_counted(
    journal: Journal
) -> None:
    clock = HandClock()
    tally = tally_of(journal, clock=clock)
    for index in reversed(range(90)):
        tally.begin(index, 1)
        clock.advance(1)
    state = tally.state()
    assert [call.index for call in state.in_flight] == list(range(89, 89 - MAX_IN_FLIGHT, -1))
    assert state.under_way == 90


@pytest.mark.parametrize("char", ["x", "é", "語", "\x00", "😀", '"', "\ud800"])
def test_the_state_stays_below_16_kb_whatever_the_messages_hold(
    journal: Journal, char: str
) -> None:
    for index in range(30):
        journal.append(failed_line(index, char * 5_000, ""))
    tally = tally_of(journal)
    tally.trouble("model", char * 5_000)
    for index in range(90):
        tally.begin(index, 1)
    tally.recorded([f"{number}{char * 500}" for number in range(50)])

    text = dumps(peer_record(replace(tally.state(), result_cid="f" * 64, errors_cid="e" * 64)))

    assert len(text.encode()) < 16_000
    assert len(tally.state().errors) == 20


def test_a_short_message_stays_as_it_is_and_a_long_one_shows_that_it_was_cut() -> None:
    assert clip("Too short.") == "Too short."
    assert clip("a" * 1000) == "a" * (MAX_MESSAGE - 1) + "…"


def test_the_end_of_one_trouble_leaves_the_other(journal: Journal) -> None:
    tally = tally_of(journal)
    tally.trouble("model", "No answer.")
    tally.trouble("disk", "Full.")
    tally.trouble("model", None)
    assert tally.state().trouble == "Full."


def test_converted_values_are_counted_by_field_and_go_on_after_a_restart(
    journal: Journal,
) -> None:
    before = PeerState(peer_id="p", share=SHARE, coerced={"price": 2, OTHER_FIELDS: 1})
    tally = tally_of(journal, before)
    tally.recorded(["price", "items[].id", "items[].id", "items[].id"])
    assert tally.state().coerced == {"price": 3, "items[].id": 3, OTHER_FIELDS: 1}


def test_many_fields_with_converted_values_are_told_apart_up_to_a_bound(journal: Journal) -> None:
    tally = tally_of(journal)
    for number in range(40):
        tally.recorded([f"f{number}"] * (number + 1))
    shown = tally.state().coerced
    assert len(shown) == MAX_COERCED
    assert list(shown)[:2] == ["f39", "f38"]
    assert sum(shown.values()) == sum(range(41))
