"""What the file store is to do by and by: apart from all that must not wait for it.

A node may look for one missing file for minutes, and handles no other call meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from datagen.domain.errors import NotThere, StoreError
from datagen.engine.pace import Backoff, Pace

_LOG = logging.getLogger(__name__)
EVERY = 0.25  # seconds between two looks at what is due
LONGEST_PAUSE = 3600.0  # seconds until a failed one is tried again


@dataclass(kw_only=True)
class _Errand:
    work: Callable[[], object]  # blocks; may raise StoreError and NotThere
    backoff: Backoff
    mark: Hashable
    not_before: float = -math.inf  # monotonic seconds


class Errands:
    """One after the other, each until it works. ``add`` is safe from any thread."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._waiting: dict[str, _Errand] = {}  # by name

    def add(
        self, name: str, work: Callable[[], object], *, longest: float = LONGEST_PAUSE,
        mark: Hashable = None,
    ) -> None:
        """Have it done; nothing new where one of that name is still to do.

        ``name`` is told in the log while it fails; ``longest``: seconds between two tries;
        ``mark``: what it depends on: with another one it is tried at once.
        """
        backoff = Backoff(self._pace, first=2.0, cap=longest)
        one = self._waiting.setdefault(name, _Errand(work=work, backoff=backoff, mark=mark))
        if one.mark != mark:
            one.mark, one.backoff, one.not_before = mark, backoff, -math.inf

    async def run(self, stop: asyncio.Event, done: asyncio.Event) -> None:
        """Until ``stop``; sets ``done`` after each that worked."""
        while not stop.is_set():
            now = self._pace.clock.monotonic()
            due = [name for name, one in tuple(self._waiting.items()) if one.not_before <= now]
            for name in due:
                if not stop.is_set() and await self._worked(name, self._waiting[name]):
                    del self._waiting[name]
                    done.set()
            await self._pace.pause(EVERY, stop)

    async def _worked(self, name: str, errand: _Errand) -> bool:
        level = logging.DEBUG if errand.backoff.failing else logging.WARNING
        try:
            await self._pace.aside(errand.work)
        except (StoreError, NotThere) as exc:
            _LOG.log(level, "Not done yet, and tried again: %s. %s", name, exc)
        except Exception:  # noqa: BLE001 - one that breaks must not end the others
            _LOG.log(level, "Not done, for a fault in DataGen itself: %s", name, exc_info=True)
        else:
            return True
        errand.not_before = self._pace.clock.monotonic() + errand.backoff.next()
        return False
