"""A bound on the time one reply may cost: patterns and ``$ref`` of a schema can ask for years.

The interpreter looks at signals even in the middle of a regular expression, so a timer
ends what nothing else could.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from datagen.domain.chat import ChatReply
from datagen.domain.records import Accepted, RecordReader, Rejected, rejected

CHECK_SECONDS = 2.0  # of processor time; an honest reply takes some milliseconds
_TOO_SLOW = (
    "Checking the model's answer takes too long: a pattern or a reference in the schema has "
    "too many ways to match. Make it simpler."
)
T = TypeVar("T")


class _OverrunError(BaseException):
    """Not an Exception: no library may take it for a fault of its own and go on."""


def read_in_time(
    reader: RecordReader, reply: ChatReply, seconds: float = CHECK_SECONDS
) -> Accepted | Rejected:
    """What the reader says, or that it took longer than ``seconds``."""
    try:
        return _ALARM.bounded(lambda: reader.read(reply), seconds)
    except _OverrunError:
        return rejected(_TOO_SLOW, reply)


class _Alarm:
    """The process's one timer. Its handler stays in place: to change it for each reply costs."""

    def __init__(self) -> None:
        self._armed = self._rang = self._in_place = False

    def bounded(self, work: Callable[[], T], seconds: float) -> T:
        """Raises _OverrunError after ``seconds``; outside the main thread nothing is bounded."""
        if threading.current_thread() is not threading.main_thread():
            return work()
        if not self._in_place:
            signal.signal(signal.SIGVTALRM, self._ring)
            self._in_place = True
        self._armed, self._rang = True, False
        try:
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)  # again, if one gets lost
                found = work()
            finally:
                self._disarm()
        finally:
            self._disarm()  # it may have rung in the middle of the first
        if self._rang:  # and some library took it for a fault of its own
            raise _OverrunError
        return found

    def _ring(self, _signal: int, _frame: FrameType | None) -> None:
        if self._armed:
            self._rang = True
            raise _OverrunError

    def _disarm(self) -> None:
        self._armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


_ALARM = _Alarm()
