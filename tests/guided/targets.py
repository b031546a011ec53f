"""All targets, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.guided import keys, models, people, stored, tables, written
from tests.guided.target import Target

TARGETS: Mapping[str, Target] = {
    one.name: one for part in (stored, keys, models, people, written, tables)
    for one in part.TARGETS}
