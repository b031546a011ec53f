"""How far a job is: one line that moves on a terminal, else a line now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from datagen.cli.terminal import clean
from datagen.ui.words import count, duration

if TYPE_CHECKING:
    from datagen.services.jobs import JobView

WIDTH = 24  # characters of the bar, where there is room
SHORTEST = 6  # below that it tells nothing
LINE_EVERY = 5.0  # seconds between two lines where nothing can move
_BACK = "\r\x1b[2K"  # to the beginning of the line, which is then empty


class Progress:
    """Shows views of one job as they come."""

    def __init__(self, stream: TextIO, *, live: bool, columns: int = 80) -> None:
        self._stream, self._live, self._columns = stream, live, columns
        self._shown: tuple[int, str | None] | None = None
        self._due = 0.0

    def show(self, view: JobView, now: float) -> None:
        """``now`` in seconds that never go back."""
        if self._live:
            text, room = clean(words(view)), self._columns - 1
            shown = bar(view, min(WIDTH, room - len(text) - 3)) + text
            self._stream.write(_BACK + shown[:room])
            self._stream.flush()
            return
        said = (view.progress.done, trouble(view))
        moved = said != self._shown
        if moved and (now >= self._due or view.job.is_over):
            self._shown, self._due = said, now + LINE_EVERY
            self._stream.write(clean(words(view)) + "\n")
            self._stream.flush()

    def clear(self) -> None:
        """Make room for other words."""
        if self._live:
            self._stream.write(_BACK)
            self._stream.flush()


def bar(view: JobView, width: int) -> str:
    """``[#####-----] ``, or nothing where there is no room for it."""
    if width < SHORTEST:
        return ""
    full = view.progress.done * width // max(view.progress.total, 1)
    return f"[{'#' * full}{'-' * (width - full)}] "


def words(view: JobView) -> str:
    """``12 of 20 records, 3.1 per second, 2.6 s left``, then what stands in the way."""
    progress = view.progress
    parts = [f"{progress.done:,} of {count(progress.total, 'record')}"]
    if view.round and not view.job.is_over:
        parts.append(f"round {view.round + 1}")
    if view.is_ending:
        parts.append("being cancelled")
    elif progress.status == "queued":
        parts.append("waiting for its turn")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    moves = not (view.job.is_over or view.is_ending)
    if view.rate and moves:
        parts.append(f"{view.rate:.1f} per second")
    if view.eta and moves:
        parts.append(f"{duration(view.eta)} left")
    problem = trouble(view)
    return ", ".join(parts) + (f". {problem}" if problem else "")


def trouble(view: JobView) -> str | None:
    """Why it is slow or stands still, in a sentence."""
    if view.job.is_over:
        return None
    said = (view.not_closed, *(state.trouble for state in view.states.values()))
    return next((one for one in said if one), None)
