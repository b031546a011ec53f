"""How often somebody may try something, counted in this process alone.

Nothing anonymous writes to a store, and the counts are bounded in number: the oldest go first.
"""

from __future__ import annotations

import ipaddress
import math
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from datagen.domain.errors import TooManyTries
from datagen.ports import Clock

MAX_KEYS = 20_000  # of one throttle, each some hundred bytes
_V6_HOME = 64  # bits of an IPv6 address that name a household; the rest is theirs to choose


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """So many tries in so many seconds."""

    tries: int
    seconds: float


class Throttle:
    """Counts tries per key. Safe to call from any thread."""

    def __init__(self, allowed: Allowed, clock: Clock) -> None:
        self._allowed, self._clock = allowed, clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()  # monotonic seconds

    def wait(self, key: str) -> float:
        """Seconds until the next try may be made; 0 = now."""
        with self._lock:
            tries = self._recent(key)
            if len(tries) < self._allowed.tries:
                return 0.0
            return tries[0] + self._allowed.seconds - self._clock.monotonic()

    def count(self, key: str) -> None:
        """A try was made."""
        with self._lock:
            tries = self._recent(key)
            tries.append(self._clock.monotonic())
            self._tries[key] = tries
            self._tries.move_to_end(key)
            while len(self._tries) > MAX_KEYS:
                self._tries.popitem(last=False)

    def _recent(self, key: str) -> deque[float]:
        tries = self._tries.get(key, deque(maxlen=self._allowed.tries))
        while tries and tries[0] + self._allowed.seconds <= self._clock.monotonic():
            tries.popleft()
        return tries


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two throttles that both have to agree: one per address, one per e-mail."""

    address: Throttle
    email: Throttle
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, address: str, email: str) -> None:
        """Count a try. Raises TooManyTries, and counts none then."""
        home = household(address)
        with self._lock:
            wait = max(self.address.wait(home), self.email.wait(email))
            if wait > 0:
                raise too_many(wait)
            self.address.count(home)
            self.email.count(email)


def too_many(seconds: float) -> TooManyTries:
    """Says when to come back, rounded up."""
    whole = max(1, math.ceil(seconds))
    text = f"{whole} seconds" if whole < 120 else f"{math.ceil(whole / 60)} minutes"
    return TooManyTries(f"Too many tries. Try again in {text}.", retry_after=whole)


def household(address: str) -> str:
    """The address, or of an IPv6 one the part that its owner can't choose."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip) >> (128 - _V6_HOME) << (128 - _V6_HOME), _V6_HOME)))
