"""The limiters of all model servers that a worker calls, and what it remembers of them.

What a server could do last is on this replica's own disk: a start begins there. The key that
goes along tells limiters apart, since servers count by it; it is never written anywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from dataclasses import dataclass

from datagen.domain.chat import Endpoint
from datagen.domain.endpoints import origin
from datagen.domain.errors import StoreError
from datagen.engine.level import FIRST, NODE_FIRST, Level
from datagen.engine.limiter import Limiter
from datagen.engine.pace import Pace
from datagen.ports import Desk
from datagen.protocol import keys
from datagen.protocol.fields import dumps, load_object

_LOG = logging.getLogger(__name__)
KEEP_EVERY = 20.0  # seconds between two looks for levels that changed
MOST_KEPT = 200  # servers that are remembered
_LONGEST = 86_400.0  # seconds per answer that can be true

_Key = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class _Memory:
    """What a server could do last."""

    level: int
    quick: float  # seconds per answer while it had little to do; infinite = not known


class Limiters:
    """By origin, path, model and key."""

    def __init__(self, *, most: int, desk: Desk, pace: Pace) -> None:
        """``most``: calls at once to any one server (DATAGEN_MAX_IN_FLIGHT)."""
        self._most, self._desk, self._pace = most, desk, pace
        self._limiters: dict[_Key, Limiter] = {}
        self._names: dict[_Key, str] = {}
        self._known: dict[str, _Memory] = {}

    def of(self, endpoint: Endpoint) -> Limiter:
        """The one for that endpoint; its owner's bounds are those of ``endpoint``, as of now."""
        name, key = server_name(endpoint), _key(endpoint)
        most = min(self._most, endpoint.limits.max_in_flight or self._most)
        limiter = self._limiters.get(key)
        if limiter is None:
            self._forget_idle()
            first = NODE_FIRST if endpoint.dialect == "ratio1" else FIRST
            known = self._known.get(name, _Memory(level=first, quick=math.inf))
            level = Level(first=known.level, most=most, quick=known.quick)
            limiter = self._limiters[key] = Limiter(level, endpoint.limits, self._pace)
            self._names[key] = name
        else:
            limiter.level.bound(most)
            limiter.allow(endpoint.limits)
        return limiter

    async def run(self, stop: asyncio.Event) -> None:
        """Remember what changed, until ``stop``; ``keep`` once more afterwards."""
        while not stop.is_set():
            await self._pace.pause(KEEP_EVERY, stop)
            await self.keep()

    async def recall(self) -> None:
        """Read what earlier starts found out; without it, it is found out again."""
        try:
            self._known = await self._pace.aside(self._read)
        except StoreError as exc:
            _LOG.warning("What model servers could do is not remembered: %s", exc)

    async def keep(self) -> None:
        """Write down what changed."""
        new = {self._names[key]: _Memory(level=limiter.level.kept, quick=limiter.level.quick)
               for key, limiter in self._limiters.items() if limiter.level.is_tried}
        changed = {name: new[name] for name in sorted(new) if self._known.get(name) != new[name]}
        if not changed:
            return
        try:
            await self._pace.aside(self._write, changed)
        except StoreError as exc:
            _LOG.debug("What model servers can do is not remembered: %s", exc)

    def _forget_idle(self) -> None:
        if len(self._limiters) >= MOST_KEPT:
            for key in [key for key, limiter in self._limiters.items() if limiter.is_idle]:
                del self._limiters[key], self._names[key]

    def _read(self) -> dict[str, _Memory]:
        found = {}
        for name, text in self._desk.notes(keys.DESK_LEVELS).items():
            try:
                found[name] = _memory(text)
            except ValueError:
                self._desk.drop(keys.DESK_LEVELS, name)
        return found

    def _write(self, changed: dict[str, _Memory]) -> None:
        for name, memory in changed.items():
            self._desk.keep(keys.DESK_LEVELS, name, dumps({
                "level": memory.level,
                "quickMs": None if math.isinf(memory.quick) else round(1000 * memory.quick, 3),
            }))
            self._known[name] = memory
        for name in list(self._desk.notes(keys.DESK_LEVELS))[:-MOST_KEPT]:  # the oldest
            self._desk.drop(keys.DESK_LEVELS, name)
            self._known.pop(name, None)


def server_name(endpoint: Endpoint) -> str:
    """What a server is remembered by; equal for all keys."""
    spot = (origin(endpoint.base_url), endpoint.base_url, endpoint.path, endpoint.model)
    return hashlib.sha256(repr(spot).encode()).hexdigest()[:32]


def _key(endpoint: Endpoint) -> _Key:
    return (endpoint.base_url, endpoint.path, endpoint.model, endpoint.api_key)


def _memory(text: str) -> _Memory:
    """Raises ValueError."""
    record = load_object(text)
    level, quick = record.get("level"), record.get("quickMs")
    if type(level) is not int or not 1 <= level <= 1_000_000:
        raise ValueError("level is not a number of calls")
    if quick is not None and (isinstance(quick, bool) or not isinstance(quick, int | float)
                              or not 0 < quick <= 1000 * _LONGEST):
        raise ValueError("quickMs is not a time")
    return _Memory(level=level, quick=math.inf if quick is None else quick / 1000)
