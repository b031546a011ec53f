"""Patterns that no text can match: ``a^``, ``[^\\s\\S]``, a text longer than it may be.

Only what is certain is said; whether lookarounds contradict each other stays unfound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as codes  # type: ignore[attr-defined]  # the parse tree has no public name
from re import _parser as parser  # type: ignore[attr-defined]  # the parser of re has no stubs
from typing import Any, NamedTuple

from datagen.domain.schema.ambiguity import REPEATS, is_empty_class

_ENDS = {codes.AT_END, codes.AT_END_STRING}
_STARTS = {codes.AT_BEGINNING, codes.AT_BEGINNING_STRING}
_TAKE_ONE = {codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN}


class _State(NamedTuple):
    """What is certain at a point of the pattern."""

    taken: bool = False  # at least one character stands before it
    ended: bool = False  # nothing but a last newline may follow


def matches_nothing(pattern: str) -> bool:
    """Whether no text at all matches the pattern. Raises re.error."""
    tree = parser.parse(pattern)
    if tree.state.flags & re.MULTILINE:
        return False  # ^ and $ stand at every line
    return _after(tree, _State()) is None


def lengths(pattern: str) -> tuple[int, int | None]:
    """Least and most characters of a matching text; None = no limit. Raises re.error."""
    tree = parser.parse(pattern)
    low, high = tree.getwidth()
    held = (len(tree) > 1 and tree[0][0] is codes.AT and tree[0][1] in _STARTS
            and tree[-1][0] is codes.AT and tree[-1][1] in _ENDS
            and not tree.state.flags & re.MULTILINE)
    most = high + 1 if held and high < 2**31 else None  # $ lets a newline follow
    return low, most


def _after(tree: Iterable[Any], state: _State) -> _State | None:
    """What is certain behind a sequence; None when nothing can match it."""
    for op, value in tree:
        found = _step(op, value, state)
        if found is None:
            return None
        state = found
    return state


def _step(op: Any, value: Any, state: _State) -> _State | None:
    if op is codes.AT:
        if value in _STARTS:
            return None if state.taken else state
        return state._replace(ended=True) if value in _ENDS else state
    if op in _TAKE_ONE:
        newline = op is codes.IN or (op is codes.LITERAL and value == 10)
        newline = newline or op is codes.NOT_LITERAL
        dead = is_empty_class(op, value) or (state.ended and not newline)
        return None if dead else state._replace(taken=True)
    if op in REPEATS:
        low, _, item = value
        return _after(item, state) if low else state
    if op is codes.BRANCH:
        return _either([_after(branch, state) for branch in value[1]])
    if op is codes.SUBPATTERN:
        return _after(value[3], state)
    if op is codes.ATOMIC_GROUP:
        return _after(value, state)
    return _look(op, value, state)


def _look(op: Any, value: Any, state: _State) -> _State | None:
    """Lookarounds take nothing; some of them can never hold."""
    if op is codes.ASSERT_NOT:
        return None if not len(value[1]) else state  # (?!) never holds
    if op is codes.ASSERT and value[0] > 0:
        return None if _after(value[1], state) is None else state
    return None if op is codes.FAILURE else state


def _either(found: list[_State | None]) -> _State | None:
    alive = [state for state in found if state is not None]
    if not alive:
        return None
    return _State(all(s.taken for s in alive), all(s.ended for s in alive))
