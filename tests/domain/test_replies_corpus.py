"""A damaged reply gives the right record or none: the corpus, and random records damaged."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from datagen.domain.chat import ChatReply
from datagen.domain.records import Accepted, RecordReader, Rejected
from datagen.model.sample.generate import CannotGenerate, generate
from tests.domain.damages import CONVERTED, LOST, MENDED
from tests.model.schema_strategy import schemas

FOLDER = Path(__file__).parents[1] / "vectors" / "replies"
SCHEMAS: dict[str, Any] = json.loads((FOLDER / "schemas.json").read_text())
CASES: list[dict[str, Any]] = [
    json.loads(line) for path in sorted(FOLDER.glob("*.jsonl"))
    for line in path.read_text().splitlines()
]
READERS = {name: RecordReader(schema) for name, schema in SCHEMAS.items()}


def reply_of(case: dict[str, Any]) -> ChatReply:
    """The case's reply; a huge one is written as [text, how often] in turn."""
    text = case["reply"]
    if isinstance(text, list):
        text = "".join(part * times for part, times in text)
    return ChatReply(text=text, finish_reason=case["finish_reason"])


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: true is not 1, but 3.0 is 3."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def short(name: str) -> dict[str, Any]:
    """A record of a corpus schema, the shortest of some with a list or an object in it."""
    records = (generate(SCHEMAS[name], seed) for seed in range(8))
    return min(records, key=lambda r: (not any(isinstance(v, list | dict) for v in r.values()),
                                       len(json.dumps(r))))


def test_the_corpus_holds_at_least_300_replies_each_of_its_own() -> None:
    assert len({json.dumps(case, sort_keys=True) for case in CASES}) == len(CASES) >= 300
    outcomes = Counter("record" in case for case in CASES)
    assert outcomes[True] > 100 < outcomes[False]


@pytest.mark.parametrize("damage", sorted({case["damage"] for case in CASES}))
def test_a_reply_of_the_corpus_is_the_record_or_a_reason(damage: str) -> None:
    for case in CASES:
        if case["damage"] != damage:
            continue
        begun = time.process_time()
        found = READERS[case["schema"]].read(reply_of(case))
        assert time.process_time() - begun < 1  # seconds
        if "record" in case:
            assert isinstance(found, Accepted), (case, found)
            assert same(found.data, case["record"]), case
            if "coerced" in case:
                assert dict(Counter(found.coerced)) == case["coerced"], case
            else:
                assert bool(found.coerced) == (damage in CONVERTED), case
        else:
            assert isinstance(found, Rejected), case
            assert case["rejected"] in found.reason, case


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@pytest.mark.parametrize("finish", ["stop", "length", None])
def test_a_record_cut_at_any_byte_is_never_another_one(name: str, finish: str | None) -> None:
    record = short(name)
    for shape, step in (("@", 1), ("```json\n@\n```", 5), ("[@]", 5), ('{"record": @}', 5)):
        whole = shape.replace("@", json.dumps(record, ensure_ascii=False)).encode()
        for at in range(0, len(whole), step):
            text = whole[:at].decode(errors="ignore")
            found = READERS[name].read(ChatReply(text=text, finish_reason=finish))
            assert isinstance(found, Rejected) or same(found.data, record), text


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_record_whose_beginning_is_lost_is_never_another_one(name: str) -> None:
    record = short(name)
    whole = json.dumps(record, ensure_ascii=False)
    for at in range(1, len(whole)):
        assert isinstance(READERS[name].read(ChatReply(text=whole[at:])), Rejected), whole[at:]


EVERY = {**MENDED, **LOST}


@settings(max_examples=120, deadline=None,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(schemas(), st.integers(0, 10**6), st.data())
def test_any_record_damaged_in_any_way_is_recovered_or_refused(
    schema: dict[str, Any], seed: int, data: st.DataObject
) -> None:
    schema = {**schema, "additionalProperties": False}
    try:
        record = generate(schema, seed)
    except CannotGenerate:
        assume(False)
    reader = RecordReader(schema)
    for kind in data.draw(st.lists(st.sampled_from(sorted(EVERY)), min_size=3, max_size=6)):
        reply = EVERY[kind](record, schema)
        if reply is None:
            continue
        found = reader.read(ChatReply(text=reply[0], finish_reason=reply[1]))
        if isinstance(found, Accepted):
            assert same(found.data, record), (kind, reply[0])


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(schemas(), st.integers(0, 10**6), st.data())
def test_any_damaged_reply_that_is_cut_as_well_is_recovered_or_refused(
    schema: dict[str, Any], seed: int, data: st.DataObject
) -> None:
    schema = {**schema, "additionalProperties": False}
    try:
        record = generate(schema, seed)
    except CannotGenerate:
        assume(False)
    reply = MENDED[data.draw(st.sampled_from(sorted(MENDED)))](record, schema)
    assume(reply is not None)
    reader = RecordReader(schema)
    for _ in range(5):
        at = data.draw(st.integers(0, len(reply[0])))
        finish = data.draw(st.sampled_from(["length", "stop", None]))
        found = reader.read(ChatReply(text=reply[0][:at], finish_reason=finish))
        assert isinstance(found, Rejected) or same(found.data, record), reply[0][:at]
