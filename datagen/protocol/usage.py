"""Model usage as it is stored, on a worker's own disk and in its field of ``datagen:metrics``."""

from __future__ import annotations

import re
from typing import Any

from datagen.domain.jobs import PEER_ID
from datagen.domain.usage import Usage
from datagen.protocol.fields import load_object, whole

_DISK = re.compile(r"[0-9]{1,20}")


def usage_field(peer_id: str, disk: str) -> str:
    """The field of what one peer counts on one disk; who loses a disk counts on in another."""
    return f"{peer_id}:{disk}"


def usage_record(usage: Usage) -> dict[str, Any]:
    return {"calls": usage.calls, "attempts": usage.attempts,
            "tokens": {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens}}


def load_usage(text: str) -> Usage:
    """Raises ValueError for anything that ``usage_record`` does not make."""
    record = load_object(text)
    tokens = record.get("tokens")
    if not isinstance(tokens, dict):
        raise ValueError("tokens is not an object")  # noqa: TRY004 - one error kind for unreadable records
    return Usage(calls=whole(record, "calls"), attempts=whole(record, "attempts"),
                 prompt_tokens=whole(tokens, "prompt"),
                 completion_tokens=whole(tokens, "completion"))


def load_usage_of(field: str, text: str) -> Usage:
    """As ``load_usage``, of a field that ``usage_field`` names. Raises ValueError."""
    peer_id, _, disk = field.partition(":")
    if not PEER_ID.fullmatch(peer_id) or not _DISK.fullmatch(disk):
        raise ValueError("not a peer's disk")
    return load_usage(text)
