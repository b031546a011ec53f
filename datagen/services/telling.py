"""Tells the other replicas what people did on this one; the worker runs it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from datagen.domain.errors import StoreError
from datagen.engine.pace import Backoff, Pace

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds between two looks at the desk, which is local and cheap


class Telling:
    """One replica's; a store that fails is waited out."""

    def __init__(self, *, tell: Sequence[Callable[[], None]], pace: Pace) -> None:
        """``tell``: each writes what lies on the desk of one kind, or raises StoreError."""
        self._tell, self._pace = tell, pace

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``."""
        backoff = Backoff(self._pace)
        while not stop.is_set():
            pause = LOOK_EVERY
            try:
                for tell in self._tell:
                    await self._pace.aside(tell)
                backoff.reset()
            except StoreError as exc:
                _LOG.log(logging.DEBUG if backoff.failing else logging.WARNING,
                         "What people did here is not told to other replicas yet: %s", exc)
                pause = backoff.next()
            await self._pace.pause(pause, stop)
