"""What a dataset holds, column by column, in the shape of the HTTP API."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

from datagen.domain.users import User
from datagen.protocol.fields import to_iso, without_none
from datagen.services.column_profile import ColumnProfile
from datagen.services.datasets import Datasets


def quality_answer(datasets: Datasets, user: User, job_id: str) -> dict[str, Any]:
    """Of a finished job. Raises NotThere, Conflict while there is nothing to read, StoreError."""
    groups = datasets.failure_groups(user, job_id)
    columns = datasets.profile(user, job_id)
    failed, ok = sum(group.count for group in groups), datasets.page(user, job_id, limit=1).total
    return {"total": ok + failed, "ok": ok, "failed": failed,
            "columns": [_column_answer(one) for one in columns],
            "failures": [{"reason": one.reason, "count": one.count} for one in groups]}


def _column_answer(one: ColumnProfile) -> dict[str, Any]:
    return without_none({
        "name": one.name, "kind": one.kind, "filled": one.filled, "distinct": one.distinct,
        "low": _plain(one.low), "high": _plain(one.high), "mean": _plain(one.mean),
        "shortest": one.shortest, "longest": one.longest, "trueShare": one.true_share,
        "top": [{"value": top.value, "count": top.count} for top in one.top] or None,
    })


def _plain(value: Any) -> Any:
    """As JSON can have it: what is no number there is left out."""
    if isinstance(value, datetime):
        return to_iso(value)
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
