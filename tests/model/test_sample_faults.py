"""Each fault shows as it is described, to the same prompts everywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from datagen.model.sample import TEXT_FAULTS, WIRE_FAULTS, Faults, generate

SCHEMA: dict[str, Any] = {
    "type": "object", "required": ["name", "age", "tags"], "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"},
                   "tags": {"type": "array", "items": {"type": "string"}},
                   "note": {"type": ["string", "null"]}}}
RECORD = json.dumps(generate(SCHEMA, 1))


def spoilt(kind: str, prompt: str = "p") -> tuple[str, str]:
    return Faults(rate=1, kinds=(kind,)).spoil(kind, RECORD, "stop", SCHEMA, prompt)


def test_the_rate_is_the_share_of_prompts() -> None:
    faults = Faults(rate=0.3, kinds=TEXT_FAULTS)
    hit = [faults.pick(f"prompt {n}") for n in range(1000)]
    assert 250 < sum(kind is not None for kind in hit) < 350
    assert set(hit) == {*TEXT_FAULTS, None}


def test_a_prompt_keeps_its_fault() -> None:
    picked = [Faults(rate=0.5, kinds=WIRE_FAULTS, seed=3).pick(f"{n}") for n in range(50)]
    assert picked == [Faults(rate=0.5, kinds=WIRE_FAULTS, seed=3).pick(f"{n}") for n in range(50)]
    assert picked != [Faults(rate=0.5, kinds=WIRE_FAULTS, seed=4).pick(f"{n}") for n in range(50)]


def test_only_the_first_calls_fail_where_that_is_asked() -> None:
    faults = Faults(rate=1, kinds=("http_429",), first=2)
    assert [faults.pick("p", nth) for nth in (1, 2, 3)] == ["http_429", "http_429", None]


def test_unknown_faults_and_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        Faults(rate=1, kinds=("earthquake",))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Faults(rate=2)


def test_a_fence_and_prose_leave_the_record_whole() -> None:
    assert spoilt("fenced")[0].splitlines() == ["```json", RECORD, "```"]
    text, finish = spoilt("prose")
    assert RECORD in text
    assert not text.startswith("{")
    assert finish == "stop"


@pytest.mark.parametrize("kind", ["trailing_comma", "truncated", "empty", "not_json"])
def test_broken_text_is_no_json(kind: str) -> None:
    text, finish = spoilt(kind)
    with pytest.raises(ValueError, match=r"."):
        json.loads(text)
    assert finish == ("length" if kind == "truncated" else "stop")


@pytest.mark.parametrize("kind", ["wrong_type", "missing_field", "extra_field", "schema_echo"])
def test_misfits_are_json_that_does_not_fit(kind: str) -> None:
    for prompt in "abcdefgh":
        value = json.loads(spoilt(kind, prompt)[0])
        assert not Draft202012Validator(SCHEMA).is_valid(value)


def test_a_cut_off_answer_stays_cut_off() -> None:
    faults = Faults(rate=1)
    for kind in TEXT_FAULTS:
        assert faults.spoil(kind, '{"a', "length", SCHEMA, "p") == ('{"a', "length")


@pytest.mark.parametrize("kind", WIRE_FAULTS)
def test_faults_of_the_wire_leave_the_text_alone(kind: str) -> None:
    assert spoilt(kind) == (RECORD, "stop")
