"""How long nothing changed, in time that was looked at: a slow store makes nobody look dead."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

LONGEST = 20.0  # seconds that count between two looks: no single one decides


@dataclass(kw_only=True)
class _Thing:
    mark: Hashable
    seen_at: float  # monotonic seconds
    still: float = 0.0


class Stillness:
    """Who looks successfully says what is there; what does not change for long is stuck."""

    def __init__(self) -> None:
        self._things: dict[Hashable, _Thing] = {}

    def of(self, name: Hashable, mark: Hashable, now: float) -> float:
        """Seconds for which the thing of that name has had this mark; it is looked at now."""
        thing = self._things.get(name)
        if thing is None or thing.mark != mark:
            thing = self._things[name] = _Thing(mark=mark, seen_at=now)
        thing.still += min(now - thing.seen_at, LONGEST)
        thing.seen_at = now
        return thing.still

    def forget(self, wanted: Hashable) -> None:
        """Nothing of that name's first part is looked at any more."""
        for name in [name for name in self._things
                     if isinstance(name, tuple) and name[0] == wanted]:
            del self._things[name]
