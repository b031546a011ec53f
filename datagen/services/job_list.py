"""Which of a user's jobs a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from datagen.services.views import JobView

Kind = Literal["open", "done", "failed", "cancelled"]
Order = Literal["newest", "oldest", "title", "largest", "unfinished"]

_ORDERS: Mapping[Order, tuple[Callable[[JobView], object], bool]] = {  # key, descending
    "newest": (lambda view: (view.job.created_at, view.job.id), True),
    "oldest": (lambda view: (view.job.created_at, view.job.id), False),
    "title": (lambda view: (view.job.title.casefold(), view.job.id), False),
    "largest": (lambda view: (view.progress.total, view.job.created_at), True),
    "unfinished": (lambda view: (not view.job.is_over, view.job.created_at), True),
}


def kind(view: JobView) -> Kind:
    """What a job counts as in a list."""
    if not view.job.is_over:
        return "open"
    if view.job.was_cancelled:
        return "cancelled"
    return "done" if view.job.status == "succeeded" else "failed"


def listed(
    views: Sequence[JobView], *, search: str = "", kinds: Collection[Kind] = (),
    order: Order = "newest",
) -> list[JobView]:
    """The jobs whose title holds every word of ``search``, or whose id holds it all.

    ``kinds``: () = all; upper and lower case are alike.
    """
    words, whole = search.casefold().split(), search.casefold().strip()
    found = [view for view in views if (not kinds or kind(view) in kinds) and (
        whole in view.job.id.casefold()
        or all(word in view.job.title.casefold() for word in words))]
    key, descending = _ORDERS[order]
    return sorted(found, key=key, reverse=descending)  # type: ignore[arg-type]  # tuples of one form
