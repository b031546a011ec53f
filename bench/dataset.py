"""The dataset that is made over and over: support tickets of about 400 bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TITLE = "Support tickets"
DESCRIPTION = "One ticket that a customer of an online software service sent to its help desk."
INSTRUCTIONS = (
    "Subject, message, category and priority belong together. About one ticket in ten is "
    "urgent. People and addresses are invented, mail addresses end in example.com."
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "ticket_id": {"type": "string", "minLength": 5, "maxLength": 20},
        "created_at": {"type": "string", "format": "date-time"},
        "customer_name": {"type": "string", "minLength": 1, "maxLength": 80},
        "customer_email": {"type": "string", "format": "email"},
        "channel": {"enum": ["email", "chat", "phone", "web form"]},
        "category": {"enum": ["billing", "login", "bug", "feature request", "other"]},
        "priority": {"enum": ["low", "normal", "high", "urgent"]},
        "subject": {"type": "string", "maxLength": 80},
        "message": {"type": "string", "minLength": 10, "maxLength": 1000},
        "resolved": {"type": "boolean"},
        "minutes_spent": {"type": "integer", "minimum": 0, "maximum": 600},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
    },
    "required": ["ticket_id", "created_at", "customer_name", "customer_email", "channel",
                 "category", "priority", "subject", "message", "resolved", "minutes_spent",
                 "tags"],
    "additionalProperties": False,
}
_MARK = "0000000"  # stands for the record's number: seven digits reach ten million
_TEMPLATE = json.dumps({
    "ticket_id": f"TCK-{_MARK}", "created_at": "2026-03-14T09:26:53Z",
    "customer_name": "Ada Example", "customer_email": f"ada.{_MARK}@example.com",
    "channel": "web form", "category": "billing", "priority": "normal",
    "subject": f"Invoice {_MARK} was charged twice",
    "message": "My card was charged twice this month. Please look at both payments and give "
               "one of them back. I have attached neither, since the form takes no files.",
    "resolved": False, "minutes_spent": 17, "tags": ["invoice", "refund"],
})
_PIECES = _TEMPLATE.split(_MARK)


def record(index: int) -> str:
    """The one right answer for record ``index``, as JSON text."""
    return f"{index:07d}".join(_PIECES)


def index_of(data: Mapping[str, Any]) -> int:
    """Which record ``data`` is. Raises ValueError, KeyError for one that nobody answered."""
    return int(data["ticket_id"].removeprefix("TCK-"))
