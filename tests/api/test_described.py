"""The API keeps to its description, whoever calls it with whatever."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import httpx2
import pytest

from datagen.domain.api.description import OPERATIONS
from tests.api_description import described, turned_down
from tests.api_fuzz import Call, check, fuzz

# No job of these calls has failed records, or peers that are away.
NEVER = {"POST /api/tasks/{id}/retry", "POST /api/tasks/{id}/close"}


def answered(status: int, json: object, path: str = "/api/tasks") -> httpx2.Response:
    return httpx2.Response(status, json=json,
                           request=httpx2.Request("GET", f"http://localhost:8501{path}"))


@pytest.mark.parametrize(("status", "said"), [
    (500, {"error": "Broken."}), (409, {"error": "Not now."}), (200, {"jobs": [{}]}), (200, {}),
    (200, {"jobs": [], "secret": 1}), (404, {"message": "No."}), (401, {"error": 5}),
])
def test_an_answer_that_nobody_told_of_is_noticed(status: int, said: object) -> None:
    with pytest.raises(AssertionError):
        described(answered(status, said))


def test_an_answer_as_described_passes() -> None:
    described(answered(200, {"jobs": []}))
    described(answered(401, {"error": "Sign in first."}))
    turned_down(answered(404, {"error": "There is no such address here."}, "/api/x"))


@pytest.mark.parametrize(("who", "template", "fits"), [
    ("anonymous", "/api/tasks", None), ("read", "/api/user/tokens", None),
    ("ada", "/api/admin/peers", None), ("ada", "/api/tasks", False)])
def test_who_may_not_and_what_does_not_fit_is_noticed(
    who: str, template: str, fits: bool | None
) -> None:
    said = {"/api/tasks": {"jobs": []}, "/api/user/tokens": {"tokens": []},
            "/api/admin/peers": {"peers": []}}[template]
    call = Call(who=who, method="GET", path=template, template=template, fits=fits)
    with pytest.raises(AssertionError):
        check(call, answered(200, said, template))
    check(Call(who="root", method="GET", path=template, template=template),
          answered(200, said, template))


def test_thousands_of_calls_are_answered_as_described(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)  # another one each time; a failure names it
    seen = fuzz(tmp_path, seed, seconds=8, most=2_500)
    assert seen.total() > 200  # on however busy a machine


@pytest.mark.deep
@pytest.mark.timeout(420)
def test_five_minutes_of_calls_are_answered_as_described(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    seen = fuzz(tmp_path, seed, seconds=300)
    sys.stdout.write(f"\n{seen.total():,} answers as described, seed {seed}\n")
    well = {name.rpartition(" ")[0] for name in seen if name.rpartition(" ")[2][0] == "2"}
    there = {f"{method} {path}" for method, path in OPERATIONS}
    assert well >= there - NEVER  # each was reached
