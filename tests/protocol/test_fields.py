"""The bounds of whatever is read."""

from __future__ import annotations

import json

import pytest

from datagen.protocol.fields import MAX_DEPTH, MAX_TEXT, MAX_VALUE, load_object, message_of


def nested(levels: int) -> str:
    return '{"a":' + "[" * (levels - 1) + "1" + "]" * (levels - 1) + "}"


def test_a_value_may_nest_so_deep_and_no_deeper() -> None:
    assert load_object(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="nested too deeply"):
        load_object(nested(MAX_DEPTH + 1))


def test_brackets_in_a_text_are_no_nesting() -> None:
    assert load_object(json.dumps({"a": "[" * 1_000}))


def test_a_value_may_be_so_long_and_no_longer() -> None:
    text = json.dumps({"a": "x" * (MAX_VALUE - 9)})
    assert len(text) == MAX_VALUE
    assert load_object(text)
    with pytest.raises(ValueError, match="too long"):
        load_object(text + " ")
    assert load_object(text + " ", most=MAX_VALUE + 1)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5_000])
def test_a_number_that_no_json_can_hold_makes_it_none(number: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_object(f'{{"a":{number}}}')


def test_half_a_character_is_replaced_where_it_was_escaped_and_refused_where_not() -> None:
    assert load_object('{"\\ud800":["\\udc00x"]}') == {"?": ["?x"]}
    with pytest.raises(ValueError, match="surrogates"):
        load_object('{"a":"\ud800"}')


def test_of_a_long_message_the_beginning_is_read() -> None:
    assert message_of({"m": "x" * 5_000}, "m") == "x" * MAX_TEXT
    assert message_of({}, "m") is None
    with pytest.raises(ValueError, match="m is not a text"):
        message_of({"m": 5}, "m")
