"""One table of figures, on the terminal and in ``results.md``."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_MARK = "<!-- the newest first -->"
RESULTS = Path(__file__).parent / "results.md"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line: what was measured, what came of it, what was wanted."""

    what: str
    value: float
    unit: str = ""  # "" = a ratio
    most: float | None = None  # the target, where there is one
    least: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether it is as wanted; True where nothing is."""
        return ((self.most is None or self.value <= self.most)
                and (self.least is None or self.value >= self.least))

    @property
    def _wanted(self) -> str:
        if self.most is None and self.least is None:
            return ""
        sign, limit = ("≤", self.most) if self.most is not None else ("≥", self.least)
        return f"{sign} {limit:g}{'' if self.met else ' ✗'}"

    def row(self) -> str:
        """The line in Markdown."""
        value = f"{self.value:,.3f}" if abs(self.value) < 10 else f"{self.value:,.0f}"
        return f"| {self.what} | {value} {self.unit} | {self._wanted} | {self.note} |"


HEAD = ("| measured | figure | target | |", "|---|---|---|---|")


def told(figures: Iterable[Figure]) -> list[str]:
    """The rows of a table, its head included."""
    return [*HEAD, *(figure.row() for figure in figures)]


def machine() -> str:
    """Where and when, in words that name nobody."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{datetime.now(UTC):%Y-%m-%d}, {len(os.sched_getaffinity(0))} cores "
            f"({platform.machine()}), {memory:.0f} GB, {platform.system()}, "
            f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f} before it began")


def saved(text: str, where: str, rows: Sequence[str]) -> str:
    """``results.md`` with one more table, the newest first."""
    before, mark, after = text.partition(_MARK)
    return f"{before}{mark}\n\n### {where}\n\n{chr(10).join(rows)}\n{after}"
