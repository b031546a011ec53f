"""A switch takes what it can mean, says what it takes, and is kind when it isn't set."""

from __future__ import annotations

from typing import Any

import pytest

from datagen.domain.errors import InputError
from datagen.sandbox import Behaviour
from datagen.sandbox.behaviour import SWITCHES, read_setting


@pytest.mark.parametrize(("switch", "value"), [
    ("loss", 1.1), ("loss", -0.1), ("loss", True), ("loss", "much"), ("loss", float("nan")),
    ("latency", -1), ("latency", None), ("latency", float("inf")), ("latency", False),
    ("raw", 1), ("raw", "yes"), ("stale_hsync", -1), ("stale_hsync", 0.5), ("missing", "500"),
    ("get_file", True), ("default_targets", 1), ("default_targets", ["1"]),
    ("default_targets", [True]), ("cstore_errors", {"null": 0.1}), ("cstore_errors", {"text": 2}),
    ("cstore_errors", {"text": 0.6, "detail": 0.6}), ("cstore_errors", 0.2),
    ("r1fs_errors", "some"), ("r1fs_errors", {"text": "x"}),
])
def test_a_value_that_does_not_fit_is_refused_by_name(switch: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"The switch {switch} takes"):
        Behaviour().changed(**{switch: value})


def test_an_unknown_switch_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no switch lost.*latency"):
        Behaviour().changed(lost=1)


def test_true_is_one_change_for_stale_hsync() -> None:
    assert Behaviour(stale_hsync=True).stale_hsync == 1


def test_what_is_changed_leaves_the_rest_and_the_original() -> None:
    kind = Behaviour()
    changed = kind.changed(loss=0.5, default_targets=[1, 2])
    assert (kind.loss, changed.loss, changed.default_targets) == (0, 0.5, (1, 2))
    assert changed.changed(loss=0, default_targets=()) == kind


def test_every_switch_has_a_meaning_and_travels_as_json() -> None:
    assert all(SWITCHES.values())
    assert Behaviour().as_json().keys() == SWITCHES.keys()
    assert Behaviour().changed(**Behaviour(cstore_errors=0.1).as_json()) == Behaviour(
        cstore_errors=0.1)


@pytest.mark.parametrize(("text", "expected"), [
    ("loss=0.1", ("loss", 0.1)), ("raw=true", ("raw", True)),
    ("get_file=path", ("get_file", "path")),
    ("default_targets=[1]", ("default_targets", [1])), ("missing = result", ("missing", "result")),
    ('cstore_errors={"text": 0.1}', ("cstore_errors", {"text": 0.1})),
])
def test_a_setting_is_json_where_it_is_some(text: str, expected: tuple[str, Any]) -> None:
    assert read_setting(text) == expected


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(InputError, match="name=value"):
        read_setting("raw")
