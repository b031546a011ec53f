"""What a job's page tells of its calls to the model."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest


def _script(usages: list[dict[str, int]], under_way: list[tuple[int, int | None]],
            is_over: bool) -> None:
    from types import SimpleNamespace

    from datagen.domain.usage import Usage
    from datagen.ui import job_calls

    states = {str(n): SimpleNamespace(usage=Usage(**usage), under_way=calls, allowed=allowed)
              for n, (usage, (calls, allowed)) in enumerate(zip(usages, under_way, strict=True))}
    job_calls.draw(SimpleNamespace(states=states, heard=states,
                                   job=SimpleNamespace(is_over=is_over)))


USED = {"calls": 1_240, "attempts": 1_200, "prompt_tokens": 90_000, "completion_tokens": 12_000,
        "working_ms": 125_000, "waiting_ms": 4_000}


def shown(*usages: dict[str, int], under_way: list[Any] | None = None,
          is_over: bool = False) -> dict[str, str]:
    calls = under_way or [(0, None)] * len(usages)
    at = AppTest.from_function(
        _script, args=(list(usages), calls, is_over), default_timeout=30).run()
    assert not at.exception
    if not at.table:
        assert not at.markdown
        return {}
    return {name: value.replace("\\", "") for name, value in at.table[0].value.to_numpy().tolist()}


def test_before_the_first_call_nothing_is_drawn() -> None:
    assert shown({}) == {}


def test_one_peers_calls_are_told_in_plain_words() -> None:
    assert shown(USED, under_way=[(7, 8)]) == {
        "Under way": "7 of at most 8 at once",
        "Made": "1,240, of which 1,200 were answered",
        "Tokens": "90,000 in prompts, 12,000 in answers",
        "Time": "2 min 5 s with a call under way, 4.0 s without",
    }


def test_several_peers_are_told_together() -> None:
    said = shown(USED, USED, {}, under_way=[(7, 8), (2, 3), (0, None)])
    assert said["Under way"] == "9 of at most 11 at once, on 2 peers"
    assert said["Made"] == "2,480, of which 2,400 were answered"


@pytest.mark.parametrize(("estimated", "words"), [
    (500, "; 500 of them estimated, since the model server did not say"),
    (102_000, "; all estimated, since the model server did not say")])
def test_tokens_that_the_server_did_not_tell_are_marked(estimated: int, words: str) -> None:
    assert shown({**USED, "estimated_tokens": estimated})["Tokens"] == (
        "90,000 in prompts, 12,000 in answers" + words)


def test_a_job_that_is_over_has_none_under_way() -> None:
    assert "Under way" not in shown(USED, is_over=True)
    assert shown(USED)["Under way"] == "none"
