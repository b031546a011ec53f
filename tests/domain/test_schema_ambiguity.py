"""Patterns that explode are told from those that only look alike."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.domain.schema.ambiguity import is_explosive


@pytest.mark.parametrize("pattern", [
    "^(a+)+$", "(a*)*", r"^(\w+\s?)*$", "(a|aa)+$", "(.*)*x", "(x+x+)+y", "(a|b|ab)*c",
    r"^(([a-z])+.)+[A-Z]([a-z])+$", r"([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z]+",
    r"(\d{1,3},?)+$", "(a+){30}$", "((a|b)+c?)+$", "(?:(?:a+)b?)*$", r"(\s*\w*)*$", "(?=(a+)+$)x",
    "(é+)+$", "([^,]+)*;",
])
def test_a_loop_with_two_ways_over_the_same_text_is_found(pattern: str) -> None:
    assert is_explosive(pattern)


@pytest.mark.parametrize("pattern", [
    "", "^[a-z]+(-[a-z]+)*$", r"^(\d{1,3}\.){3}\d{1,3}$", "^([A-Z][a-z]+ )+$",
    "^(red|rose|blue)(,(red|rose|blue))*$", r"^\w+( \w+)*$", r"^[A-Z]{3}-\d{4}$",
    r"^[^@\s]+@[^@\s]+\.[a-z]+$", r"^https?://[\w.-]+(/[\w./-]*)?$", r"(\d{3},?)+",
    "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==)?$", "^(true|tea|x)*$", "(a?)*",
    r"^[\w.+-]+@([\w-]+\.)+[\w-]{2,}$", "^#([0-9a-f]{3}){1,2}$", r"^(\([^)]*\))+$",
    "(é+中)+", r"^(?P<a>x)\1+$", r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)*$",
    "^[A-Za-zÀ-ÿ]+(?:[ '-][A-Za-zÀ-ÿ]+)*$", ".*foo.*",
])
def test_a_pattern_that_people_use_is_left_alone(pattern: str) -> None:
    assert not is_explosive(pattern)


@pytest.mark.parametrize("pattern", [
    "(" + "[a-z]?" * 140 + ")*", "([a-z]|" * 40 + "x" + ")*" * 40, "(" * 60 + "a" + ")+" * 60,
    "(" + "|".join(f"{chr(97 + i % 26)}.?" for i in range(30)) + "x)*",
])
def test_looking_takes_no_time_itself(pattern: str) -> None:
    begun = time.process_time()

    is_explosive(pattern)

    assert time.process_time() - begun < 1


_PIECES = st.sampled_from(["a", "b", "[ab]", ".", r"\w", "c"])
_PATTERNS = st.recursive(
    _PIECES,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,3}"]))
        .map(lambda t: f"(?:{t[0]}){t[1]}")
        | st.lists(inner, min_size=2, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda some: f"(?:{'|'.join(some)})")
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(_PATTERNS, st.text("abc", max_size=14))
def test_what_is_let_pass_answers_soon(pattern: str, text: str) -> None:
    if is_explosive(pattern):
        return
    begun = time.process_time()

    re.search(f"(?:{pattern})$", text + "!")

    assert time.process_time() - begun < 0.5
