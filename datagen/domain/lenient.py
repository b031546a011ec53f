"""JSON as models write it: what can mean one thing only is read, the rest is refused.

Beyond JSON: comments, a trailing comma, a comma that is missing before a quoted field name,
line breaks in texts, single and typographic quotes, bare field names, Python's ``True``,
``False`` and ``None``. Nothing is guessed: no quote, bracket or value is added, and a field
that stands there twice, a number that is none or a comment for a field ends the reading.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

MAX_DEPTH = 100  # nested values; a schema has 10 levels

_GAP = re.compile(r"(?:[\s\ufeff\u200b]+|//[^\n]*|#[^\n]*|/\*.*?\*/)*", re.DOTALL)
_ELISION = re.compile(r"\.\.\.|…|[\"'“”‘’]\s*:")  # "... and so on", or a field in a comment
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])")
_WORD = re.compile(r"(?:true|false|null|True|False|None)(?![\w.+-])")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}


def _between(chars: str) -> re.Pattern[str]:
    return re.compile(rf"[^{chars}\\]*(?:\\.[^{chars}\\]*)*", re.DOTALL)


_TEXTS = {  # opening quote: what may stand between, and the quotes that close
    '"': (_between('"'), '"'),
    "'": (_between("'"), "'"),
    **dict.fromkeys("“”„", (_between('“”„"'), "“”")),
    **dict.fromkeys("‘’‚", (_between("‘’‚'"), "‘’")),
}
_ESCAPED = re.compile(r"\\x[0-9a-fA-F]{2}|\\.|\"", re.DOTALL)


def refuse(name: str) -> NoReturn:
    """For ``parse_constant``: NaN and Infinity are no JSON."""
    raise ValueError(f"{name} is not JSON")


def finite(text: str) -> float:
    """For ``parse_float``: raises ValueError for a number no file can hold."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def whole(text: str) -> int | float:
    """For ``parse_int``: minus zero keeps its sign."""
    return -0.0 if text == "-0" else int(text)


def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """For ``object_pairs_hook``: which of two values was meant can't be told."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands there twice")
    return found


def prefix(text: str, start: int) -> tuple[Any, int]:
    """The object or list that begins at ``start``, and where it ends. Raises ValueError."""
    reader = _Reader(text, start)
    return reader.value(), reader.at


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at
        self.depth = 0

    def value(self) -> Any:
        char = self.text[self.at : self.at + 1]
        if char in {"{", "["}:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ValueError("nested too deeply")
            self.at += 1
            found = self._object() if char == "{" else self._list()
            self.depth -= 1
            return found
        if char in _TEXTS:
            return self._text(char)
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            return json.loads(number.group(), parse_float=finite, parse_int=whole)
        if word := _WORD.match(self.text, self.at):
            self.at = word.end()
            return _WORDS[word.group()]
        raise ValueError(f"no value at {self.at}")

    def _object(self) -> dict[str, Any]:
        pairs: list[tuple[str, Any]] = []
        self._gap()
        while not self._take("}"):
            name = self._name()
            self._gap()
            if not self._take(":"):
                raise ValueError(f"no colon at {self.at}")
            self._gap()
            pairs.append((name, self.value()))
            gap = self._gap()
            if self._take(","):
                self._gap()
            elif not self._ahead("}") and not (gap and self._ahead(*_TEXTS)):
                raise ValueError(f"no comma at {self.at}")
        return once(pairs)

    def _list(self) -> list[Any]:
        found: list[Any] = []
        self._gap()
        while not self._take("]"):
            found.append(self.value())
            self._gap()
            if self._take(","):
                self._gap()
            elif not self._ahead("]"):
                raise ValueError(f"no comma at {self.at}")
        return found

    def _name(self) -> str:
        char = self.text[self.at : self.at + 1]
        if char in _TEXTS:
            return self._text(char)
        name = _NAME.match(self.text, self.at)
        if name is None:
            raise ValueError(f"no field name at {self.at}")
        self.at = name.end()
        return name.group()

    def _text(self, quote: str) -> str:
        between, closing = _TEXTS[quote]
        inside = between.match(self.text, self.at + 1)
        end = inside.end() if inside else len(self.text)
        if self.text[end : end + 1] not in set(closing):
            raise ValueError(f"the text at {self.at} does not end")
        raw = self.text[self.at + 1 : end]
        if quote != '"':
            raw = _ESCAPED.sub(lambda found: _as_json(found.group(), quote), raw)
        self.at = end + 1
        return str(json.loads(f'"{raw}"', strict=False))

    def _gap(self) -> bool:
        """Pass over spaces and comments; whether there were any."""
        found = _GAP.match(self.text, self.at)
        passed = found.group() if found else ""
        if _ELISION.search(passed):
            raise ValueError("something is left out")
        self.at += len(passed)
        return bool(passed)

    def _ahead(self, *chars: str) -> bool:
        return self.text[self.at : self.at + 1] in chars

    def _take(self, char: str) -> bool:
        if self._ahead(char):
            self.at += 1
            return True
        return False


def _as_json(part: str, quote: str) -> str:
    """A part of a text between other quotes, as it stands between JSON's."""
    if part == '"':
        return '\\"'
    if part == "\\'":
        return "'"
    if part.startswith("\\x"):
        if quote != "'" or len(part) < 4:  # Python's way to write a character
            raise ValueError("an escape that JSON does not know")
        return f"\\u00{part[2:]}"
    return part
