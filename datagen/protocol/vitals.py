"""How a worker gets on with its store, as its beats tell it."""

from __future__ import annotations

from typing import Any

from datagen.domain.peers import Vitals
from datagen.protocol.fields import optional_iso, text_of, to_iso, whole


def vitals_record(vitals: Vitals) -> dict[str, Any]:
    record: dict[str, Any] = {"storeCalls": vitals.store_calls, "storeErrors": vitals.store_errors}
    if vitals.trouble_at is not None:
        record |= {"trouble": vitals.trouble, "troubleAt": to_iso(vitals.trouble_at)}
    return record


def load_vitals(record: object) -> Vitals:
    """Raises ValueError for what ``vitals_record`` does not make; nothing at all is none."""
    if record is None:
        return Vitals()
    if not isinstance(record, dict):
        raise ValueError("vitals is not an object")  # noqa: TRY004 - one error kind for unreadable records
    return Vitals(
        store_calls=whole(record, "storeCalls", 0), store_errors=whole(record, "storeErrors", 0),
        trouble=text_of({"trouble": "", **record}, "trouble"),
        trouble_at=optional_iso(record.get("troubleAt")))
