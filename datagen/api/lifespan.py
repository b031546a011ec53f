"""From the web process's first answer to its last."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

from datagen.api.at_once import set_on_listeners
from datagen.services.beginning import load

EXIT_WITHIN = 4.0  # seconds from the signal; a platform kills after 5


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """When it begins, the server listens already and has set its signal handlers."""
    set_on_listeners()
    if threading.current_thread() is threading.main_thread():  # elsewhere nobody gets signals
        _end_in_time()
    threading.Thread(target=load, daemon=True, name="load libraries").start()
    yield


def _end_in_time() -> None:
    """End soon after SIGTERM, whatever a store or a slow client does to open requests.

    The server waits for those without end; nothing that was answered is lost with them.
    """
    before = signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(EXIT_WITHIN, os._exit, args=(0,))
        timer.daemon = True
        timer.start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, begin)
