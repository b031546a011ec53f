"""Whether a share is worth more calls: its budget of attempts that came to nothing.

Pure. A model that never gives a record that fits must not be asked for all of them, and a
server that began to answer nonsense may come to its senses:

- Where not one record of the share ever fitted, and ``limit`` records failed, the rest isn't
  tried.
- Where some did, ``limit`` failures in a row are a doubt: one record after another then, with
  a pause before every few of them. A record that fits ends the doubt; after the last pause
  without one the rest isn't tried.

``limit`` is a twentieth of the share's records, and at least 20 and at most 200.
"""

from __future__ import annotations

LEAST, MOST = 20, 200  # records
PER_PAUSE = 5  # records between two pauses
PAUSES = 8


class Prospects:
    """Of one share, over one life of the worker."""

    def __init__(self, *, records: int, ok: int) -> None:
        """``ok``: records that fitted before."""
        self.limit = min(MOST, max(LEAST, records // 20))
        self._ok = ok
        self._row = 0  # failures since the last record that fitted
        self._pauses = 0

    def made(self, *, ok: bool) -> None:
        """One more record came out, or failed for good."""
        if ok:
            self._ok += 1
            self._row = self._pauses = 0
        else:
            self._row += 1

    @property
    def in_doubt(self) -> bool:
        """Whether only one record at a time should be tried."""
        return bool(self._ok) and self._row >= self.limit

    @property
    def gone(self) -> bool:
        """Whether nothing more should be tried."""
        if not self._ok:
            return self._row >= self.limit
        return self._pauses >= PAUSES and self._row >= self.limit + PER_PAUSE * PAUSES

    def pauses(self) -> bool:
        """Whether to pause before the next record; asked once for each."""
        due = self.in_doubt and (self._row - self.limit) // PER_PAUSE >= self._pauses
        self._pauses += due
        return due

    @property
    def failures(self) -> int:
        """In a row."""
        return self._row
