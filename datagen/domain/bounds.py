"""How much one user may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Most:
    """The bounds; 0 = none."""

    open_jobs: int = 0
    records_per_day: int = 0
    drafts_per_hour: int = 0
    model_tests_per_hour: int = 0  # and lists of models
