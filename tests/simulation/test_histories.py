"""The real workers of one to seven peers, whatever fails: 150 worlds here, any number elsewhere.

``make simulate SEEDS=2000`` runs more of them; a failure tells how to see that one again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from datagen.engine import closing
from tests.simulation.history import Outcome, happen
from tests.simulation.planted import PLANTED
from tests.simulation.watch import Broken

SEEDS = range(150)
FAULTS = {  # that befall these worlds
    "kill", "kill soon", "power cut", "stop", "lose disk", "back up", "restore", "disk full",
    "clock jumps", "die", "die with its node", "node down", "cut", "wipe node", "errors", "slow",
    "delay", "file delay", "model errors", "model hangs", "unusable answers", "cancel", "delete",
    "retry", "close", "held message", "missed message", "lost message", "failed store call",
    "write that was not sent", "unconfirmed write", "file nobody else can fetch for long",
    "failed model call", "hung model call", "unusable answer",
}


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [happen(seed) for seed in SEEDS]


def test_no_history_breaks_a_rule(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        outcome.check()


def test_every_kind_of_fault_befalls_some_world(outcomes: list[Outcome]) -> None:
    counts = sum((outcome.counts for outcome in outcomes), Counter[str]())
    assert not {what for what in FAULTS if not counts[what]}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    plant, seed = PLANTED[fault]
    happen(seed).check()
    with plant():
        assert happen(seed).problem is not None


def test_one_seed_is_one_history() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--only", "207", "--events", "2000"],
            env={**os.environ, "PYTHONHASHSEED": order}, capture_output=True, check=True,
        ).stdout
        for order in ("1", "2")
    ]
    assert told[0].count(b"\n") > 40
    assert told[0] == told[1]


@contextmanager
def broken() -> Iterator[None]:
    with mock.patch.object(closing.Closing, "_may_end", return_value=False):
        yield


def test_a_failure_tells_its_seed_its_last_events_and_how_to_see_it_again() -> None:
    with broken():
        outcome = happen(1)
    with pytest.raises(Broken) as raised:
        outcome.check()
    text = str(raised.value)
    assert "is not over" in text
    assert " writes job:job_1000_000000:peers/" in text
    assert ".venv/bin/python -m tests.simulation --only 1" in text
