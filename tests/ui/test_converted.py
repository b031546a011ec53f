"""The job page's table of converted values."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _script(counts: list[dict[str, int]]) -> None:
    from types import SimpleNamespace

    from datagen.ui import job_view

    states = {str(n): SimpleNamespace(coerced=coerced) for n, coerced in enumerate(counts)}
    job_view.converted(SimpleNamespace(states=states))


def shown(*counts: dict[str, int]) -> AppTest:
    at = AppTest.from_function(_script, args=(list(counts),)).run()
    assert not at.exception
    return at


def test_converted_values_are_summed_over_peers_the_most_frequent_first() -> None:
    at = shown({"price": 2, "items[].id": 1}, {"items[].id": 4})
    assert "Values converted" in at.markdown[0].value
    assert at.dataframe[0].value.values.tolist() == [["items[].id", 5], ["price", 2]]


def test_without_converted_values_there_is_no_table() -> None:
    at = shown({}, {})
    assert not at.dataframe
    assert not at.markdown
