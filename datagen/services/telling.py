"""Tells the other replicas which model profiles were saved here; the worker runs it."""

from __future__ import annotations

import asyncio
import logging

from datagen.domain.errors import StoreError
from datagen.engine.pace import Backoff, Pace
from datagen.protocol.profiles import ProfileBook

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds between two looks at the desk, which is local and cheap


class Telling:
    """One replica's; a store that fails is waited out."""

    def __init__(self, *, book: ProfileBook, pace: Pace) -> None:
        self._book, self._pace = book, pace

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``."""
        backoff = Backoff(self._pace)
        while not stop.is_set():
            pause = LOOK_EVERY
            try:
                await self._pace.aside(self._book.tell)
                backoff.reset()
            except StoreError as exc:
                _LOG.log(logging.DEBUG if backoff.failing else logging.WARNING,
                         "Model profiles that were saved here are not told yet: %s", exc)
                pause = backoff.next()
            await self._pace.pause(pause, stop)
