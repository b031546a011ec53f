"""Values as people read them, and foreign text that stays text."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# What Streamlit links by itself, escaped or not; a word joiner, which nobody sees, parts it.
_LINK = re.compile(r"(https?:|www)(?=//|\.)|@", re.IGNORECASE)
_SYNTAX = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^=])")


def plain(text: str) -> str:
    """``text`` with every Markdown and Streamlit directive character taken literally."""
    return _SYNTAX.sub(r"\\\1", _LINK.sub("\\g<0>\u2060", " ".join(text.split())))


def code(text: str) -> str:
    """``text`` as inline code, whatever backticks it holds."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{text}{fence}" if len(fence) == 1 else f"{fence} {text} {fence}"


def count(number: int, noun: str) -> str:
    """``1 record``, ``1,200 records``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """``812 bytes``, ``4.2 MB``."""
    if number < 1_000:
        return count(number, "byte")
    value, unit = number / 1e3, "kB"
    for larger in ("MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1e3, larger
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def drafted_in(milliseconds: int) -> str:
    """How long the model took for a schema; a dash where none was asked."""
    if not milliseconds:
        return "—"
    return duration(milliseconds / 1000) if milliseconds >= 50 else "under 0.1 s"


def ago(moment: datetime, now: datetime) -> str:
    """``just now``, ``5 min ago``, ``3 h ago``, else the number of days."""
    seconds = (now - moment).total_seconds()
    for limit, unit, name in ((60, 0, ""), (3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {name} ago" if unit else "just now"
    return count(int(seconds // 86_400), "day") + " ago"


def when(moment: datetime, zone: str | None) -> str:
    """``22 Nov 2026, 10:34`` in the reader's zone; UTC, and so named, where it is unknown."""
    try:
        local = moment.astimezone(ZoneInfo(zone)) if zone else moment
    except (ZoneInfoNotFoundError, ValueError):
        local, zone = moment, None
    return f"{local.day} {local:%b %Y, %H:%M}" + ("" if zone else " UTC")
