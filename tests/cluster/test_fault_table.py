"""Three real replicas, one dataset, whatever fails: each row of ``docs/cluster.md`` ends right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.faults import SCENARIOS, Scenario
from tests.cluster.proof import happen


@pytest.mark.deep
@pytest.mark.timeout(420)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_record_is_made_once_and_all_who_live_export_the_same(
    scenario: Scenario, tmp_path: Path
) -> None:
    row = happen(scenario, tmp_path)
    assert row.problem is None, row
