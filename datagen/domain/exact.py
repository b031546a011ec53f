"""A validator that counts in decimals, as JSON writes numbers.

The library divides binary fractions, and to them 19.99 is no multiple of 0.01: one price in
nine would fail for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend


def is_multiple(value: float, step: float) -> bool:
    """Whether ``value`` is a whole number of steps, both as they are written in JSON."""
    try:
        return (Fraction(str(value)) / Fraction(str(step))).denominator == 1
    except (ValueError, ZeroDivisionError):  # inf and nan are no numbers in JSON
        return False


def _multiple_of(
    validator: Any, step: Any, instance: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "number") and not is_multiple(instance, step):
        yield ValidationError(f"{instance!r} is not a multiple of {step}")


RecordValidator = extend(Draft202012Validator, {"multipleOf": _multiple_of})  # type: ignore[no-untyped-call]  # no types are published for it
