"""Schemathesis finds nothing that the API's description doesn't tell of."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from unittest import mock

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from datagen.api import tasks
from tests.api_spec import WHO, judge, serving


def seed() -> int:
    return random.SystemRandom().randrange(10**6)  # another one each time; a failure names it


@pytest.mark.timeout(180)
@pytest.mark.parametrize("who", ["ada", "root"])
def test_a_short_run_with_all_checks_finds_nothing(tmp_path: Path, who: str) -> None:
    with serving(tmp_path) as (site, origin):
        outcome = judge(site, origin, who, seconds=6, seed=seed())
    assert outcome.passed, outcome.said
    assert outcome.cases > 10


@pytest.mark.timeout(180)
@pytest.mark.parametrize("status", [500, 418])
def test_a_status_that_nobody_told_of_is_found(tmp_path: Path, status: int) -> None:
    async def broken(_self: object, _request: Request) -> Response:
        return JSONResponse({"error": "Broken."}, status)

    with mock.patch.object(tasks._Tasks, "metrics", broken), serving(tmp_path) as (site, origin):
        outcome = judge(site, origin, "ada", seconds=3, seed=1,
                        more=["--include-path", "/api/metrics", "--phases", "fuzzing"])
    assert not outcome.passed
    assert str(status) in outcome.said


@pytest.mark.deep
@pytest.mark.timeout(420)
@pytest.mark.parametrize("who", WHO)
def test_five_minutes_shared_by_all_callers_find_nothing(tmp_path: Path, who: str) -> None:
    number = seed()
    with serving(tmp_path) as (site, origin):
        outcome = judge(site, origin, who, seconds=300 // len(WHO), seed=number)
    sys.stdout.write(f"\n{who}: {outcome.cases:,} calls, seed {number}\n")
    assert outcome.passed, outcome.said
