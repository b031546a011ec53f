"""Multiples are counted in decimals: a price is a multiple of a cent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.chat import ChatReply
from datagen.domain.exact import RecordValidator, is_multiple
from datagen.domain.records import Accepted, RecordReader


@given(st.integers(-10**9, 10**9), st.sampled_from([0, 1, 2, 3, 6]))
def test_every_decimal_is_a_multiple_of_its_last_digit(number: int, digits: int) -> None:
    step = float(f"1e-{digits}")
    assert is_multiple(float(f"{number}e-{digits}"), step)
    assert not is_multiple(float(f"{number}5e-{digits + 1}"), step)


@pytest.mark.parametrize(("value", "step", "fits"), [
    (19.99, 0.01, True), (23.4, 0.1, True), (0.3, 0.1, True), (0.30000000000000004, 0.1, False),
    (7, 2, False), (8, 2, True), (8.0, 2, True), (1e308, 0.01, True), (1e-7, 1e-7, True),
    (10**4000, 3, False), (float("inf"), 2, False), (float("nan"), 2, False), (0, 0.7, True),
])
def test_values_and_steps(value: float, step: float, fits: bool) -> None:
    assert is_multiple(value, step) is fits


@pytest.mark.parametrize("value", ["19.999", True, None, [1]])
def test_only_numbers_are_asked(value: object) -> None:
    assert RecordValidator({"multipleOf": 0.01}).is_valid(value)


def test_a_record_with_a_price_is_accepted() -> None:
    schema = {"type": "object", "properties": {"price": {"type": "number", "multipleOf": 0.01}}}
    reader = RecordReader(schema)
    good = reader.read(ChatReply(text='{"price": 19.99}', finish_reason="stop"))
    bad = reader.read(ChatReply(text='{"price": 19.995}', finish_reason="stop"))
    assert isinstance(good, Accepted)
    assert not isinstance(bad, Accepted)
    assert bad.reason == "price: 19.995 is not a multiple of 0.01"
