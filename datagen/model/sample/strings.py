"""Strings by format, pattern, name and length."""

from __future__ import annotations

import re
import string

from datagen.model.sample import formats, patterns
from datagen.model.sample.merge import Schema
from datagen.model.sample.scene import Scene
from datagen.model.sample.values import by_name, plain

_LONGEST = 100_000  # characters; beyond it no string is made
_TRIES = 8


def text(schema: Schema, name: str, scene: Scene, *, plainly: bool) -> str | None:
    """A string for the schema's string keywords, or None when none was found.

    ``plainly``: letters without a meaning, for rules that sensible values don't meet.
    """
    low, high = int(schema.get("minLength", 0)), schema.get("maxLength")
    high = None if high is None else int(high)
    if low > _LONGEST or (high is not None and high < low):
        return None
    if "format" in schema:
        found = _formatted(schema, name, scene, low, high)
        if found is not None:
            return found
    if "pattern" in schema:
        return _patterned(schema["pattern"], name, scene, low, high)
    if plainly:
        length = scene.rng.randint(low, min(low + 10, high if high is not None else low + 10))
        return "".join(scene.rng.choices(string.ascii_lowercase, k=length))
    return fitted(by_name(name, scene) or plain(scene), low, high, scene)


def _formatted(
    schema: Schema, name: str, scene: Scene, low: int, high: int | None
) -> str | None:
    kind, pattern = schema["format"], schema.get("pattern")
    for attempt in range(_TRIES):
        if kind == "email" and attempt == 0:
            found: str | None = formats.email(scene.rng, scene.first_name, scene.last_name)
        elif attempt % 2 == 0:
            found = formats.by_format(kind, scene.rng)
        else:
            top = high if high is not None else low + 20
            found = formats.stretched(kind, scene.rng.randint(low, min(top, low + 30)), scene.rng)
        if found is not None and _inside(found, low, high) and _has(pattern, found):
            return found
    return None


def _patterned(
    pattern: str, name: str, scene: Scene, low: int, high: int | None
) -> str | None:
    wished = by_name(name, scene)
    if wished is not None and _inside(wished, low, high) and _has(pattern, wished):
        return wished
    return patterns.matching(pattern, scene.rng, low, high)


def _inside(found: str, low: int, high: int | None) -> bool:
    return low <= len(found) and (high is None or len(found) <= high)


def _has(pattern: str | None, found: str) -> bool:
    return pattern is None or re.search(pattern, found) is not None


def fitted(found: str, low: int, high: int | None, scene: Scene) -> str:
    """``found`` cut at a word, or made longer with sentences or letters."""
    while len(found) < low:
        gap = low - len(found)
        if gap > 12 or " " in found:
            found = f"{found.rstrip()} {scene.sentence()}"
        else:
            found += "".join(scene.rng.choices(string.ascii_lowercase, k=gap))
    if high is None or len(found) <= high:
        return found
    cut = found[:high + 1].rsplit(" ", 1)[0].rstrip(" ,.;:-!?")[:high]
    return cut if len(cut) >= max(low, high // 2) else found[:high]
