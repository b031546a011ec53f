"""What the log says: a line each, of bounded length, and no flood of what others cause."""

from __future__ import annotations

import logging
import math
import re
import traceback

FORMAT = "%(levelname)s %(message)s"
MAX_LINE = 2_000  # characters; what people and peers sent may be quoted
MAX_TRACE = 20_000  # likewise, of a traceback
SAID_EVERY = 60.0  # seconds
MOST_SAID = 100  # of such, in that time
_OURS = "datagen"
# Line ends, and what a terminal would obey or a reader not see.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def begin(level: int = logging.WARNING) -> None:
    """Have all that is logged in this process written so; ``level`` of what others log."""
    handler = logging.StreamHandler()
    handler.setFormatter(Plain(FORMAT))
    handler.addFilter(Seldom())
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger(_OURS).setLevel(logging.INFO)


class Plain(logging.Formatter):
    """No text in a record begins a line: what follows the first line is indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        return _shown(super().formatMessage(record), MAX_LINE)

    def formatException(self, ei: object) -> str:  # noqa: N802 - the base's name
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]  # exc_info
        return _cut("\n".join("    " + _shown(line, MAX_LINE) for line in lines), MAX_TRACE)


class Seldom(logging.Filter):
    """Warnings of libraries, and failures at one place, once a minute each.

    Whoever sends nonsense causes as many as they like.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[object, ...], float] = {}  # what, and when

    def filter(self, record: logging.LogRecord) -> bool:
        broke = record.exc_info[1] if record.exc_info else None
        is_ours = record.name.partition(".")[0] == _OURS
        if record.levelno < logging.WARNING or (is_ours and broke is None):
            return True
        what = (record.name, record.levelno, str(record.msg)[:MAX_LINE], _place(broke))
        if len(self._said) >= MOST_SAID:
            self._said = {one: at for one, at in self._said.items()
                          if record.created - at < SAID_EVERY}
        if len(self._said) >= MOST_SAID or (
                record.created - self._said.get(what, -math.inf) < SAID_EVERY):
            return False
        self._said[what] = record.created
        return True


def _place(exc: BaseException | None) -> tuple[object, ...]:
    """What broke, and where."""
    frames = traceback.walk_tb(exc.__traceback__) if exc else ()
    return (type(exc).__name__, *[(frame.f_code.co_filename, line) for frame, line in frames][-1:])


def _shown(text: str, most: int) -> str:
    """On one line, with every control character as it is written in Python."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], _cut(text, most))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
