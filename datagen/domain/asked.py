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
    round: int = 0  # of the job, that it is about


@dataclass(frozen=True, kw_only=True, order=True)
class Rename:
    """That somebody gave the job another title; of several, the latest counts."""

    at: datetime  # later than that of any rename its replica knew of
    by: str  # user name
    title: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that was asked of one job; of several requests for one round, the first."""

    cancel: Request | None = None  # rounds up to this one end with what there is
    retry: Request | None = None  # the round after this one is opened
    close: Request | None = None  # this round ends without a quorum
    delete: Request | None = None
    rename: Rename | None = None

    def ends(self, number: int) -> Request | None:
        """What ends that round if it is not over yet: who deletes a job cancels it, too."""
        cancel = self.cancel if self.cancel and self.cancel.round >= number else None
        return min((one for one in (cancel, self.delete) if one), default=None)

    def after(self, number: int) -> Asked:
        """What still matters once round ``number`` has ended."""
        return Asked(
            cancel=self.cancel if self.cancel and self.cancel.round > number else None,
            retry=self.retry if self.retry and self.retry.round >= number else None,
            close=self.close if self.close and self.close.round > number else None,
            delete=self.delete, rename=self.rename,
        )

    def joined(self, other: Asked) -> Asked:
        """What both say together."""
        return Asked(cancel=_latest(self.cancel, other.cancel),
                     retry=_latest(self.retry, other.retry),
                     close=_latest(self.close, other.close),
                     delete=_latest(self.delete, other.delete),
                     rename=max(self.rename, other.rename) if self.rename and other.rename
                     else self.rename or other.rename)


NOTHING = Asked()


def _latest(one: Request | None, other: Request | None) -> Request | None:
    """The request for the highest round, and of two for that the first."""
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda request: (-request.round, request.at, request.by))
