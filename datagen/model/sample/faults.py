"""Everything that goes wrong with real model servers (WIRE.md, section 3), on demand.

A fault belongs to a prompt: the same prompt shows the same fault on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

TEXT_FAULTS = (
    "fenced",  # the JSON stands in a ``` fence
    "prose",  # friendly words around the JSON
    "trailing_comma",
    "truncated",  # cut off, finish_reason "length"
    "empty",
    "wrong_type",  # a field has a type that the schema forbids
    "missing_field",  # a required field is not there
    "extra_field",  # a field nobody asked for
    "schema_echo",  # the schema itself instead of a record
    "not_json",
)
WIRE_FAULTS = (
    "http_200_error",  # HTTP 200 with an error in the body
    "http_400_response_format",  # schema forms are refused
    "http_404_model",  # it does not know the model
    "http_429",
    "http_500",
    "http_503",
    "hang",  # never answers
    "slow",  # answers after ``slow_seconds``
    "disconnect",  # the connection breaks in the middle of the answer
)
ERROR_STATUSES = ("rate_limited", "unauthorized", "error", "failed", "timeout", None)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Which prompts go wrong, and how. Raises ValueError for an unknown kind."""

    rate: float = 0.0  # share of prompts, 0-1
    kinds: tuple[str, ...] = TEXT_FAULTS  # picked from evenly
    seed: int | str = 0
    first: int | None = None  # only the first n calls of a prompt go wrong; None = every call
    retry_after: int = 1  # seconds, what a 429 says
    slow_seconds: float = 2.0
    statuses: tuple[str | None, ...] = ERROR_STATUSES  # of http_200_error; None = no status

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(TEXT_FAULTS) - set(WIRE_FAULTS))
        if unknown:
            raise ValueError(f"unknown faults: {', '.join(unknown)}")
        if not 0 <= self.rate <= 1:
            raise ValueError("the rate of faults must be between 0 and 1")

    def pick(self, prompt: str, nth: int = 1) -> str | None:
        """The fault of the ``nth`` call (from 1) of a prompt, or None.

        ``prompt`` is the prompt's fingerprint.
        """
        if not self.kinds or (self.first is not None and nth > self.first):
            return None
        rng = self._rng("pick", prompt)
        return rng.choice(self.kinds) if rng.random() < self.rate else None

    def status(self, prompt: str) -> str | None:
        """What ``result.status`` says for an ``http_200_error``."""
        return self._rng("status", prompt).choice(self.statuses)

    def spoil(
        self, kind: str, text: str, finish: str, schema: Mapping[str, Any] | None, prompt: str
    ) -> tuple[str, str]:
        """The spoilt text and its finish_reason; a fault of the wire leaves both alone.

        So does one that needs a whole answer, when the answer was cut off (``finish``).
        """
        if finish == "length":
            return text, finish
        rng = self._rng("spoil", prompt)
        if kind == "truncated":
            return text[: max(1, int(len(text) * rng.uniform(0.3, 0.8)))], "length"
        if kind in {"wrong_type", "missing_field", "extra_field"}:
            return json.dumps(_misfit(kind, json.loads(text), schema, rng)), finish
        spoilt = {
            "fenced": f"```json\n{text}\n```",
            "prose": f"Sure! Here is what you asked for:\n\n{text}\n\nLet me know if it fits.",
            "trailing_comma": f"{text[:-1]},{text[-1:]}",
            "empty": "",
            "schema_echo": json.dumps(schema or {"type": "object"}),
            "not_json": "I am sorry, but I can not help with that.",
        }
        return spoilt.get(kind, text), finish

    def _rng(self, purpose: str, prompt: str) -> Random:
        return Random(f"{self.seed}:{purpose}:{prompt}")  # noqa: S311 - repeatable, not secret


def _misfit(kind: str, value: Any, schema: Mapping[str, Any] | None, rng: Random) -> Any:
    if not isinstance(value, dict):
        return {"value": value}
    if kind == "extra_field":
        return value | {"unexpected_field": "nobody asked for this"}
    names = [name for name in (schema or {}).get("required", ()) if name in value] or list(value)
    rng.shuffle(names)
    if kind == "missing_field":
        return {name: item for name, item in value.items() if name not in names[:1]}
    return _with_wrong_type(value, names, schema)


def _with_wrong_type(
    value: dict[str, Any], names: list[str], schema: Mapping[str, Any] | None
) -> dict[str, Any]:
    """``value`` with one field of a type that the schema forbids, where it forbids any."""
    try:
        Draft202012Validator.check_schema(schema or {})
        validator = Draft202012Validator(schema or {})
    except SchemaError:
        validator = Draft202012Validator({})
    spoilt = value
    for name in names:
        for wrong in ("a few", 17, [1], {"value": 1}, None):
            spoilt = value | {name: wrong}
            if type(wrong) is not type(value[name]) and not validator.is_valid(spoilt):
                return spoilt
    return spoilt
