"""Items that can't be equal: what stands in for ``uniqueItems``, which no decoder holds.

Each place of the list gets a part of the item's values of its own. Works on the copies of
``constrain``: bounded, without keywords that a decoder can't hold.
"""

from __future__ import annotations

import itertools
import json
import re
import string
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from datagen.model.sample.patterns import matching

_EXAMPLES = 40  # of a pattern
_PLAIN = frozenset(string.ascii_letters + string.digits)
_CENT = 0.01  # the step of numbers in the copies


def parts(item: Any, most: int) -> list[dict[str, Any]]:
    """Up to ``most`` schemas, no value fits two of them; fewer where there are fewer values.

    Empty where it can't be told, as for choices and references.
    """
    if not isinstance(item, Mapping):
        return []
    if "enum" in item:
        return _of_values(item["enum"], most)
    if item.get("type") == "boolean":
        return _of_values([True, False], most)
    if item.get("type") in ("integer", "number"):
        return _of_numbers(item, most)
    if item.get("type") == "string":
        return _of_pattern(item, most) if "pattern" in item else _of_texts(item, most)
    if item.get("type") == "object":
        return _of_objects(item, most)
    return []


def _of_values(values: Any, most: int) -> list[dict[str, Any]]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        return []
    values = list({json.dumps(value): value for value in values}.values())
    some = [values[start::most] for start in range(most)]
    return [{"enum": part} for part in some if part]


def _of_numbers(item: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    low, high = item["minimum"], item["maximum"]
    cents = item["type"] == "number"
    if item.get("multipleOf", _CENT) != _CENT or (cents and "multipleOf" not in item):
        return []
    scale = 100 if cents else 1
    first, last = round(low * scale), round(high * scale)
    if first / scale != low or last / scale != high:
        return []
    size = last - first + 1
    count = min(most, size)
    edges = [first + size * place // count for place in range(count + 1)]
    bounds = [(start, end - 1) for start, end in itertools.pairwise(edges)]
    if cents:
        return [{**item, "minimum": start / scale, "maximum": end / scale}
                for start, end in bounds]
    return [{**item, "minimum": start, "maximum": end} for start, end in bounds]


def _of_texts(item: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """Texts whose first letters differ."""
    low, high = item.get("minLength", 1), item.get("maxLength", 1)
    if high < 1:
        return []
    found = []
    for place in range(min(most, len(string.ascii_lowercase))):
        letters = string.ascii_lowercase[place::most]
        head = f"[{letters}{letters.upper()}]"
        found.append({"type": "string", "pattern":
                      f"^{head}[A-Za-z0-9 ,.'-]{{{max(low - 1, 0)},{high - 1}}}$"})
    return found


def _of_pattern(item: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """Texts of a pattern that differ in one letter or digit, at a place that each of them has.

    What may stand there is seen in examples; a part that no text fits would free the decoder.
    """
    rng = Random(0)  # noqa: S311 - repeatable, not secret
    try:
        made = [matching(item["pattern"], rng, item.get("minLength", 0), item.get("maxLength"))
                for _ in range(_EXAMPLES)]
    except (re.error, OverflowError, RecursionError):
        return []
    texts = [text for text in made if text]
    columns = [sorted(set(column)) for column in zip(*texts, strict=False)]
    usable = [(place, chars) for place, chars in enumerate(columns)
              if all(char in _PLAIN for char in chars)]
    place, chars = max(usable, key=lambda each: min(len(each[1]), most), default=(0, []))
    groups = [chars[start::most] for start in range(most)]
    return [{"allOf": [dict(item), {"pattern": f"^.{{{place}}}[{''.join(group)}]"}]}
            for group in groups if group]


def _of_objects(item: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """Objects that differ in one required field: the one with the most values."""
    fields = item.get("properties", {})
    best: tuple[str, list[dict[str, Any]]] = ("", [])
    for name in item.get("required", []):
        found = parts(fields.get(name), most)
        if len(found) > len(best[1]):
            best = name, found
    name, found = best
    return [{**item, "properties": {**fields, name: part}} for part in found]
