"""Numbers within the bounds of a schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from random import Random
from typing import Any

from datagen.model.sample.values import Span

_WIDE = 1000.0  # how far an open range goes


def whole(schema: Mapping[str, Any], rng: Random, usual: Span | None) -> int | None:
    """An integer that fits the bounds and multipleOf, or None when there is none."""
    low, high = _bounds(schema, usual)
    first, last = math.ceil(low), math.floor(high)
    if "exclusiveMinimum" in schema and first <= schema["exclusiveMinimum"]:
        first += 1
    if "exclusiveMaximum" in schema and last >= schema["exclusiveMaximum"]:
        last -= 1
    step = Fraction(str(schema.get("multipleOf", 1)))
    step = Fraction(step.numerator)  # the smallest whole multiple of a fraction a/b is a
    start, end = math.ceil(first / step), math.floor(last / step)
    if start > end:
        # The usual range may hold no multiple although the open range does.
        return whole(schema, rng, None) if usual is not None else None
    return int(rng.randint(start, end) * step)


def real(schema: Mapping[str, Any], rng: Random, usual: Span | None) -> float | int | None:
    """A number that fits the bounds and multipleOf, or None when none was found."""
    low, high = _bounds(schema, usual)
    if low > high:
        return None
    if "multipleOf" in schema:
        return _multiple(schema, rng, low, high)
    digits = usual.digits if usual is not None else 2
    tries: list[float | int] = [round(rng.uniform(low, high), digits) for _ in range(3)]
    tries += [rng.uniform(low, high), (low + high) / 2, low, high,
              math.nextafter(low, high), math.nextafter(high, low)]
    for number in tries:
        if _inside(schema, number):
            return int(number) if float(number).is_integer() and digits == 0 else number
    return None


def _bounds(schema: Mapping[str, Any], usual: Span | None) -> tuple[float, float]:
    lows: list[float] = [schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs: list[float] = [schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema]
    low, high = max(lows, default=None), min(highs, default=None)  # None = open
    if usual is not None:
        wished = (max(usual.low, low) if low is not None else usual.low,
                  min(usual.high, high) if high is not None else usual.high)
        if wished[0] <= wished[1]:
            return wished
    step = 20 * abs(schema.get("multipleOf", 0))
    if low is not None and high is not None:
        return low, high
    if low is not None:
        return low, low + max(_WIDE, abs(low) / 2, step)
    if high is not None:
        return high - max(_WIDE, abs(high) / 2, step), high
    return 0, max(_WIDE, step)


def _multiple(
    schema: Mapping[str, Any], rng: Random, low: float, high: float
) -> float | int | None:
    step = Fraction(str(schema["multipleOf"]))
    first, last = math.ceil(Fraction(low) / step), math.floor(Fraction(high) / step)
    if first > last:
        return None
    for _ in range(60):
        exact = rng.randint(first, last) * step
        number = int(exact) if exact.denominator == 1 else float(exact)
        # Validators divide floats, so 19.99 is no multiple of 0.01 to them: pick another.
        if _inside(schema, number) and (number / schema["multipleOf"]).is_integer():
            return number
    return None


def _inside(schema: Mapping[str, Any], number: float) -> bool:
    return (
        number >= schema.get("minimum", -math.inf)
        and number <= schema.get("maximum", math.inf)
        and number > schema.get("exclusiveMinimum", -math.inf)
        and number < schema.get("exclusiveMaximum", math.inf)
        and math.isfinite(number)
    )
