"""Finding JSON in what a model said. The text is hostile: nothing here may crash or guess."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import json_repair

MAX_REPLY = 256 * 1024  # characters; 4,096 tokens are about 16 KiB
MAX_PIECES = 50  # looked at in one reply; an answer has one or two
MAX_REPAIR = 64 * 1024  # characters; the repair is slow on big hostile texts (0.4 s for 60 KB)

_THOUGHTS = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_NO_NUMBER = re.compile(r"[:\[,]\s*[+-]?(?:NaN|Infinity|inf|nan)\s*[,}\]]")
_BEFORE_VALUE = frozenset("{[,:")  # where an apostrophe opens a text, as in {'a': 'b'}
_FENCE = re.compile(r"```[a-zA-Z0-9_+-]*[ \t]*\r?\n?(.*?)```", re.DOTALL)


def strictly(text: str) -> Any:
    """The JSON value ``text`` is, as a whole. Raises ValueError; no NaN, no Infinity."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def without_thoughts(text: str) -> str:
    """The answer alone, where the model thought aloud before it."""
    return _THOUGHTS.sub("", text, count=1)


def pieces(text: str, openers: str = "{") -> list[str]:
    """Whole bracketed texts in ``text``, fenced ones first, outermost only.

    A bracket that never closes ends the search: what follows it lies inside something
    that is torn, and a part of a torn answer is not an answer.
    """
    found: list[str] = []
    for source in (*_FENCE.findall(text), text):
        at = _next(source, openers, 0)
        while at >= 0:
            end = closing(source, at)
            if end is None:
                break
            if source[at:end] not in found:
                found.append(source[at:end])
            if len(found) == MAX_PIECES:
                return found
            at = _next(source, openers, end)
    return found


def _next(text: str, openers: str, start: int) -> int:
    return min((at for o in openers if (at := text.find(o, start)) >= 0), default=-1)


def closing(text: str, start: int) -> int | None:
    """Where the bracket at ``start`` has closed again; None when it never does."""
    depth, quote, before, at = 0, "", "", start
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char == '"' or (char == "'" and before in _BEFORE_VALUE):
            quote = char
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
            if depth == 0:
                return at + 1
        before = before if char.isspace() else char
        at += 1
    return None


def repaired(text: str) -> Any:
    """What a damaged JSON text means. Raises ValueError where that would be a guess.

    Commas, quotes, comments and the like are mended; a missing value is not invented.
    """
    if len(text) > MAX_REPAIR:
        raise ValueError("too long to repair")
    if _NO_NUMBER.search(text):
        raise ValueError("a value is no number")  # the library would make a text of it
    try:
        value = json.loads(text, strict=False, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    except ValueError:
        try:
            value = json_repair.loads(text, skip_json_loads=True, strict=True)
            value = strictly(json.dumps(value, allow_nan=False))
        except (RecursionError, TypeError, IndexError, AttributeError) as exc:
            raise ValueError("damaged beyond repair") from exc
    return value
