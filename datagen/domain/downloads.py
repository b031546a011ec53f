"""What can be asked of a dataset's file: its form, how its cells are written, its name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote

Form = Literal["json", "jsonl", "csv", "parquet", "xlsx", "bundle"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA: Mapping[Form, str] = {
    "json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "bundle": "application/zip",
}
DELIMITERS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t"}
OPTIONS: Mapping[str, tuple[str, ...]] = {  # each with what it is when nothing is said first
    "format": FORMS, "failed": ("null", "skip"), "safe": ("false", "true"),
    "partial": ("false", "true"), "delimiter": tuple(DELIMITERS), "bom": ("false", "true"),
    "nested": ("json", "columns"),
}
_SAID_OF: Mapping[Form, frozenset[str]] = {  # what makes a difference, besides ``partial``
    "json": frozenset({"skip_failed"}), "jsonl": frozenset(), "parquet": frozenset({"spread"}),
    "csv": frozenset({"safe", "delimiter", "bom", "spread"}), "xlsx": frozenset({"safe", "spread"}),
    "bundle": frozenset({"safe", "delimiter", "bom", "spread"}),
}
EXCEL_ROWS = 1_048_575  # below the header; the format's own bound, as the next two
EXCEL_COLUMNS = 16_384
EXCEL_CELL = 32_767  # characters
_MAX_NAME = 120  # characters of a title in a file name


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A file as somebody wants it; what is said of other forms makes no difference."""

    form: Form
    skip_failed: bool = False  # JSON: leave failed records out, else they are ``null``
    safe: bool = False  # CSV, Excel: no text is run as a formula
    partial: bool = False  # of a job that runs: what there is so far
    delimiter: str = ","  # CSV
    bom: bool = False  # CSV: begin with the mark by which Excel knows UTF-8
    spread: bool = False  # CSV, Parquet, Excel: a column for each field of nested objects

    @property
    def ending(self) -> str:
        """Of the file's name, without the dot."""
        return "zip" if self.form == "bundle" else self.form

    @property
    def told(self) -> dict[str, object]:
        """What tells its file from others of the same dataset, by name."""
        names = _SAID_OF[self.form] | {"form", "partial"}
        return {name: value for name, value in sorted(vars(self).items()) if name in names}


def attachment_name(title: str, ext: str, *, mark: str = "") -> str:
    """The Content-Disposition value for a download named after the title (RFC 6266).

    ``mark`` follows the title, however long that is.
    """
    kept = _tidy(title)
    plain = _tidy(unicodedata.normalize("NFKD", kept).encode("ascii", "ignore").decode())
    ext = f"{mark}.{ext}"
    value = f'attachment; filename="{plain}{ext}"'
    if plain != kept:
        value += f"; filename*=UTF-8''{quote(f'{kept}{ext}', safe='')}"
    return value


def _tidy(name: str) -> str:
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    kept = re.sub(r'[\\/:*?"<>|%]+', "-", kept)
    return " ".join(kept.split())[:_MAX_NAME].strip(" .-") or "dataset"
