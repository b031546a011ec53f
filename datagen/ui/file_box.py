"""Where a file with a schema or sample records is chosen or dropped.

The browser reads the file and sends its text over the page's own websocket, as it does with
what is pasted: the session, the origin and ``server.maxWidgetStateSize`` bound it already, it
can reach no other tab, and it is gone after the run. Streamlit's upload route keeps a file for
as long as its tab is open and asks nobody whose tab that is; the gate leaves it closed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import streamlit as st

from datagen.domain.errors import InputError
from datagen.domain.schema.infer import MAX_PASTED

MAX_FILE = MAX_PASTED  # bytes; a text never has more characters than its file has bytes
ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt")
_STATIC = Path(__file__).parent / "static"
_HALF_PAIR = re.compile("[\ud800-\udfff]")  # no browser reads one from a file
_PROBLEMS = {
    "size": f"is larger than {MAX_FILE // 1000:,} KB. A few dozen records are enough.",
    "encoding": "is not UTF-8 text. Save it as UTF-8, in Excel as “CSV UTF-8”.",
    "unreadable": "can't be read by your browser. Choose a file, not a folder.",
}
_box = st.components.v2.component(
    "datagen_file_box",
    html=(_STATIC / "file_box.html").read_text("utf-8"),
    css=(_STATIC / "file_box.css").read_text("utf-8"),
    js=(_STATIC / "file_box.js").read_text("utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class ChosenFile:
    """A file as the browser read it."""

    title: str  # what its name makes of a title, "" where it has none
    text: str  # not empty


def draw() -> ChosenFile | None:
    """The file, in the run after it was chosen; None else. Raises InputError, which names it."""
    sent = _box(key="file_box", data={"limit": MAX_FILE}, on_file_change=lambda: None).file
    return read(sent) if sent is not None else None


def read(sent: Any) -> ChosenFile:
    """What a browser sent, which may be anything. Raises InputError, which names the file."""
    told = sent if isinstance(sent, Mapping) else {}
    name, text, problem = _text(told.get("name")), _text(told.get("text")), told.get("problem")
    if name is None:
        raise InputError("The file has no name that can be read. Rename it and try again.")
    shown = name if len(name) <= 60 else f"{name[:60]}…"
    if not name.lower().endswith(ENDINGS):
        raise InputError(f"{shown} is neither JSON nor CSV: its name must end in "
                         f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    if problem or text is None:
        why = _PROBLEMS.get(str(problem or "encoding"), _PROBLEMS["unreadable"])
        raise InputError(f"{shown} {why}")
    if not text.removeprefix("\ufeff").strip():
        raise InputError(f"{shown} is empty.")
    stem = PurePath(name).stem.replace("_", " ").strip()
    return ChosenFile(title=stem[:1].upper() + stem[1:], text=text)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and not _HALF_PAIR.search(value) else None
