"""Whose fault it is that calls come to nothing: one record's, or the server's.

A record is at fault where the server answers others, again and again, and never its call. Where
nobody else is left to ask for, another record's call is made once more, as a twin of it. Pure
decisions; what is known of a record is forgotten with its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from datagen.domain.errors import ModelError, ModelRejected

MAX_REJECTIONS = 3  # of one record, with answers to others in between
MAX_FAILURES = 8  # the same of calls that the server failed on
PATIENCE = 4  # such tries of one record in a row, until another's is made in place of it


@dataclass(kw_only=True, slots=True)
class _Unlucky:
    """A record that the server doesn't take, or fails on, though perhaps not on others."""

    times: int = 0  # each with answers to others in between
    answers: int = -1  # how many there were by then
    tries: int = 0  # after pauses, since the last answer: to find out whose fault it is
    patience: int = 0  # of these, until another record's call is one of them


class Blame:
    """Of the records of one share."""

    def __init__(self) -> None:
        self._unlucky: dict[int, _Unlucky] = {}  # by index

    def puts(self, exc: ModelError, index: int, answers: int) -> bool:
        """Whether this is plainly the record's own fault; ``answers``: that others had by now."""
        rejected = isinstance(exc, ModelRejected)
        found = self._unlucky.setdefault(index, _Unlucky())
        found.patience = 0 if rejected else PATIENCE
        if answers > found.answers:
            found.times, found.answers, found.tries = found.times + 1, answers, 0
        return found.times >= (MAX_REJECTIONS if rejected else MAX_FAILURES)

    def twin(self, index: int) -> int:
        """Which other record's call to make in place of this one's; 0 = none."""
        found = self._unlucky.get(index)
        if found is None:
            return 0
        found.tries += 1
        return found.tries if found.tries > found.patience and found.tries % 2 else 0

    def apart(self, index: int) -> float:
        """Seconds that a record waits by itself before its next call: none twice, then more."""
        found = self._unlucky.get(index)
        return 0.0 if found is None or found.times < 3 else 2.0 ** (found.times - 5)

    def forget(self, index: int) -> None:
        """It has its answer, or none is asked for any more."""
        self._unlucky.pop(index, None)
