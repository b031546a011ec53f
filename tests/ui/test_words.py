from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from datagen.ui.words import ago, code, count, drafted_in, duration, plain, when

NOW = datetime(2026, 11, 22, 10, 34, tzinfo=UTC)


@pytest.mark.parametrize(("milliseconds", "text"), [
    (0, "—"), (1, "under 0.1 s"), (49, "under 0.1 s"), (50, "0.1 s"), (1_240, "1.2 s")])
def test_a_draft_took_no_time_only_where_no_model_was_asked(milliseconds: int, text: str) -> None:
    assert drafted_in(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (9.94, "9.9 s"), (59.4, "59 s"), (60, "1 min"),
     (200, "3 min 20 s"), (7500, "2 h 5 min"), (-1, "0.0 s")],
)
def test_a_duration_reads_in_the_largest_fitting_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("passed", "text"),
    [(3, "just now"), (300, "5 min ago"), (10_800, "3 h ago"), (86_400, "1 day ago"),
     (200_000, "2 days ago")],
)
def test_a_moment_reads_as_its_age(passed: float, text: str) -> None:
    assert ago(NOW - timedelta(seconds=passed), NOW) == text


def test_a_count_agrees_with_its_noun() -> None:
    assert count(1, "record") == "1 record"
    assert count(12_000, "record") == "12,000 records"


def test_a_time_is_told_in_the_readers_zone_and_named_utc_where_that_is_unknown() -> None:
    assert when(NOW, "Europe/Bucharest") == "22 Nov 2026, 12:34"
    assert when(NOW, None) == "22 Nov 2026, 10:34 UTC"
    assert when(NOW, "No/Where") == "22 Nov 2026, 10:34 UTC"


@pytest.mark.parametrize(
    "text", ["**bold**", "[x](javascript:alert(1))", "<b>", ":red[x]", "$x$", "`code`",
             ":material/home:", "# head", "a\nb", "~~x~~", "![i](http://x)", "&amp;"],
)
def test_markdown_in_foreign_text_is_taken_literally(text: str) -> None:
    escaped = plain(text)
    for character in "*[](<>:$`#~!&":
        position = escaped.find(character)
        while position >= 0:
            assert escaped[position - 1] == "\\"
            position = escaped.find(character, position + 1)
    assert "\n" not in escaped


@pytest.mark.parametrize("text", ["name", "a`b", "`` ![x](http://x) ``", "```", "a\nb"])
def test_inline_code_can_not_be_left_from_within(text: str) -> None:
    shown = code(text)

    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    inside = shown[len(fence):-len(fence)]
    assert shown.endswith(fence)
    assert fence not in inside
    assert "\n" not in shown
