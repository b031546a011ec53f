"""Reasons of failed records, grouped: what differs from record to record is left out.

``price: -3 is less than the minimum of 0`` and ``price: -7 is less …`` are one reason.
"""

from __future__ import annotations

import re

MOST = 240  # characters of a group's name
_STRING = r'"(?:[^"\\]|\\.)*(?:"|…)'
_VALUE = re.compile(
    # The path's own text holds no quotes as a rule; where it does, the reason stands alone.
    rf'^((?:[^":;]{{1,200}}: )?)'
    rf"(?:{_STRING}|-?\d[\d.eE+-]*|true|false|null|[\[{{].{{0,100}}?)"
    r"(?= (?:is|must|does|fits)\b)",
    re.DOTALL,
)
_COUNT = re.compile(r"\b(the (?:list|object) has )\d+\b")
_INDEX = re.compile(r"\[\d+\]")
_PART = re.compile(rf"(?:{_STRING}|(?!; ).)*", re.DOTALL)


def kind(message: str) -> str:
    """The reason without what is this record's own: its first fault, values as "…"."""
    blurred = _VALUE.sub(lambda m: f"{m[1]}…", message[:1000], count=1)
    first = _PART.match(blurred)
    text = _COUNT.sub(r"\1…", first[0] if first and first[0] else blurred)
    path, colon, rest = text.partition(": ")
    text = f"{_INDEX.sub('[]', path)}{colon}{rest}"
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"
