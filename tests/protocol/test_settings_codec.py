"""Settings of the earlier application: both forms, and whatever else lies there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datagen.adapters.memory import MemoryStore
from datagen.domain.profiles import Profile, Profiles
from datagen.protocol.board import Board
from datagen.protocol.settings import limit_record, load_profiles
from tests import golden

GOLDEN = golden.vector("user_settings_users_index_session")["settings_raw"]
ONE = {"id": "a", "name": "A", "baseUrl": "https://a.example", "apiKey": "sk-a", "model": "m"}


def test_the_list_of_profiles_reads_as_it_was() -> None:
    assert load_profiles(GOLDEN) == Profiles(active_id="dbac9432dffe", all=(
        Profile(id="90840b5479c2", base_url="https://api.example.com/v1",
                api_key="sk-PLAINTEXT-A"),
        Profile(id="dbac9432dffe", base_url="https://llm.example.org",
                api_key="sk-PLAINTEXT-B"),
    ))


def test_the_older_form_is_a_profile_without_an_id() -> None:
    flat = {"baseUrl": "https://a.example", "apiKey": "sk-a", "path": "/p", "model": "m"}
    assert load_profiles(json.dumps(flat)) == Profiles(all=(
        Profile(id=None, base_url="https://a.example", api_key="sk-a"),))


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
    assert limit_record(found) == limits


def test_no_more_than_a_hundred_profiles_are_read() -> None:
    assert len(load_profiles(json.dumps({"profiles": [ONE] * 500})).all) == 100


@pytest.mark.parametrize("text", ["", "[]", "null", '{"profiles":5}', "[" * 5_000, "x" * 300_000])
def test_a_value_that_is_no_settings_is_none_and_counted(text: str) -> None:
    store = MemoryStore()
    store.set("datagen:user:ann:settings", text)
    board = Board(store)
    assert board.profiles("ann") == Profiles()
    assert board._foreign.counts() == {"datagen:user:*:settings": 1}
    assert board.profiles("bob") == Profiles()
