"""What two failed records have in common, whatever their values were."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.chat import ChatReply
from datagen.domain.reasons import MOST, kind
from datagen.domain.records import Accepted, RecordReader


@pytest.mark.parametrize(("message", "reason"), [
    ("price: -3 is less than the minimum of 0", "price: … is less than the minimum of 0"),
    ("items[12].price: 1.5e9 is more than the maximum of 900",
     "items[].price: … is more than the maximum of 900"),
    ('mail: "a; is not b" is not a valid email', "mail: … is not a valid email"),
    ('code: "a \\" is not" does not match the pattern "^[A-Z]; [0-9]$"',
     'code: … does not match the pattern "^[A-Z]; [0-9]$"'),
    ('n: "seven" is not a whole number; m is missing', "n: … is not a whole number"),
    ('text: "it is long… is longer than 20 characters',
     "text: … is longer than 20 characters"),
    ('a: {"b": [1, "is no"]} fits none of the allowed forms',
     "a: … fits none of the allowed forms"),
    ("tags: the list has 7 items, at most 5 are allowed",
     "tags: the list has … items, at most 5 are allowed"),
    ("tags: the list holds the same item twice", "tags: the list holds the same item twice"),
    ("a, b and 3 more are missing", "a, b and 3 more are missing"),
    ("null is not text", "… is not text"),
    ("The model's answer is empty.", "The model's answer is empty."),
    ("", ""),
])
def test_values_are_left_out_limits_and_paths_stay(message: str, reason: str) -> None:
    assert kind(message) == reason


SCHEMA = {"type": "object", "properties": {
    "price": {"type": "number", "minimum": 10_000_001}, "code": {"pattern": "^[A-Z]{3}\u2603$"},
}}


@given(st.sampled_from(["price", "code"]), st.data())
def test_one_rule_is_one_reason_whatever_the_value(field: str, data: st.DataObject) -> None:
    value = data.draw(st.floats(-1e6, 1e6) if field == "price" else st.text(max_size=200))
    verdict = RecordReader(SCHEMA).read(
        ChatReply(text=json.dumps({field: value}), finish_reason="stop"))
    assert not isinstance(verdict, Accepted)
    rule = {"price": "price: … is less than the minimum of 10000001",
            "code": 'code: … does not match the pattern "^[A-Z]{3}\u2603$"'}
    assert kind(verdict.reason) == rule[field]


@given(st.text(alphabet=st.sampled_from('ab": ;\\[]{}0…is not\n'), max_size=300))
def test_any_message_has_a_short_reason(message: str) -> None:
    assert len(kind(message)) <= MOST


@pytest.mark.parametrize("message", ['"' * 5000, "a: [" + "[" * 5000, "[0]" * 3000, "; " * 3000,
                                     '"\\' * 3000, "1" * 9000 + " is"])
def test_a_hostile_message_is_no_work(message: str) -> None:
    assert len(kind(message)) <= MOST
