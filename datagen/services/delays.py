"""How long a sign-in waits after failures: longer each time, counted in this process alone.

Whoever fails often from one address waits for their own sake alone: the owner of an account,
at another address or in a browser that signed in before, is not locked out by a stranger.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from datagen.ports import Clock
from datagen.services.throttle import MAX_KEYS, household, too_many

FORGOTTEN = 900.0  # seconds without a failure, until it is as if there had been none


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """So many failures are free; then each doubles the pause."""

    free: int
    longest: float  # seconds

    def pause(self, failures: int) -> float:
        over = failures - self.free
        return 0.0 if over < 0 else min(2.0 ** min(over, 30), self.longest)


_PAIR = _Rule(free=5, longest=60.0)  # one account from one place
_PLACE = _Rule(free=20, longest=300.0)  # one place, whatever the accounts: many may share it
_ACCOUNT = _Rule(free=20, longest=8.0)  # one account from anywhere: a try is late, never refused


class Delays:
    """A try counts as failed until it is told otherwise. Safe to call from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # count, monotonic

    def begin(self, name: str, address: str, device: str | None) -> float:
        """Seconds to hold this try back. Raises TooManyTries, for a while.

        ``device``: names the browser, where this account signed in with it before.
        """
        pair, place, account = _keys(name, address, device)
        with self._lock:
            wait = self._wait(pair, _PAIR)
            if device is None:
                wait = max(wait, self._wait(place, _PLACE))
            if wait > 0:
                raise too_many(wait)
            held = 0.0 if device else _ACCOUNT.pause(self._count(account))
            for key in (pair,) if device else (pair, place, account):
                self._add(key, 1)
        return held

    def succeeded(self, name: str, address: str, device: str | None) -> None:
        """It did not fail."""
        pair, place, account = _keys(name, address, device)
        with self._lock:
            self._failures.pop(pair, None)
            for key in () if device else (place, account):
                self._add(key, -1)

    def _wait(self, key: str, rule: _Rule) -> float:
        count = self._count(key)
        since = self._failures[key][1] if count else 0.0
        return since + rule.pause(count) - self._clock.monotonic() if rule.pause(count) else 0.0

    def _count(self, key: str) -> int:
        count, at = self._failures.get(key, (0, 0.0))
        return count if self._clock.monotonic() - at < FORGOTTEN else 0

    def _add(self, key: str, number: int) -> None:
        count = self._count(key) + number
        if count <= 0:
            self._failures.pop(key, None)
            return
        self._failures[key] = (count, self._clock.monotonic())
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)


def _keys(name: str, address: str, device: str | None) -> tuple[str, str, str]:
    name, home = name[:64], household(address)
    pair = f"{name}\n{device}" if device else f"{name}\n@{home}"
    return pair, f"@{home}", name
