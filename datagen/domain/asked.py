"""What people ask of a job once it is there. It only grows (DATA.md, rule 9).

Every replica keeps what it was asked and what it hears from the others; whoever joins the
same requests, in any order and however often, comes to the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, order=True)
class Request:
    """That somebody asked, and when, by that replica's clock."""

    at: datetime
    by: str  # user name


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that was asked of one job; of several requests for the same, the first."""

    cancel: Request | None = None
    delete: Request | None = None

    @property
    def end(self) -> Request | None:
        """What ends the job if it is not over yet: who deletes it cancels it, too."""
        return _first(self.cancel, self.delete)

    def joined(self, other: Asked) -> Asked:
        """What both say together."""
        return Asked(cancel=_first(self.cancel, other.cancel),
                     delete=_first(self.delete, other.delete))


NOTHING = Asked()


def _first(*requests: Request | None) -> Request | None:
    return min((request for request in requests if request), default=None)
