"""From a description to a schema."""
from __future__ import annotations
from typing import Any


def draft_schema(text: str, *, dataset_mode: bool = False) -> dict[str, Any]:
    """A plausible schema for the description."""
    props: dict[str, Any] = {"id": {"type": "string"}, "name": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"}, "description": {"type": "string"}}
    if dataset_mode:
        props["label"] = {"type": "string", "enum": ["spam", "ham"]}
    return {"type": "object", "properties": props, "required": list(props)}
