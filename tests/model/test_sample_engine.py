"""Drafts, records and prompts, told apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from datagen.domain.chat import Message
from datagen.domain.errors import ModelRejected
from datagen.domain.jobs import Inference, JobDetails
from datagen.domain.prompts import RecordPrompt
from datagen.model.sample import SampleEngine

SCHEMA = {"type": "object", "required": ["n"], "additionalProperties": False,
          "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 10**9}}}


def prompt(text: str) -> tuple[Message, ...]:
    return (Message(role="system", content="Write a record."), Message(role="user", content=text))


def test_equal_prompts_give_equal_records_and_others_do_not() -> None:
    answers = [SampleEngine().answer(prompt(text), SCHEMA).text for text in ("a", "a", "b")]
    assert answers[0] == answers[1] != answers[2]


def test_another_seed_gives_other_records() -> None:
    assert SampleEngine(1).answer(prompt("a"), SCHEMA) != SampleEngine(2).answer(prompt("a"),
                                                                                 SCHEMA)


def test_a_schema_that_stands_only_in_the_prompt_is_used() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    details = JobDetails(
        id="job_1_abcdef", owner="ann", description="numbers", instructions='Say "schema" {x}.',
        dataset_mode=False, schema=SCHEMA,
        inference=Inference(base_url="http://localhost", path="/x"),
        created_at=moment, schema_generated_at=moment, schema_duration_ms=1, schema_refreshes=0)
    messages = RecordPrompt(details, total=9).messages(3, salt="ab12cd34")
    assert list(json.loads(SampleEngine().answer(messages, None).text)) == ["n"]


def test_an_answer_longer_than_max_tokens_is_cut_off_and_says_so() -> None:
    schema = {"type": "object", "properties": {"body": {"type": "string", "minLength": 500}},
              "required": ["body"]}
    cut = SampleEngine().answer(prompt("a"), schema, max_tokens=16)
    assert (cut.finish_reason, len(cut.text)) == ("length", 64)
    assert SampleEngine().answer(prompt("a"), schema).finish_reason == "stop"


def test_tokens_are_counted() -> None:
    answer = SampleEngine().answer(prompt("a"), SCHEMA)
    assert answer.usage.prompt > 0
    assert answer.usage.completion > 0


def test_a_schema_that_nothing_fits_is_refused() -> None:
    with pytest.raises(ModelRejected, match="No value was found"):
        SampleEngine().answer(prompt("a"), {"type": "object", "required": ["a"],
                                            "properties": {"a": False}})
