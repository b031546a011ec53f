"""Model usage as it is stored: in a PeerState, and in a worker's field of ``datagen:metrics``."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
            "tokens": {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens,
                       "estimated": usage.estimated_tokens},
            "waitingMs": usage.waiting_ms, "workingMs": usage.working_ms}


def usage_in(record: Mapping[str, Any]) -> Usage:
    """What a record tells of it; what is absent is 0. Raises ValueError."""
    tokens = record.get("tokens") or {}
    if not isinstance(tokens, dict):
        raise ValueError("tokens is not an object")  # noqa: TRY004 - one error kind for unreadable records
    return Usage(
        calls=whole(record, "calls", 0), attempts=whole(record, "attempts", 0),
        prompt_tokens=whole(tokens, "prompt", 0), completion_tokens=whole(tokens, "completion", 0),
        estimated_tokens=whole(tokens, "estimated", 0),
        waiting_ms=whole(record, "waitingMs", 0), working_ms=whole(record, "workingMs", 0),
    )


def load_usage(text: str) -> Usage:
    """Raises ValueError for anything that ``usage_record`` does not make."""
    record = load_object(text)
    tokens = record.get("tokens")
    if not {"calls", "attempts"} <= set(record) or not isinstance(tokens, dict) \
            or not {"prompt", "completion"} <= set(tokens):
        raise ValueError("a count is missing")
    return usage_in(record)


def load_usage_of(field: str, text: str) -> Usage:
    """As ``load_usage``, of a field that ``usage_field`` names. Raises ValueError."""
    peer_id, _, disk = field.partition(":")
    if not PEER_ID.fullmatch(peer_id) or not _DISK.fullmatch(disk):
        raise ValueError("not a peer's disk")
    return load_usage(text)
