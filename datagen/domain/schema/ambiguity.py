"""Patterns that can take for ever: some text can be matched in exponentially many ways.

``(a+)+$`` tries every way to part a row of a's before it gives up. Such a pattern has a
place in its automaton that leads back to itself by two ways over the same characters
(Weber and Seidl 1991, criterion EDA); this looks for one, loop by loop. Slower kinds of
trouble (``.*.*.*x``) stay unfound: the worker bounds the time of each check besides.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from re import _constants as codes  # type: ignore[attr-defined]  # the parse tree has no public name
from re import _parser as parser  # type: ignore[attr-defined]  # the parser of re has no stubs
from typing import Any

MAX_PLACES = 60  # in one loop; a longer one is let pass
MAX_STEPS = 2_000  # of the search in one loop; what it has not found by then is let pass
_MANY = 10  # a fixed count from which a repeat is as good as endless
_ASCII = "".join(map(chr, range(128)))
_SPREAD = frozenset(_ASCII + "é٣\u2003€😀\U0010ffff")  # a character of each kind
_REST = "中"  # stands for all characters that no part of the pattern names
_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d", codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s", codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w", codes.CATEGORY_NOT_WORD: r"\W",
}
REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A piece of the pattern: whether it can be empty, and where it begins and ends."""

    nullable: bool = True
    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()


@dataclass
class _Automaton:
    """Glushkov's: a place per character of the pattern; a way that exists twice is kept twice."""

    alphabet: str
    masks: list[int] = field(default_factory=list)
    ways: list[list[int]] = field(default_factory=list)
    ambiguous: bool = False

    def sequence(self, tree: Any) -> _Part:
        whole = _Part()
        for op, value in tree:
            whole = self._joined(whole, self._part(op, value))
        return whole

    def _part(self, op: Any, value: Any) -> _Part:
        if op in REPEATS:
            return self._repeat(*value)
        if op is codes.BRANCH:
            return _either([self.sequence(branch) for branch in value[1]])
        if op is codes.SUBPATTERN:
            return self.sequence(value[3])
        if op is codes.ATOMIC_GROUP:
            return self.sequence(value)
        if op in {codes.ASSERT, codes.ASSERT_NOT}:
            self.sequence(value[1])
            return _Part()
        mask = _taken(op, value, self.alphabet)
        if mask is None:
            return _Part()  # an anchor or a reference
        self.masks.append(mask)
        self.ways.append([])
        here = (len(self.masks) - 1,)
        return _Part(nullable=False, first=here, last=here)

    def _joined(self, left: _Part, right: _Part) -> _Part:
        for place in left.last:
            self.ways[place] += right.first
        return _Part(
            nullable=left.nullable and right.nullable,
            first=left.first + (right.first if left.nullable else ()),
            last=right.last + (left.last if right.nullable else ()),
        )

    def _repeat(self, low: int, high: int, item: Any) -> _Part:
        start = len(self.masks)
        part = self.sequence(item)
        if high >= _MANY or 1 < high != low:
            for place in part.last:
                self.ways[place] += part.first
            places = range(start, len(self.masks))
            if not self.ambiguous and len(places) <= MAX_PLACES:
                self.ambiguous = self._two_ways(places)
        return _Part(nullable=part.nullable or low == 0, first=part.first, last=part.last)

    def _two_ways(self, places: range) -> bool:
        """Whether two ways through the loop part and meet again over the same text.

        All places of a loop lead to one another, so what meets once can meet for ever.
        """
        waiting = [(place, place) for place in places]
        seen = set(waiting)
        for _ in range(MAX_STEPS):
            if not waiting:
                return False
            left, right = waiting.pop()
            if left == right and len(set(self.ways[left])) < len(self.ways[left]):
                return True
            for pair in self._next(left, right):
                if left != right and pair[0] == pair[1]:
                    return True
                if pair not in seen:
                    seen.add(pair)
                    waiting.append(pair)
        return False

    def _next(self, left: int, right: int) -> Iterator[tuple[int, int]]:
        for one in self.ways[left]:
            for other in self.ways[right]:
                if self.masks[one] & self.masks[other]:
                    yield one, other


def is_explosive(pattern: str) -> bool:
    """Whether some text makes the pattern try exponentially many ways. Raises re.error."""
    named = "".join(sorted({char for char in pattern if char > _ASCII[-1]} - {_REST}))
    automaton = _Automaton(alphabet=_ASCII + named + _REST)
    automaton.sequence(parser.parse(pattern))
    return automaton.ambiguous


def open_repeats(pattern: str) -> int:
    """How many repeats of a pattern have no end. Raises re.error."""
    return _open_repeats(parser.parse(pattern))


def _open_repeats(part: Any) -> int:
    if isinstance(part, parser.SubPattern | list | tuple):
        # Codes are numbers, as groups are: only a code's own kind tells them apart.
        repeat = (isinstance(part, tuple) and len(part) > 1
                  and type(part[0]) is type(codes.MAX_REPEAT) and part[0] in REPEATS)
        own = 1 if repeat and part[1][1] >= codes.MAXREPEAT else 0
        return own + sum(_open_repeats(inner) for inner in part)
    return 0


def _either(parts: list[_Part]) -> _Part:
    return _Part(
        nullable=any(part.nullable for part in parts),
        first=tuple(place for part in parts for place in part.first),
        last=tuple(place for part in parts for place in part.last),
    )


def _taken(op: Any, value: Any, alphabet: str) -> int | None:
    """The characters a node takes, a bit each; None for a node that takes none."""
    if op is codes.IN:
        named = [item for item in value if item[0] is not codes.NEGATE]
        chars = {char for item in named for char in alphabet if _fits(char, *item)}
        if len(named) < len(value):
            chars = set(alphabet) - chars
    elif op in {codes.LITERAL, codes.NOT_LITERAL, codes.ANY}:
        chars = {char for char in alphabet if _fits(char, op, value)}
    else:
        return None
    return sum(1 << at for at, char in enumerate(alphabet) if char in chars)


def is_empty_class(op: Any, value: Any) -> bool:
    """Whether a set such as ``[^\\s\\S]`` has no character at all in it."""
    if op is not codes.IN or value[0][0] is not codes.NEGATE:
        return False
    named = value[1:]
    ends = [limits[1] for kind, limits in named if kind is codes.RANGE]
    ends += [char for kind, char in named if kind is codes.LITERAL]
    tried = _SPREAD | {chr(end + 1) for end in ends if end < sys.maxunicode}
    return all(any(_fits(char, *item) for item in named) for char in tried)


def _fits(char: str, op: Any, value: Any) -> bool:
    if op is codes.LITERAL:
        return bool(ord(char) == value)
    if op is codes.NOT_LITERAL:
        return bool(ord(char) != value)
    if op is codes.RANGE:
        return bool(value[0] <= ord(char) <= value[1] or (char == _REST and value[1] > 127))
    if op is codes.CATEGORY:
        return re.match(_CATEGORIES[value], char) is not None
    return char != "\n"  # any
