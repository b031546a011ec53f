"""The simulation finds what is planted, and tells what it finds.

The worlds themselves pass in ``make test`` (2,000 of them) and ``make simulate SEEDS=10000``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from datagen.engine import closing
from tests.simulation.history import happen
from tests.simulation.planted import PLANTED, Plant
from tests.simulation.watch import Broken


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    plant, seeds = PLANTED[fault]
    assert any(_finds(seed, plant) for seed in seeds)


def _finds(seed: int, plant: Plant) -> bool:
    happen(seed).check()
    with plant():
        return happen(seed).problem is not None


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
