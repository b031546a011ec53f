"""A chosen file: what a browser makes of it, or what a forged message claims it did."""

from __future__ import annotations

from typing import Any

import pytest

from datagen.domain.errors import InputError
from datagen.ui.file_box import ENDINGS, ChosenFile, read


@pytest.mark.parametrize("ending", [*ENDINGS, ".JSON", ".Csv"])
def test_a_file_gives_its_text_and_a_title(ending: str) -> None:
    assert read({"name": f"garden_birds_2026{ending}", "text": "a,b\n1,2\n"}) == ChosenFile(
        title="Garden birds 2026", text="a,b\n1,2\n")


@pytest.mark.parametrize(("sent", "told"), [
    ({"name": "a.csv", "problem": "size"}, "a.csv is larger than 500 KB"),
    ({"name": "a.csv", "problem": "encoding"}, "a.csv is not UTF-8 text"),
    ({"name": "a.csv", "problem": "unreadable"}, "a.csv can't be read by your browser"),
    ({"name": "a.csv", "text": ""}, "a.csv is empty"),
    ({"name": "a.json", "text": "\ufeff \n"}, "a.json is empty"),
    ({"name": "photo.png", "text": "a,b"}, "photo.png is neither JSON nor CSV"),
    ({"name": "csv", "text": "a,b"}, "csv is neither JSON nor CSV"),
    ({"name": "a" * 300 + ".csv", "text": ""}, "aaa… is empty"),
])
def test_what_is_wrong_with_a_file_is_told_by_its_name(sent: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(sent)

    assert told in str(caught.value)


@pytest.mark.parametrize("sent", [
    7, "a.csv", [], {}, {"name": None, "text": "a"}, {"name": "\ud800.csv", "text": "a"},
    {"name": "a.csv"}, {"name": "a.csv", "text": 7}, {"name": "a.csv", "text": "\ud800"},
    {"name": "a.csv", "problem": ["size"]}, {"name": "a.csv", "problem": "other"},
])
def test_a_forged_message_is_refused_with_a_sentence(sent: Any) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        read(sent)
