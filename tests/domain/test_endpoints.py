"""Where the calls of a job with a model profile go, and which key goes along."""

from __future__ import annotations

from dataclasses import replace

import pytest

from datagen.domain.chat import Endpoint, Limits
from datagen.domain.endpoints import endpoint_for
from datagen.domain.errors import Conflict
from datagen.domain.jobs import Inference
from datagen.domain.profiles import Profile, Profiles

OWN = Endpoint(base_url="https://own.example", path="/create_chat_completion", api_key="own-key")
A = Profile(id="a", base_url="https://api.example.com/v1", api_key="key-a")
B = Profile(id="b", base_url="https://llm.example.org", api_key="key-b")
FLAT = Profile(id="default", base_url="https://flat.example", api_key="key-flat")
BOTH = Profiles(all=(A, B), active_id="b")
ASKED = Inference(base_url="https://api.example.com/v1", path="/chat/completions", model="m",
                  use_external_api=True, profile_id="a")


def test_the_key_of_the_chosen_profile_goes_to_its_own_server() -> None:
    endpoint = endpoint_for(ASKED, OWN, BOTH)
    assert (endpoint.base_url, endpoint.path, endpoint.model) == (
        ASKED.base_url, ASKED.path, "m")
    assert (endpoint.api_key, endpoint.key_url, endpoint.dialect) == ("key-a", A.base_url, "openai")


def test_the_limits_of_the_chosen_profile_go_along() -> None:
    limited = replace(A, requests_per_minute=60, tokens_per_minute=9_000, max_in_flight=3,
                      polled=True)
    endpoint = endpoint_for(ASKED, OWN, Profiles(all=(limited,)))
    assert endpoint.limits == Limits(
        requests_per_minute=60, tokens_per_minute=9_000, max_in_flight=3)
    assert endpoint.polled


def test_a_profile_may_have_no_key() -> None:
    assert endpoint_for(ASKED, OWN, Profiles(all=(replace(A, api_key=None),))).api_key is None


def test_of_two_for_one_server_the_chosen_one_is_taken() -> None:
    other = replace(A, id="z", api_key="key-z")
    assert endpoint_for(ASKED, OWN, Profiles(all=(other, A))).api_key == "key-a"


def test_one_that_was_made_again_for_that_server_stands_in() -> None:
    again = replace(A, id="new", api_key="key-new")
    assert endpoint_for(ASKED, OWN, Profiles(all=(B, again))).api_key == "key-new"


@pytest.mark.parametrize("profiles", [
    Profiles(), Profiles(all=(B,)), Profiles(all=(FLAT,)),
    Profiles(all=(replace(A, base_url="https://api.example.com.evil.test/v1"),)),
    Profiles(all=(replace(A, base_url="http://api.example.com/v1"),)),
    Profiles(all=(replace(A, base_url=""),)),
])
def test_without_a_profile_for_that_server_it_waits_and_says_what_to_do(
    profiles: Profiles
) -> None:
    with pytest.raises(Conflict, match=r"has none for the server https://api\.example\.com/v1 any"
                                       r" more\. Add one, or cancel"):
        endpoint_for(ASKED, OWN, profiles)


def test_the_older_form_has_one_server_without_an_id() -> None:
    asked = replace(ASKED, base_url="https://flat.example", profile_id=None)
    assert endpoint_for(asked, OWN, Profiles(all=(FLAT,))).api_key == "key-flat"
    assert endpoint_for(replace(asked, profile_id="x"), OWN, Profiles(all=(FLAT,))).api_key == \
        "key-flat"


def test_a_job_that_named_no_profile_does_without_a_key() -> None:
    asked = replace(ASKED, base_url="https://elsewhere.example", profile_id=None)
    endpoint = endpoint_for(asked, OWN, BOTH)
    assert (endpoint.base_url, endpoint.api_key) == ("https://elsewhere.example", None)


def test_no_repr_shows_a_key() -> None:
    assert "key-" not in repr(BOTH)
    assert "key-" not in repr(endpoint_for(ASKED, OWN, BOTH))


def test_a_key_that_cannot_be_read_any_more_is_asked_for_again() -> None:
    locked = replace(A, name="Mine", api_key=None, is_locked=True)
    with pytest.raises(Conflict, match=r"profile Mine can't be read any more.*Enter it again"):
        endpoint_for(ASKED, OWN, Profiles(all=(locked,)))


def test_the_dialect_is_the_one_that_was_chosen_with_the_profile() -> None:
    assert endpoint_for(replace(ASKED, dialect="ratio1"), OWN, BOTH).dialect == "ratio1"
