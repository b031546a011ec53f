"""The proof itself: what must not come of a scenario is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.cluster.faults import Scenario
from tests.cluster.proof import check

WHOLE = Scenario(name="whole", records=3)
CUT = Scenario(name="cut", records=3, cancelled=True)
GOOD = {"status": "succeeded", "totalOk": 3, "totalFailed": 0}


def file(*numbers: int | None) -> bytes:
    return json.dumps([None if n is None else {"n": n} for n in numbers]).encode()


def ended(kept: int) -> dict[str, Any]:
    return {"status": "failed", "cancelledBy": "admin", "totalOk": kept, "totalFailed": 0}


def test_each_record_once_in_order_and_told_alike_is_right() -> None:
    check(WHOLE, [GOOD, GOOD], [file(0, 1, 2)] * 2)
    check(CUT, [ended(2)] * 2, [file(0, 2)] * 2)


@pytest.mark.parametrize(("scenario", "said", "exports", "why"), [
    (WHOLE, [GOOD] * 2, [file(0, 1, 2), file(0, 1, 2) + b" "], "exports differ"),
    (WHOLE, [GOOD], [file(0, 1)], "1 missing"),
    (WHOLE, [GOOD], [file(0, 1, 1)], "2 different"),
    (WHOLE, [GOOD], [file(0, 1, 2, 2)], "4 records"),
    (WHOLE, [GOOD], [file(0, 2, 1)], "out of order"),
    (WHOLE, [GOOD], [file(0, None, 2)], "1 missing"),
    (WHOLE, [GOOD, GOOD | {"totalOk": 2}], [file(0, 1, 2)] * 2, "was to be told"),
    (WHOLE, [GOOD | {"status": "failed"}], [file(0, 1, 2)], "was to be told"),
    (CUT, [ended(2)], [file(1, 1)], "an index twice"),
    (CUT, [ended(3)], [file(0, 1, 2)], "cancelled with 3"),
    (CUT, [ended(1)], [file(0, 1)], "was to be told"),
])
def test_anything_else_is_told(
    scenario: Scenario, said: Sequence[dict[str, Any]], exports: Sequence[bytes], why: str
) -> None:
    with pytest.raises(AssertionError, match=why):
        check(scenario, said, exports)
