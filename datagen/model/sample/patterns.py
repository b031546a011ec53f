"""A string for a regular expression, within a length."""

from __future__ import annotations

import re
import string
from functools import lru_cache
from random import Random
from re import _constants as codes  # type: ignore[attr-defined]  # the parse tree has no public name
from re import _parser as parser  # type: ignore[attr-defined]  # the parser of re has no stubs
from typing import Any

_PRINTABLE = string.ascii_letters + string.digits + " !#$%&'()*+,-./:;<=>?@[]^_`{|}~\"\\"
_WORD = string.ascii_letters + string.digits + "_"
_USUAL = string.ascii_letters + string.digits  # what "." stands for
_FOREIGN = "".join(map(chr, [*range(0xC0, 0x180), *range(0x391, 0x3CA), 0x20AC, 0x4E2D, 9, 10]))
_CATEGORIES = {
    codes.CATEGORY_DIGIT: string.digits,
    codes.CATEGORY_WORD: _WORD,
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_NOT_DIGIT: string.ascii_letters,
    codes.CATEGORY_NOT_WORD: " -.,/",
    codes.CATEGORY_NOT_SPACE: _USUAL,
}
_MANY = 8  # how far an open repeat goes when nothing asks for more
_TRIES = 60
_MOST = 20_000  # characters; beyond it no string is made


@lru_cache(maxsize=1024)
def _parsed(pattern: str) -> tuple[Any, int, re.Pattern[str]]:
    tree = parser.parse(pattern)
    return tree, tree.getwidth()[0], re.compile(pattern)


def matching(pattern: str, rng: Random, low: int = 0, high: int | None = None) -> str | None:
    """A string in which ``pattern`` is found, of ``low`` to ``high`` characters, or None.

    The search is bounded: None says that none was found. Raises re.error for a broken pattern.
    """
    tree, width, compiled = _parsed(pattern)
    if width > _MOST or low > _MOST:
        return None
    top = high if high is not None else max(low, width) + 2 * _MANY
    for attempt in range(_TRIES):
        spare = max(0, (rng.randint(max(low, width), max(top, low, width))) - width)
        writer = _Writer(rng, spare, greedy=attempt % 3 == 2)
        text = writer.write(tree)
        if len(text) < low:
            text += "".join(rng.choices(string.ascii_lowercase, k=low - len(text)))
        if low <= len(text) and (high is None or len(text) <= high) and compiled.search(text):
            return text
    return None


class _Writer:
    """Walks a parse tree once; ``spare`` = characters that open repeats may add."""

    def __init__(self, rng: Random, spare: int, *, greedy: bool) -> None:
        self.rng = rng
        self.spare = spare
        self.greedy = greedy
        self.groups: dict[int, str] = {}

    def write(self, tree: Any) -> str:
        return "".join(self._node(op, value) for op, value in tree)

    def _node(self, op: Any, value: Any) -> str:
        if op is codes.LITERAL:
            return chr(value)
        if op is codes.NOT_LITERAL:
            return self.rng.choice(_USUAL.replace(chr(value), ""))
        if op is codes.ANY:
            return self.rng.choice(_USUAL)
        if op is codes.IN:
            return self._one_of(value)
        if op is codes.BRANCH:
            return self.write(self.rng.choice(value[1]))
        if op in {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}:
            return self._repeat(*value)
        return self._group(op, value)

    def _group(self, op: Any, value: Any) -> str:
        if op is codes.SUBPATTERN:
            text = self.write(value[3])
            if value[0] is not None:
                self.groups[value[0]] = text
            return text
        if op is codes.ATOMIC_GROUP:
            return self.write(value)
        if op is codes.GROUPREF:
            return self.groups.get(value, "")
        if op is codes.GROUPREF_EXISTS:
            group, yes, no = value
            branch = yes if group in self.groups else no
            return self.write(branch) if branch is not None else ""
        return ""  # anchors and look-arounds take no room; the match is checked at the end

    def _repeat(self, low: int, high: int, item: Any) -> str:
        width = max(1, item.getwidth()[0])
        most = min(high - low if high is not codes.MAXREPEAT else self.spare, self.spare // width)
        more = most if self.greedy else self.rng.randint(0, max(0, most))
        self.spare -= more * width
        return "".join(self.write(item) for _ in range(min(low, _MOST) + more))

    def _one_of(self, members: Any) -> str:
        negated = members[0][0] is codes.NEGATE
        if not negated:
            op, value = self.rng.choice(members)
            if op is codes.RANGE:
                return chr(self.rng.randint(*value))
            return chr(value) if op is codes.LITERAL else self.rng.choice(_CATEGORIES[value])
        for pool in (_USUAL, _PRINTABLE, _FOREIGN):
            left = [char for char in pool if not _excluded(char, members[1:])]
            if left:
                return self.rng.choice(left)
        return ""


def _excluded(char: str, members: Any) -> bool:
    """Whether a negated set names this character."""
    for op, value in members:
        if op is codes.LITERAL and ord(char) == value:
            return True
        if op is codes.RANGE and value[0] <= ord(char) <= value[1]:
            return True
        if op is codes.CATEGORY and _in_category(char, value):
            return True
    return False


def _in_category(char: str, category: Any) -> bool:
    tests = {
        codes.CATEGORY_DIGIT: char.isdigit(), codes.CATEGORY_NOT_DIGIT: not char.isdigit(),
        codes.CATEGORY_SPACE: char.isspace(), codes.CATEGORY_NOT_SPACE: not char.isspace(),
        codes.CATEGORY_WORD: char.isalnum() or char == "_",
        codes.CATEGORY_NOT_WORD: not (char.isalnum() or char == "_"),
    }
    return bool(tests.get(category, False))
