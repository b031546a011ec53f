"""A reply becomes one whole, valid record, or the reason why it does not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.domain.chat import ChatReply
from datagen.domain.exact import RecordValidator
from datagen.domain.records import MAX_RAW, Accepted, RecordReader, Rejected
from datagen.domain.replies import MAX_PIECES, pieces

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "price"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 20},
        "price": {"type": "number", "minimum": 0},
        "day": {"type": "string", "format": "date"},
        "kind": {"enum": ["a", "b"]},
        "items": {"type": "array", "maxItems": 2, "items": {
            "type": "object", "required": ["id"], "additionalProperties": False,
            "properties": {"id": {"type": "integer"}, "code": {"pattern": "^[A-Z]+$"}}}},
    },
}
READER = RecordReader(SCHEMA)
FORMATS = Draft202012Validator.FORMAT_CHECKER
GOOD = {"name": "Lamp", "price": 3}


def read(text: Any, finish: str | None = "stop", reader: RecordReader = READER) -> Any:
    return reader.read(ChatReply(text=text if isinstance(text, str) else json.dumps(text),
                                 finish_reason=finish))


def data(text: Any, **kwargs: Any) -> dict[str, Any]:
    found = read(text, **kwargs)
    assert isinstance(found, Accepted), found
    return found.data


def reason(text: Any, **kwargs: Any) -> str:
    found = read(text, **kwargs)
    assert isinstance(found, Rejected), found
    return found.reason


@pytest.mark.parametrize("text", [
    json.dumps(GOOD),
    f"```json\n{json.dumps(GOOD)}\n```",
    f"Sure {{as asked}}! Here it is: {json.dumps(GOOD)} I hope it helps.",
    f"<think>price: {{}}? {json.dumps({'name': 'No', 'price': 9})}</think>\n{json.dumps(GOOD)}",
    json.dumps([GOOD]),
    json.dumps({"record": GOOD}),
    json.dumps({"data": [GOOD]}),
    '{"name": "Lamp", "price": 3,}',
    "{'name': 'Lamp', 'price': 3}",
    '{name: "Lamp", price: 3}',
    '{"name": "Lamp" "price": 3}',
    '{"name": "Lamp", // the name\n "price": 3}',
    json.dumps({"name": "x"}) + "\n" + json.dumps(GOOD),
])
def test_one_record_in_many_wrappings_is_read(text: str) -> None:
    assert data(text) == GOOD


def test_keys_come_in_the_schemas_order() -> None:
    found = data({"items": [{"code": "X", "id": 1}], "kind": "a", "price": 1, "name": "n"})
    assert json.dumps(found) == json.dumps(
        {"name": "n", "price": 1, "kind": "a", "items": [{"id": 1, "code": "X"}]})


@pytest.mark.parametrize(("change", "said"), [
    ({"price": -3}, "price: -3 is less than the minimum of 0"),
    ({"price": "3 EUR"}, 'price: "3 EUR" is not a number'),
    ({"price": None}, "price: null is not a number"),
    ({"name": ""}, 'name: "" is shorter than 1 characters'),
    ({"name": "x" * 300}, "name: \"xxx"),
    ({"day": "2024-02-30"}, 'day: "2024-02-30" is not a valid date'),
    ({"kind": "c"}, 'kind: "c" is not one of "a", "b"'),
    ({"items": [{"id": 1}, {"id": 1.5}]}, "items[1].id: 1.5 is not a whole number"),
    ({"items": [{"id": 1, "code": "x"}]}, 'items[0].code: "x" does not match the pattern'),
    ({"items": [{}]}, "items[0]: id is missing"),
    ({"items": [{"id": 1}] * 3}, "items: the list has 3 items, at most 2 are allowed"),
    ({"colour": 1}, "colour is not in the schema"),
])
def test_a_rejection_names_the_field_and_the_fault(change: dict[str, Any], said: str) -> None:
    found = reason(GOOD | change)
    assert said in found
    assert len(found) < 700


def test_a_rejection_names_a_few_faults_each_once() -> None:
    assert reason({"day": "x", "kind": 1, "items": 1}) == (
        'name, price are missing; day: "x" is not a valid date; kind: 1 is not one of "a", "b"')


@pytest.mark.parametrize(("text", "finish", "word"), [
    ("", "stop", "empty"),
    ("  \n", "stop", "empty"),
    ("I can't do that.", "stop", "no JSON object"),
    ("[1, 2]", "stop", "no JSON object"),
    ('"name"', "stop", "no JSON object"),
    ('{"name": "Lamp", "price": 3', "length", "cut off at its token limit"),
    ('{"name": "Lamp", "price": 12', "stop", "stops in the middle"),
    ('{"name": "Lamp", "price": 3, "day": "20', None, "stops in the middle"),
    ('{"name": "Lamp", "price": 3, "items": [{"id": 1}', "stop", "stops in the middle"),
    ('{"name": "Lamp", "price": }', "stop", "damaged"),
    ('{"name": "Lamp", "price": NaN}', "stop", "damaged"),
    ('{"name": "Lamp", "price": Infinity}', "stop", "damaged"),
    ('{"name": "Lamp", "price": 1e999}', "stop", "damaged"),
    ('{"name": "\\ud800", "price": 1}', "stop", "not valid text"),
    (json.dumps(SCHEMA), "stop", "repeated the schema"),
    (json.dumps(SCHEMA["properties"] | {"$schema": "x"}), "stop", "repeated the schema"),
    ("{}", "stop", "missing"),
])
def test_what_is_no_record_is_rejected_with_its_reason(
    text: str, finish: str | None, word: str
) -> None:
    assert word in reason(text, finish=finish)


def test_a_whole_record_counts_even_if_the_limit_was_reached_behind_it() -> None:
    assert data(json.dumps(GOOD) + "\n" * 50, finish="length") == GOOD


def test_a_damaged_record_is_never_repaired_when_it_was_cut_off() -> None:
    assert "cut off" in reason('{"name": "Lamp", "price": 3,}', finish="length")


def test_a_part_of_a_torn_record_is_no_record() -> None:
    inner = RecordReader({"type": "object", "properties": {"id": {"type": "integer"}}})
    torn = '{"items": [{"id": 1}, {"id": 2}, {"id": '
    assert isinstance(read(torn, None, inner), Rejected)


def test_an_echoed_schema_is_passed_over_for_the_record_behind_it() -> None:
    assert data(json.dumps(SCHEMA) + "\n" + json.dumps(GOOD)) == GOOD


def test_an_open_schema_does_not_take_its_own_echo_for_a_record() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert "repeated" in reason(schema, reader=RecordReader(schema))


def test_fields_called_like_keywords_or_wrappers_are_records() -> None:
    schema = {"type": "object", "required": ["data"], "properties": {
        "data": {"type": "object"}, "type": {"type": "string"}, "properties": {"type": "object"}}}
    reader = RecordReader(schema)
    assert data({"data": {"x": 1}}, reader=reader) == {"data": {"x": 1}}
    assert data({"type": "lamp", "properties": {"w": 1}, "data": {}}, reader=reader)


def test_what_was_converted_is_named_by_its_field() -> None:
    found = read({"Name": 5, "price": "3.50", "items": [{"id": 1.0}, {"id": "2"}]})
    assert found.data == {"name": "5", "price": 3.5, "items": [{"id": 1}, {"id": 2}]}
    assert found.coerced == ("name", "name", "price", "items[].id", "items[].id")
    assert read({"name": "n", "price": 3.0}).coerced == ()


def test_of_two_different_records_none_is_taken_but_a_fenced_one_goes_first() -> None:
    other = json.dumps({"name": "Desk", "price": 9})
    assert "several different" in reason(f"{json.dumps(GOOD)}\n{other}")
    assert data(f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}") == GOOD
    assert data(f"Like {other}, so:\n```json\n{json.dumps(GOOD)}\n```") == GOOD


def test_a_last_brace_is_added_only_where_no_field_can_be_missing_behind_it() -> None:
    schema = {"type": "object", "additionalProperties": False, "required": ["a"],
              "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    reader = RecordReader(schema)
    assert data('{"a": "x", "b": "y"', reader=reader) == {"a": "x", "b": "y"}
    assert "in the middle" in reason('{"a": "x"', reader=reader)
    assert isinstance(read('{"a": "x", "b": "y"', "length", reader), Rejected)
    assert isinstance(read('{"a": "x", "b": "y"', None, reader), Rejected)


@pytest.mark.parametrize("text", [
    'name": "x", "child": {"name": "Lamp", "price": 3}}',
    '"child": {"name": "Lamp", "price": 3}',
    '{"name": "Lamp", "price": 3}}',
    '{"name": "Lamp", "price": 3}]',
    '{"name": "Lamp", "price": 3} and {"name": "Desk", "pri',
    '{"name": "La, "price": NaN} or {"name": "Lamp", "price": 3}',
    '<think>{"name": "Lamp", "price": 3}',
    '{"name": "Lamp", "name": "Desk", "price": 3}',
])
def test_what_may_be_a_part_of_something_lost_is_no_record(text: str) -> None:
    assert isinstance(read(text), Rejected)


def test_the_raw_reply_is_kept_up_to_its_bound() -> None:
    found = read("é" * MAX_RAW + "\ud800")
    assert isinstance(found, Rejected)
    assert len(found.raw.encode()) <= MAX_RAW
    assert found.raw.startswith("éé")


def test_reasons_are_one_printable_line() -> None:
    assert reason(GOOD | {"kind": "\x1b[31m\n\u2028x"}).isprintable()
    assert reason(GOOD | {"turned \u202e around": 1, "\u200b": 2}).isprintable()


def test_a_schema_that_points_outside_is_never_followed() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}}
    assert "can't be checked" in reason({"a": 1}, reader=RecordReader(schema))


def test_a_schema_without_end_costs_the_record_only() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}},
              "$defs": {"x": {"$ref": "#/$defs/x"}}}
    assert isinstance(read({"a": 1}, reader=RecordReader(schema)), Rejected)


@pytest.mark.parametrize("text", [
    '{"items":' * 5_000 + "1" + "}" * 5_000,
    "[" * 100_000,
    '{"name": "' + "x" * 1_000_000,
    "{" * 200_000 + "}" * 200_000,
    json.dumps({f"k{n}": n for n in range(20_000)}),
    json.dumps({f"k{n}": n for n in range(14_000)}),
    json.dumps({"items": [{"ID": "1"}] * 4_000}),
    json.dumps({"na" + "_" * n + "me": 1 for n in range(600)}),
    "{'a':" * 10_000 + "}" * 10_000,
    '{"a": "' + 'x"' * 30_000 + "}",
    "```" * 60_000,
    '{"price": ' + "9" * 5_000 + ', "name": "n"}',
    "<think>" * 30_000,
    '{"a" ' * 12_000 + "}" * 12_000,
])
def test_a_hostile_reply_is_rejected_in_little_time(text: str) -> None:
    begun = time.perf_counter()
    assert isinstance(read(text), Rejected)
    assert time.perf_counter() - begun < 3  # seconds; the shared cores are slow


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "price", "items", "id", "record", "x"]), inner, max_size=4),
    max_leaves=6,
)


@settings(max_examples=70, deadline=None)
@given(JSON | st.fixed_dictionaries({"name": st.text(min_size=1, max_size=5),
                                     "price": st.integers(0, 9)}))
def test_what_is_accepted_is_what_was_said_and_fits(value: Any) -> None:
    found = read(value)
    if isinstance(found, Accepted):
        assert json.dumps(found.data, sort_keys=True) in json.dumps(value, sort_keys=True)
        assert RecordValidator(SCHEMA, format_checker=FORMATS).is_valid(found.data)
        found.data and json.dumps(found.data).encode()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.sampled_from([None, "stop", "length"]))
def test_no_prefix_of_a_record_becomes_another_record(at: int, finish: str | None) -> None:
    whole = '{"name": "Lamp", "price": 12.5, "items": [{"id": 17}, {"id": 18}]}'
    found = read(whole[:at], finish)
    assert isinstance(found, Rejected) or found.data == json.loads(whole)


def test_a_reply_of_very_many_pieces_is_read_in_time() -> None:
    text = "".join(f"{{{number}}}" for number in range(35_000))
    begun = time.process_time()
    assert pieces(text) == [f"{{{number}}}" for number in range(MAX_PIECES)]
    assert time.process_time() - begun < 1  # seconds
