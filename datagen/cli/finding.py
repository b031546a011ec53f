"""One thing that ``check`` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was looked at, and what the reader can do."""

    what: str
    state: Literal["ok", "note", "wrong"]
    found: str
    do: str = ""
