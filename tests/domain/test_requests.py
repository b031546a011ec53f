"""A request for a draft: every field that does not fit is named, and the rest is as asked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from datagen.domain.chat import Endpoint
from datagen.domain.endpoints import endpoint_for
from datagen.domain.errors import InputError
from datagen.domain.examples import EXAMPLES
from datagen.domain.jobs import Inference
from datagen.domain.profiles import Profile
from datagen.domain.requests import DraftRequest, check, inference_for

OWN = Endpoint(base_url="http://127.0.0.1:31234", path="/create_chat_completion", model="m",
               api_key="secret-key")
GOOD = DraftRequest(title=" Lamps ", total_records=20, description="One lamp.",
                    instructions="Vary the size.")


def wrong(**changes: Any) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        check(replace(GOOD, **changes), max_records=200)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_a_good_request_comes_back_trimmed() -> None:
    found = check(replace(GOOD, base_url=" https://host:8000/v1/ ", model=" "), max_records=200)
    assert (found.title, found.base_url, found.model) == ("Lamps", "https://host:8000/v1", None)


@pytest.mark.parametrize(("changes", "path"), [
    ({"title": ""}, "title"),
    ({"title": "  "}, "title"),
    ({"title": "x" * 201}, "title"),
    ({"title": 5}, "title"),
    ({"title": "a\x00"}, "title"),
    ({"title": "\ud800"}, "title"),
    ({"description": "x" * 2_001}, "description"),
    ({"description": None}, "description"),
    ({"instructions": "x" * 8_001}, "instructions"),
    ({"total_records": 0}, "totalRecords"),
    ({"total_records": 201}, "totalRecords"),
    ({"total_records": "20"}, "totalRecords"),
    ({"total_records": True}, "totalRecords"),
    ({"total_records": 2.0}, "totalRecords"),
    ({"dataset_mode": "yes"}, "datasetMode"),
    ({"use_external_api": "yes"}, "useExternalApi"),
    ({"profile_id": 5}, "profileId"),
    ({"profile_id": "p" * 101}, "profileId"),
    ({"base_url": "ftp://host"}, "inferenceBaseUrl"),
    ({"base_url": "https://user:pw@host"}, "inferenceBaseUrl"),
    ({"base_url": "https://"}, "inferenceBaseUrl"),
    ({"base_url": "https://host:99999"}, "inferenceBaseUrl"),
    ({"base_url": "https://host/?key=1"}, "inferenceBaseUrl"),
    ({"base_url": "https://ho st"}, "inferenceBaseUrl"),
    ({"base_url": "http://[::1"}, "inferenceBaseUrl"),
    ({"base_url": "https://" + "h" * 200}, "inferenceBaseUrl"),
    ({"base_url": 7}, "inferenceBaseUrl"),
    ({"path": "v1/chat"}, "inferencePath"),
    ({"path": "//host/x"}, "inferencePath"),
    ({"path": "/../x"}, "inferencePath"),
    ({"path": "/x\r\nHost: y"}, "inferencePath"),
    ({"model": "x" * 201}, "inferenceModel"),
    ({"parameters": [1]}, "inferenceParams"),
    ({"parameters": {"logit_bias": 1}}, "inferenceParams.logit_bias"),
    ({"parameters": {"temperature": 1.6}}, "inferenceParams.temperature"),
    ({"parameters": {"temperature": True}}, "inferenceParams.temperature"),
    ({"parameters": {"temperature": float("nan")}}, "inferenceParams.temperature"),
    ({"parameters": {"max_tokens": 15}}, "inferenceParams.max_tokens"),
    ({"parameters": {"max_tokens": 100.5}}, "inferenceParams.max_tokens"),
    ({"parameters": {"top_p": 0}}, "inferenceParams.top_p"),
    ({"parameters": {"stop": []}}, "inferenceParams.stop"),
    ({"parameters": {"stop": ["x"] * 5}}, "inferenceParams.stop"),
    ({"previous_token": 5}, "previousDraftToken"),
])
def test_each_field_that_does_not_fit_is_named(changes: dict[str, Any], path: str) -> None:
    found = wrong(**changes)
    assert list(found) == [path]
    assert found[path].endswith((".", ".)"))


def test_the_limit_on_records_names_its_variable() -> None:
    message = wrong(total_records=201)["totalRecords"]
    assert "200" in message
    assert "DATAGEN_MAX_RECORDS_PER_JOB" in message


def test_all_problems_are_told_at_once() -> None:
    assert set(wrong(title="", total_records=0, base_url="x")) == {
        "title", "totalRecords", "inferenceBaseUrl"}


def test_the_snapshot_is_the_servers_endpoint_unless_another_is_named() -> None:
    found = inference_for(GOOD, OWN)
    assert (found.base_url, found.path, found.model) == (OWN.base_url, OWN.path, "m")
    found = inference_for(replace(GOOD, base_url="https://other", path="/v1/x"), OWN)
    assert (found.base_url, found.path, found.model) == ("https://other", "/v1/x", None)


def test_a_snapshot_never_holds_the_key() -> None:
    assert "secret-key" not in repr(inference_for(GOOD, OWN))


def test_the_key_goes_to_its_own_origin_only() -> None:
    def key(**changes: Any) -> str | None:
        return endpoint_for(inference_for(replace(GOOD, **changes), OWN), OWN).api_key

    assert key() == key(model="m3") == "secret-key"
    assert key(base_url=OWN.base_url, path=OWN.path) == "secret-key"  # the very same endpoint
    assert key(base_url="http://127.0.0.1.example.com:31234") is None
    other = replace(OWN, base_url="https://own.example")
    asked = replace(GOOD, base_url="https://own.example", path="/v1/files")
    assert endpoint_for(inference_for(asked, other), other).api_key is None


def test_a_path_of_the_servers_own_machine_is_nobodys_to_choose() -> None:
    for asked, field in ((replace(GOOD, path="/admin"), "inferencePath"),
                         (replace(GOOD, base_url=OWN.base_url, path="/x"), "inferenceBaseUrl"),
                         (replace(GOOD, base_url="http://127.0.0.1:31235"), "inferenceBaseUrl")):
        with pytest.raises(InputError) as caught:
            inference_for(asked, OWN)
        assert [problem.path for problem in caught.value.problems] == [field]


PROFILE = Profile(id="p", base_url="https://llm.example", path="/create_chat_completion",
                  model="m-p", api_key="sealed", dialect="openai", parameters={"seed": 1})


def test_a_profiles_job_keeps_all_but_the_key() -> None:
    asked = replace(GOOD, use_external_api=True, parameters={"temperature": 0})
    assert inference_for(asked, OWN, PROFILE) == Inference(
        base_url="https://llm.example", path="/create_chat_completion", model="m-p",
        parameters={"seed": 1, "temperature": 0}, use_external_api=True, profile_id="p",
        dialect="openai")
    elsewhere = replace(asked, path="/v1/chat/completions", model="m-q")
    found = inference_for(elsewhere, OWN, PROFILE)
    assert (found.path, found.model, found.dialect) == ("/v1/chat/completions", "m-q", None)
    same = inference_for(replace(asked, base_url="https://llm.example"), OWN, PROFILE)
    assert same.base_url == "https://llm.example"


def test_a_profile_goes_with_its_own_address_only() -> None:
    for wrong in ("https://evil.example", "https://llm.example:8443", "http://llm.example"):
        with pytest.raises(InputError, match="its own address only"):
            inference_for(replace(GOOD, base_url=wrong), OWN, PROFILE)


def test_a_profile_that_the_earlier_application_left_in_our_network_is_refused() -> None:
    inner = replace(PROFILE, base_url="http://10.0.0.7:8000")
    with pytest.raises(InputError, match="private network"):
        inference_for(GOOD, OWN, inner)
    assert inference_for(GOOD, OWN, inner, (ip_network("10.0.0.0/24"),)).profile_id == "p"


def test_a_job_on_the_servers_own_endpoint_follows_it_where_it_moves() -> None:
    moved = replace(OWN, base_url="https://new.example", model="m2")
    assert endpoint_for(inference_for(GOOD, OWN), moved) == moved
    named = inference_for(replace(GOOD, model="m3"), OWN)
    assert endpoint_for(named, moved).base_url == OWN.base_url
    assert endpoint_for(named, moved).api_key is None


@pytest.mark.parametrize("base_url", ["http://h:99999", "http://[bad", "", "ftp://x"])
def test_an_address_that_is_none_gets_no_key_and_breaks_nothing(base_url: str) -> None:
    named = Inference(base_url=base_url, path="/x")
    assert endpoint_for(named, OWN).api_key is None


def test_the_dialect_follows_the_path_where_it_is_not_the_servers_own() -> None:
    own = replace(OWN, dialect="openai")
    assert endpoint_for(inference_for(GOOD, own), own).dialect == "openai"
    named = replace(GOOD, base_url="https://other.example", path="/v1/chat/completions")
    assert endpoint_for(inference_for(named, OWN), OWN).dialect == "openai"


@pytest.mark.parametrize(("instructions", "classes"), [
    ("label: spam or ham", ("spam", "ham")),
    ('The label is one of "positive", "neutral", or "negative".',
     ("positive", "neutral", "negative")),
    ("Classes are a/b/c.", ("a", "b", "c")),
    ("Label every ticket well.", ()),
    ("One of two.", ()),
])
def test_classes_are_those_the_instructions_name(
    instructions: str, classes: tuple[str, ...]
) -> None:
    request = replace(GOOD, instructions=instructions, dataset_mode=True)
    assert request.classes == classes
    assert replace(request, dataset_mode=False).classes == ()


def test_the_examples_are_three_requests_that_fit() -> None:
    assert len({example.name for example in EXAMPLES}) == 3
    for example in EXAMPLES:
        check(DraftRequest(title=example.title, total_records=example.records,
                           description=example.description, instructions=example.instructions,
                           dataset_mode=example.dataset_mode), max_records=200)


def test_one_example_has_a_label_with_its_classes_and_one_is_nested() -> None:
    [labelled] = [e for e in EXAMPLES if e.dataset_mode]
    request = DraftRequest(title="t", total_records=1, description=labelled.description,
                           instructions=labelled.instructions, dataset_mode=True)
    assert request.classes == ("spam", "ham")
    assert any("a list of" in e.instructions for e in EXAMPLES)
