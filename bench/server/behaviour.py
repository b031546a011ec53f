"""How the server answers: how late, to how many at once, and how often wrongly."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

GARBAGE = (  # of each kind in turn; no record can be read out of any of them
    "I am sorry, I can't write this record.",
    '{"ticket_id": "TCK-1", "subject": "cut off in the mid',
    '{"ticket_id": 1, "unheard_of": []}',
    "[]",
)


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a server does; the defaults are those of a quick one without faults."""

    latency: float = 0.2  # seconds one answer takes; the median where they are spread
    spread: float = 0.0  # sigma of the logarithm; 0 = all take the same time
    limit: int = 0  # calls at once; one more is answered 429 at once; 0 = no limit
    retry_after: float = 0.0  # seconds the 429 names; 0 = none
    seats: int = 0  # calls worked on at once; others wait in line, never refused; 0 = all
    failing: float = 0.0  # share of answers that are a 500, 0 to 1
    garbage: float = 0.0  # share of answers that are no record, 0 to 1
    seed: int = 0  # of the chances above

    def __post_init__(self) -> None:
        """Raises ValueError, TypeError for what no server can do."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not 0 <= value < math.inf:
                raise ValueError(f"{field.name} can't be {value!r}")
        if self.failing + self.garbage > 1:
            raise ValueError("failing and garbage are more than all answers")


def behaviour_of(changes: Mapping[str, Any], before: Behaviour | None = None) -> Behaviour:
    """``before`` (else the defaults) with ``changes``. Raises ValueError, TypeError."""
    old = {} if before is None else {f.name: getattr(before, f.name) for f in fields(before)}
    return Behaviour(**{**old, **changes})


class Chances:
    """What befalls one call after the other; the same for the same seed."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour, self._random = behaviour, random.Random(behaviour.seed)  # noqa: S311 - a measurement, no secret

    def seconds(self) -> float:
        """How long the next answer takes."""
        latency, spread = self._behaviour.latency, self._behaviour.spread
        return latency * math.exp(self._random.gauss(0.0, spread)) if spread else latency

    def fault(self) -> str:
        """What is wrong with the next answer: "failed", "garbage" or nothing."""
        failing, garbage = self._behaviour.failing, self._behaviour.garbage
        if not failing and not garbage:
            return ""
        drawn = self._random.random()
        return "failed" if drawn < failing else "garbage" if drawn < failing + garbage else ""
