"""Whether this replica still hears from the others: for those who would rather close."""

from __future__ import annotations

from datetime import datetime, timedelta

from datagen.domain.errors import CutOff
from datagen.ports import Clock, Desk
from datagen.protocol import keys
from datagen.protocol.fields import from_iso

# Beats come every 30 s; writing, hearing and asking take up to 10 s more.
CUT_OFF_AFTER = timedelta(seconds=45)


class Contact:
    """What the worker last noted of it."""

    def __init__(self, *, desk: Desk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock
        self._heard_at: datetime | None = None

    def look(self) -> None:
        """Read the worker's note. Raises StoreError."""
        text = self._desk.note(keys.DESK_HEARD, "beat")
        try:
            self._heard_at = from_iso(text)
        except ValueError:  # none yet, or none that can be read: nobody was heard
            self._heard_at = None

    def check(self) -> None:
        """Raises CutOff. A note of the future, left by a clock that was set back, is none."""
        now = self._clock.now()
        if self._heard_at is None or abs(now - self._heard_at) > CUT_OFF_AFTER:
            raise CutOff(
                "This replica of DataGen has not heard from another one for "
                f"{CUT_OFF_AFTER.seconds} seconds, so it can't know which sessions were ended "
                "there, and lets nobody in meanwhile (DATAGEN_FAIL_CLOSED). Try again in a "
                "minute, or at another replica's address; who runs it finds the reason with "
                "python -m datagen check."
            )
