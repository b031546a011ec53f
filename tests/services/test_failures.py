"""Five hundred failures for one reason are one line."""

from __future__ import annotations

import pytest

from datagen.domain.exports import ResultLine
from datagen.services.failures import MAX_EXAMPLES, MAX_GROUPS, OTHER, grouped, some_of


def failed(i: int, error: str) -> ResultLine:
    return ResultLine(i=i, ok=False, error=error, raw=f"reply {i}")


def test_failures_are_grouped_by_reason_the_most_frequent_first() -> None:
    lines = [failed(0, "rare."), ResultLine(i=1, ok=True, data={})]
    lines += [failed(i, f"price: -{i} is less than the minimum of 0") for i in range(2, 502)]

    many, rare = grouped(lines)

    assert (many.reason, many.count) == ("price: … is less than the minimum of 0", 500)
    assert [one.index for one in many.examples] == list(range(2, 2 + MAX_EXAMPLES))
    assert many.examples[0].message == "price: -2 is less than the minimum of 0"
    assert many.examples[0].raw == "reply 2"
    assert (rare.reason, rare.count) == ("rare.", 1)


def test_reasons_without_end_are_bounded_and_none_is_lost() -> None:
    groups = grouped(failed(i, f"reason {i}.") for i in range(1000))
    assert len(groups) == MAX_GROUPS + 1
    assert (groups[0].reason, sum(group.count for group in groups)) == (OTHER, 1000)


def test_no_failure_is_no_group() -> None:
    assert grouped([ResultLine(i=0, ok=True, data={})]) == ()


@pytest.mark.parametrize("reasons", [1, 3, 1000])
def test_page_by_page_each_failure_is_in_its_group_once(reasons: int) -> None:
    lines = [failed(i, f"reason {i % reasons}.") for i in range(1000)]
    seen: list[int] = []
    for group in grouped(lines):
        pages = [some_of(lines, group.reason, offset=at, limit=100)
                 for at in range(0, group.count + 100, 100)]
        found = [one.index for page in pages for one in page]
        assert len(found) == group.count
        assert pages[0][: MAX_EXAMPLES] == group.examples
        seen += found
    assert sorted(seen) == list(range(1000))
