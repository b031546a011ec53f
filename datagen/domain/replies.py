"""Finding JSON in what a model said. The text is hostile: nothing here may crash or guess."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import json_repair

from datagen.domain import lenient

MAX_REPLY = 256 * 1024  # characters; 4,096 tokens are about 16 KiB
MAX_PIECES = 50  # looked at in one reply; an answer has one or two
MAX_REPAIR = 64 * 1024  # characters; the repair is slow on big hostile texts (0.4 s for 60 KB)
MAX_WRAPS = 3  # JSON in a text in JSON

_INVISIBLE = "\ufeff\u200b\u2060"  # byte order marks and the like around an answer
_THOUGHTS = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THINKING = re.compile(r"\A\s*<(?:think|thinking|reasoning)>", re.IGNORECASE)
_NO_NUMBER = re.compile(r"[:\[,]\s*[+-]?(?:NaN|Infinity|inf|nan)\s*[,}\]]")
_BEFORE_VALUE = frozenset("{[,:")  # where an apostrophe opens a text, as in {'a': 'b'}
_FENCE = re.compile(r"```[a-zA-Z0-9_+-]*[ \t]*\r?\n?(.*?)```", re.DOTALL)
_FENCED = re.compile(r"```[a-zA-Z0-9_+-]*\s*\Z")  # what stands before a fenced value
_ALL_FENCED = re.compile(r"\A```[a-zA-Z0-9_+-]*\s(.*?)```\Z", re.DOTALL)
_FIELD_BEFORE = re.compile(r"[\"'“”‘’]\s*:\s*\Z")
_LIKE_JSON = re.compile(
    r"\{\s*\\*(?:[\"'“”„‘’‚]|[A-Za-z_$][\w$]*\s*:|//|#|/\*|,)|\[\s*\\*[\[{\"“]")
_ESCAPED = re.compile(r"\A[\[{]\s*(?:\\n\s*)*\\+\"")
_EXACT = json.JSONDecoder(parse_constant=lenient.refuse, parse_float=lenient.finite,
                          parse_int=lenient.whole, object_pairs_hook=lenient.once)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The JSON values of a reply, in their order, outermost only."""

    values: tuple[Any, ...] = ()
    fenced: tuple[bool, ...] = ()  # of each value, whether it stands at the top of a fence
    damaged: bool = False  # there is more, which can't be read: the values may be parts of it
    torn: str = ""  # all of the reply from the bracket that never closes; "" = none


def find(text: str, *, repair: bool, wraps: int = 0) -> Found:
    """All JSON in a reply; ``repair`` also reads what is damaged but can mean one thing only."""
    text = text.strip().strip(_INVISIBLE).strip()
    inside = _ALL_FENCED.match(text)
    for source in (text, inside.group(1).strip() if inside else ""):
        try:
            value = exactly(source)
        except ValueError:
            continue
        if isinstance(value, str) and wraps < MAX_WRAPS:
            return find(value, repair=repair, wraps=wraps + 1)
        return Found(values=(value,), fenced=(False,))
    text = without_thoughts(text).strip()
    if _THINKING.match(text):
        return Found(damaged=True, torn=text)  # it never came to an answer
    if repair and wraps < MAX_WRAPS and _ESCAPED.match(text):
        try:
            return find(json.loads(f'"{text}"', strict=False), repair=repair, wraps=wraps + 1)
        except ValueError:
            return Found(damaged=True)
    return _scanned(text, repair=repair)


def _scanned(text: str, *, repair: bool) -> Found:
    """The values in a text that is no JSON as a whole.

    A value counts only if it can't be a part of something bigger whose other part is lost:
    no closing bracket and no half of a field may stand outside of values.
    """
    values: list[Any] = []
    fenced: list[bool] = []
    end, at = 0, _next(text, "{[", 0)
    for _ in range(MAX_PIECES):
        if at < 0:
            break
        between = text[end:at]
        if _is_inside(between):
            return Found(damaged=True)
        try:
            value, end = _one(text, at, repair=repair)
            values.append(value)
            fenced.append(_FENCED.search(between) is not None)
        except ValueError:
            shut = closing(text, at)
            if shut is None:
                return Found(values=tuple(values), fenced=tuple(fenced), damaged=True,
                             torn=text[at:])
            if _LIKE_JSON.match(text, at):
                return Found(damaged=True)
            end = shut
        at = _next(text, "{[", end)
    if at >= 0 or _is_inside(text[end:]):
        return Found(damaged=True)
    return Found(values=tuple(values), fenced=tuple(fenced))


def _is_inside(between: str) -> bool:
    """Whether a text beside a value shows that the value is a part of something torn."""
    return "}" in between or "]" in between or _FIELD_BEFORE.search(between) is not None


def _one(text: str, at: int, *, repair: bool) -> tuple[Any, int]:
    try:
        return _EXACT.raw_decode(text, at)
    except (ValueError, RecursionError) as exc:
        if not repair or len(text) > MAX_REPAIR:
            raise ValueError("not JSON") from exc
    return lenient.prefix(text, at)


def exactly(text: str) -> Any:
    """The JSON value ``text`` is, as a whole, no field in it twice. Raises ValueError."""
    try:
        return _EXACT.decode(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def strictly(text: str) -> Any:
    """The JSON value ``text`` is, as a whole. Raises ValueError; no NaN, no Infinity."""
    try:
        return json.loads(text, parse_constant=lenient.refuse, parse_float=lenient.finite)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def without_thoughts(text: str) -> str:
    """The answer alone, where the model thought aloud before it."""
    if "</think>" in text and "<think" not in text:  # some servers drop the first tag
        return text.rpartition("</think>")[2]
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
    """What a damaged draft most likely means, by a library. Raises ValueError.

    Guesses: good enough for a draft, which a person looks through, never for a record.
    """
    if len(text) > MAX_REPAIR:
        raise ValueError("too long to repair")
    if _NO_NUMBER.search(text):
        raise ValueError("a value is no number")  # the library would make a text of it
    try:
        value = json.loads(text, strict=False, parse_constant=lenient.refuse,
                           parse_float=lenient.finite)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    except ValueError:
        try:
            value = json_repair.loads(text, skip_json_loads=True, strict=True)
            value = strictly(json.dumps(value, allow_nan=False))
        except (RecursionError, TypeError, IndexError, AttributeError) as exc:
            raise ValueError("damaged beyond repair") from exc
    return value
