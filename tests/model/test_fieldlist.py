"""A plain list of fields becomes the fields of a draft."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.examples import EXAMPLES
from datagen.model import fieldlist


def listed(text: str) -> dict[str, dict]:
    return {f["name"]: {k: v for k, v in f.items() if k != "name"} for f in fieldlist.listed(text)}


def test_fields_keep_their_order_and_get_the_types_told():
    assert listed("Fields: id; made_on, a date; size (small, medium or large); hour, 0 to 23; "
                  "open, true or false; note, at most 80 characters.") == {
        "id": {"type": "string"},
        "made_on": {"type": "date"},
        "size": {"type": "string", "enum": ["small", "medium", "large"]},
        "hour": {"type": "integer", "minimum": 0, "maximum": 23},
        "open": {"type": "boolean"},
        "note": {"type": "string", "maxLength": 80},
    }


def test_parts_of_a_field_become_paths():
    assert list(listed("Fields: price with amount (5 to 900) and currency (EUR or USD); tags, two "
                       "to five words; items, a list of one to four with name and count.")) == [
        "price.amount", "price.currency", "tags[]", "items[].name", "items[].count"]


@pytest.mark.parametrize("text", [
    "Each record has the fields: name, age and price.",
    "Columns:\n- Name: short text\n- Age\n- Price",
    "fields: name; age; price"])
def test_lists_are_read_however_they_are_written(text):
    assert list(listed(text)) == ["name", "age", "price"]
    assert listed(text)["age"]["type"] == "integer"
    assert listed(text)["price"]["type"] == "number"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_every_ready_example_is_read_whole(example):
    found = listed(example.instructions)
    assert len(found) >= 5
    assert ("label" in found) is example.dataset_mode


def test_words_that_only_describe_are_no_allowed_values():
    assert "enum" not in listed("Fields: sender, a phone number or a short name; b; c.")["sender"]


def test_fields_named_in_passing_are_found():
    assert [f["name"] for f in fieldlist.mentioned(
        "Tickets with a subject, the message, and priority of a shop")] == [
        "subject", "message", "priority"]


@pytest.mark.parametrize(("text", "found"), [
    ("SMS messages that are spam or ham", ["spam", "ham"]),
    ("Label: positive, negative, or neutral.", ["positive", "negative", "neutral"]),
    ("Nothing to choose", [])])
def test_the_first_choice_offered_gives_the_classes(text, found):
    assert fieldlist.classes(text) == found


@given(st.text(max_size=300))
def test_any_text_gives_fields_with_names_and_types(text):
    for field in [*fieldlist.listed(f"Fields: {text}"), *fieldlist.mentioned(text)]:
        assert field["name"] == fieldlist.snake(field["name"]) or "." in field["name"]
        assert field["type"]
    fieldlist.classes(text)


@pytest.mark.parametrize("text", [
    f"a (5 to {'9' * 400})", f"a ({'9' * 400} to 5)", f"a (up to {'9' * 5_000} characters)",
    f"a (5 to {'9' * 400} characters)", f"a (1.5 to 2.{'5' * 400})", "a (-5 to -2 characters)"])
def test_a_number_that_limits_nothing_is_passed_over(text):
    field = listed(f"Fields: {text}; name")
    assert not {"minimum", "maximum", "minLength", "maxLength"} & set(next(iter(field.values())))
