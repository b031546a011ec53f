"""Settings of the earlier application: both forms, and whatever else lies there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from datagen.adapters.memory import MemoryStore
from datagen.domain.profiles import Profile, Profiles
from datagen.protocol.board import Board
from datagen.protocol.settings import (
    earlier_record,
    kept_record,
    load_kept,
    load_profiles,
    profile_record,
)
from tests import golden

GOLDEN = golden.vector("user_settings_users_index_session")["settings_raw"]
ONE = {"id": "a", "name": "A", "baseUrl": "https://a.example", "apiKey": "sk-a", "model": "m"}
LIMITS = ("requestsPerMinute", "tokensPerMinute", "maxInFlight", "polled")
NOW = datetime(2026, 11, 27, tzinfo=UTC)
FULL = Profile(
    id="f", name="Full", base_url="https://f.example", path="/v1/chat/completions", model="m",
    api_key="sealed1.x", dialect="openai", parameters={"top_p": 0.5}, requests_per_minute=1,
    tokens_per_minute=2, max_in_flight=3, polled=True, created_at=NOW, updated_at=NOW)
KEPT = Profiles(all=(FULL,), active_id="f", active_at=NOW, gone={"g": NOW})


def test_the_list_of_profiles_reads_as_it_was() -> None:
    first, second = (datetime(2026, 11, 22, 7, 21, 9, ms * 1000, UTC) for ms in (745, 813))
    assert load_profiles(GOLDEN) == Profiles(active_id="dbac9432dffe", all=(
        Profile(id="90840b5479c2", name="Prof A", base_url="https://api.example.com/v1",
                api_key="sk-PLAINTEXT-A", model="m-a", path="/chat/completions",
                created_at=first, updated_at=first),
        Profile(id="dbac9432dffe", name="Prof B", base_url="https://llm.example.org",
                api_key="sk-PLAINTEXT-B", model="m-b", path="/create_chat_completion",
                created_at=second, updated_at=second),
    ))


def test_the_older_form_is_the_one_profile_and_the_active_one() -> None:
    flat = {"baseUrl": "https://a.example/", "apiKey": "sk-a", "path": "/p", "model": "m"}
    assert load_profiles(json.dumps(flat)) == Profiles(active_id="default", all=(
        Profile(id="default", base_url="https://a.example", api_key="sk-a", path="/p",
                model="m"),))


@pytest.mark.parametrize("damaged", [
    None, 5, "x", [], {}, {**ONE, "id": 5}, {**ONE, "baseUrl": []}, {**ONE, "apiKey": {}},
    {**ONE, "apiKey": "k" * 20_000}, {**ONE, "baseUrl": "h" * 5_000},
    {**ONE, "requestsPerMinute": 0}, {**ONE, "tokensPerMinute": True}, {**ONE, "maxInFlight": -1},
    {**ONE, "maxInFlight": 1_025}, {**ONE, "tokensPerMinute": "many"},
])
def test_a_damaged_profile_costs_no_other(damaged: Any) -> None:
    found = load_profiles(json.dumps({"profiles": [damaged, ONE]}))
    assert [profile.id for profile in found.all] == ["a"]


@pytest.mark.parametrize("limits", [
    {}, {"requestsPerMinute": 60}, {"tokensPerMinute": 90_000, "maxInFlight": 4},
    {"requestsPerMinute": 1, "tokensPerMinute": 1, "maxInFlight": 1_024, "polled": True},
])
def test_the_limits_of_a_profile_read_as_they_were_written(limits: dict[str, Any]) -> None:
    (found,) = load_profiles(json.dumps({"profiles": [{**ONE, **limits}]})).all
    record = profile_record(found)
    assert {name: record[name] for name in LIMITS if name in record} == limits


def test_no_more_than_a_hundred_profiles_are_read() -> None:
    assert len(load_profiles(json.dumps({"profiles": [ONE] * 500})).all) == 100


@pytest.mark.parametrize("text", ["", "[]", "null", '{"profiles":5}', "[" * 5_000, "x" * 300_000])
def test_a_value_that_is_no_settings_is_none_and_counted(text: str) -> None:
    store = MemoryStore()
    store.set("datagen:user:ann:settings", text)
    board = Board(store)
    assert board.earlier_profiles("ann") == Profiles()
    assert board._foreign.counts() == {"datagen:user:*:settings": 1}
    assert board.earlier_profiles("bob") == Profiles()


def test_what_we_keep_reads_as_it_was_written() -> None:
    assert load_kept("ann", json.dumps(kept_record("ann", KEPT))) == KEPT
    bare = Profiles(all=(Profile(id="b", base_url="https://b.example", api_key=None),))
    assert load_kept("ann", json.dumps(kept_record("ann", bare))) == bare


@pytest.mark.parametrize("damaged", [
    {"owner": "bob"}, {"owner": None}, {"gone": [{"id": 5}]}, {"gone": "x"}, {"activeAt": 5},
    {"profiles": "x"},
])
def test_what_somebody_else_kept_or_damaged_is_not_taken(damaged: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        load_kept("ann", json.dumps({**kept_record("ann", KEPT), **damaged}))


def test_the_earlier_application_reads_our_profiles_and_no_key() -> None:
    shown = earlier_record(KEPT)
    assert shown == {"activeProfileId": "f", "profiles": [{
        "id": "f", "name": "Full", "baseUrl": "https://f.example", "model": "m",
        "path": "/v1/chat/completions", "createdAt": "2026-11-27T00:00:00.000Z",
        "updatedAt": "2026-11-27T00:00:00.000Z"}]}
    assert load_profiles(json.dumps(shown)).all[0].api_key is None
