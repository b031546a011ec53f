"""From a model's reply to a schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datagen.domain.errors import ReplyUnusable


@dataclass(frozen=True, kw_only=True)
class DraftSchema:
    """A schema that can be used, and what was changed to get it."""

    schema: Mapping[str, Any]
    changes: tuple[str, ...] = ()  # sentences for the person who asked


def read_draft(
    text: str, *, dataset_mode: bool, classes: tuple[str, ...] = ()
) -> DraftSchema:
    """The schema a reply means. Raises ReplyUnusable."""
    try:
        return DraftSchema(schema=json.loads(text))
    except ValueError as exc:
        raise ReplyUnusable("The model's answer holds no schema.") from exc
