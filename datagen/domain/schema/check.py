"""What is wrong with a schema."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from datagen.domain.errors import Problem


def problems(schema: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Everything wrong with the schema; empty when it can be used."""
    if not isinstance(schema, Mapping) or not schema.get("properties"):
        return (Problem(path="", message="The schema has no fields."),)
    return ()


def sanitise(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as it is stored."""
    return copy.deepcopy(dict(schema))
