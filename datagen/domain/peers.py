"""What peers are called where people read of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

_SHOWN = 16  # characters of an id that is shown whole


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """How a peer's worker gets on with its store, since its start."""

    store_calls: int = 0
    store_errors: int = 0
    trouble: str = ""  # the last error's words
    trouble_at: datetime | None = None


def peer_name(peer_id: str) -> str:
    """The id, shortened in its middle where it is long: ``0xai_AwHs…6kFA``."""
    return peer_id if len(peer_id) <= _SHOWN else f"{peer_id[:9]}…{peer_id[-4:]}"
