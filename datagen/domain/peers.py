"""What peers are called where people read of them."""

from __future__ import annotations

_SHOWN = 16  # characters of an id that is shown whole


def peer_name(peer_id: str) -> str:
    """The id, shortened in its middle where it is long: ``0xai_AwHs…6kFA``."""
    return peer_id if len(peer_id) <= _SHOWN else f"{peer_id[:9]}…{peer_id[-4:]}"
