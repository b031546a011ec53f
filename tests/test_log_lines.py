"""What people, models and peers sent is in the log as text, on a line of its own kind."""

from __future__ import annotations

import io
import logging

from hypothesis import given
from hypothesis import strategies as st

from datagen import log_lines


def written(text: str, *, broke: bool = False) -> list[str]:
    """The lines of a warning that quotes a text, or of a failure that does."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(log_lines.Plain(log_lines.FORMAT))
    error = (ValueError, ValueError(text), None) if broke else None
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 1, "It said %s.", (text,), error))
    return out.getvalue().removesuffix("\n").split("\n")


@given(st.text())
def test_no_text_begins_a_line_or_speaks_to_a_terminal(text: str) -> None:
    first, *rest = written(text, broke=True)
    assert first.startswith("WARNING It said ")
    assert rest
    assert all(line.startswith("    ") for line in rest)
    assert len(written(text)) == 1
    assert not {char for line in (first, *rest) for char in line} & {
        *map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029", "\u202e"}


def test_a_text_without_end_is_cut() -> None:
    first, *rest = written("x" * 10_000_000, broke=True)
    assert len(first) < 2_100
    assert first.endswith("… (10,000,017 characters)")
    assert sum(map(len, rest)) < 21_000


def record(at: float, text: str, *, name: str = "streamlit.x", level: int = logging.WARNING,
           broke: BaseException | None = None) -> logging.LogRecord:
    return logging.makeLogRecord({
        "created": at, "levelno": level, "msg": text, "name": name,
        "exc_info": broke and (type(broke), broke, broke.__traceback__)})


def test_what_others_cause_is_in_the_log_once_a_minute() -> None:
    seldom = log_lines.Seldom()
    told = [seldom.filter(record(at, text, level=level)) for at, level, text in (
        (0, logging.WARNING, "bad"), (59, logging.WARNING, "bad"), (59, logging.ERROR, "bad"),
        (59, logging.WARNING, "other"), (61, logging.WARNING, "bad"),
        (62, logging.INFO, "bad"), (62, logging.INFO, "bad"))]
    assert told == [True, False, True, True, True, True, True]


def test_however_many_different_ones_there_are() -> None:
    seldom = log_lines.Seldom()
    assert sum(seldom.filter(record(1, f"bad {n}")) for n in range(1_000)) == log_lines.MOST_SAID
    assert seldom.filter(record(62, "bad 1"))


def test_what_we_say_ourselves_is_said_each_time_and_where_we_break_once() -> None:
    seldom, name = log_lines.Seldom(), "datagen.ui.notices"
    assert all(seldom.filter(record(1, "Job 1 failed.", name=name)) for _ in range(3))

    def told(value: object) -> bool:
        try:
            value < 1  # noqa: B015 - it shall break
        except TypeError as exc:
            return seldom.filter(record(1, "A page broke.", name=name, broke=exc))
        return False

    assert [told("a"), told("b")] == [True, False]
    assert seldom.filter(record(1, "A page broke.", name=name, broke=KeyError("elsewhere")))
