"""What a person says of a model server, judged field by field."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from datagen.domain.errors import InputError
from datagen.domain.profile_requests import ProfileRequest, check

GOOD = ProfileRequest(base_url=" https://llm.example/v1/ ", path=" /chat/completions ", model=" ",
                      api_key="sk-1", parameters={"top_p": 0.9, "seed": None})
PATH = "/create_chat_completion"


def test_a_good_one_comes_back_trimmed_and_named_after_its_host() -> None:
    found = check(GOOD, default_path=PATH)
    assert (found.base_url, found.path, found.model, found.name) == (
        "https://llm.example/v1", "/chat/completions", None, "llm.example")
    assert found.parameters == {"top_p": 0.9}
    assert check(replace(GOOD, name=" Mine "), default_path=PATH).name == "Mine"


@pytest.mark.parametrize(("changes", "field"), [
    ({"base_url": ""}, "baseUrl"), ({"base_url": "llm.example"}, "baseUrl"),
    ({"base_url": 5}, "baseUrl"), ({"base_url": "https://" + "h" * 200}, "baseUrl"),
    ({"base_url": "http://127.0.0.1:8000"}, "baseUrl"), ({"base_url": "http://[::1]"}, "baseUrl"),
    ({"base_url": "http://llm.example:22"}, "baseUrl"),
    ({"base_url": "https://llm.example/v1/chat/completions"}, "baseUrl"),
    ({"base_url": f"https://llm.example{PATH}", "path": None}, "baseUrl"),
    ({"path": "chat"}, "path"), ({"path": "/a?b"}, "path"), ({"path": "//x"}, "path"),
    ({"path": "/\r\nX: y"}, "path"), ({"path": 5}, "path"),
    ({"name": "n" * 81}, "name"), ({"name": "a\x1b[2J"}, "name"), ({"name": []}, "name"),
    ({"model": "m" * 201}, "model"), ({"id": "p" * 101}, "profileId"),
    ({"api_key": "a b"}, "apiKey"), ({"api_key": "k\r\nX: y"}, "apiKey"),
    ({"api_key": "k" * 4_097}, "apiKey"), ({"api_key": "kéy"}, "apiKey"),
    ({"api_key": 5}, "apiKey"), ({"api_key": {}}, "apiKey"),
    ({"dialect": "klingon"}, "dialect"), ({"dialect": []}, "dialect"),
    ({"parameters": []}, "parameters"),
    ({"parameters": {"temperature": 9}}, "parameters.temperature"),
    ({"parameters": {"logit_bias": {}}}, "parameters.logit_bias"),
    ({"parameters": {"reasoning_effort": ["high"]}}, "parameters.reasoning_effort"),
    ({"requests_per_minute": 0}, "requestsPerMinute"),
    ({"requests_per_minute": True}, "requestsPerMinute"),
    ({"tokens_per_minute": 1.5}, "tokensPerMinute"),
    ({"tokens_per_minute": "9"}, "tokensPerMinute"),
    ({"max_in_flight": 1_025}, "maxInFlight"), ({"polled": "yes"}, "polled"),
    ({"polled": True}, "polled"),
])
def test_each_field_that_does_not_fit_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        check(replace(GOOD, **changes), default_path=PATH)
    assert [problem.path for problem in caught.value.problems] == [field]
    assert "sk-1" not in str(caught.value)


def test_parameters_have_a_size() -> None:
    with pytest.raises(InputError) as caught:
        check(replace(GOOD, parameters={"x" * 5_000: 1}), default_path=PATH)
    assert "parameters" in [problem.path for problem in caught.value.problems]


def test_the_second_form_of_calls_is_for_nodes() -> None:
    node = replace(GOOD, path=None, polled=True)
    assert check(node, default_path=PATH).polled
    assert check(replace(node, path="/proxy/x", dialect="ratio1"), default_path=PATH).polled


def test_a_private_network_may_be_allowed() -> None:
    inner = replace(GOOD, base_url="http://10.1.2.3:11434")
    inside = (ip_network("10.1.0.0/16"),)
    assert check(inner, default_path=PATH, inside=inside).base_url == "http://10.1.2.3:11434"


def test_no_repr_shows_the_key() -> None:
    assert "sk-1" not in repr(GOOD)
