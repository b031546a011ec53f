"""What a target is: one edge of the product, and the rule that holds whatever comes in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Judge = Callable[[bytes], None]  # raises for what breaks the rule, whatever it raises


@dataclass(frozen=True, kw_only=True)
class Target:
    """One edge."""

    name: str
    rule: str  # what holds of it, in a sentence
    judge: Judge
    seeds: tuple[bytes, ...]  # inputs to start from, most of them sound


def target(name: str, rule: str, seeds: Iterable[object]) -> Callable[[Judge], Target]:
    """Makes a target of a function; a seed that is no text is written as JSON."""
    def made(judge: Judge) -> Target:
        return Target(name=name, rule=rule, judge=judge, seeds=tuple(map(written, seeds)))

    return made


def written(seed: object) -> bytes:
    """A seed as bytes."""
    if isinstance(seed, bytes):
        return seed
    return (seed if isinstance(seed, str) else json.dumps(seed)).encode("utf-8", "surrogatepass")


def text(data: bytes) -> str:
    """The input as text, half characters among it."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def value(data: bytes) -> Any:
    """The input as JSON of any kind; the text itself where it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return text(data)


def values(data: bytes, count: int) -> list[Any]:
    """The input as so many values: a JSON list of them, or else one text and nothing."""
    found = value(data)
    some = found if isinstance(found, list) else [found]
    return [*some, *[None] * count][:count]


def texts(data: bytes, count: int) -> list[str]:
    """The same, each as a text."""
    return [one if isinstance(one, str) else "" if one is None else json.dumps(one)
            for one in values(data, count)]
