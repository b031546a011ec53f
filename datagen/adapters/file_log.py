"""The log of file calls (DATAGEN_LOG_R1FS_CALLS): start, success and error, never contents."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

_LOG = logging.getLogger(__name__)


class FileLog:
    """Logs calls when ``on``."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    @contextmanager
    def call(self, operation: str, name: str) -> Iterator[list[str]]:
        """Around one call on the file or id ``name``; the list takes what came of it."""
        outcome: list[str] = []
        if not self._on:
            yield outcome
            return
        what = f"{operation} {_printable(name)}"
        _LOG.info("File call: %s ...", what)
        try:
            yield outcome
        except Exception as exc:
            _LOG.warning("File call failed: %s: %s", what, type(exc).__name__)
            raise
        _LOG.info("File call done: %s: %s", what, ", ".join(outcome))


def _printable(name: str) -> str:
    """A name from outside, fit for one line of a log."""
    return re.sub(r"[^\w.-]", "_", name)[:120]
