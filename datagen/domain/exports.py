"""A dataset as text: one pass over its records, whatever their number.

The default forms are byte for byte those of the earlier application (API.md).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

_CHUNK = 64 * 1024  # bytes: few enough to stream, many enough to be quick
_NEEDS_QUOTES = re.compile(r'[,"\r\n]')
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # what spreadsheets run, full-width in some regions
_MAX_NAME = 120  # characters of a title in a file name


@dataclass(frozen=True, kw_only=True)
class ResultLine:
    """The final outcome of one record."""

    i: int  # index in the dataset, from 0
    ok: bool
    data: Mapping[str, Any] | None = None  # the record, where ok
    error: str | None = None  # why not, in a sentence, where not ok
    raw: str | None = None  # the model's reply where it was kept: hostile, for the owner's eyes


def json_chunks(records: Iterable[ResultLine], *, skip_failed: bool = False) -> Iterator[bytes]:
    """A JSON array in record order, indented by two; ``null`` where a record failed.

    ``skip_failed`` leaves failed records out instead.
    """
    return _chunks(_json_pieces(records, skip_failed))


def jsonl_chunks(records: Iterable[ResultLine]) -> Iterator[bytes]:
    """One good record per line, compact; failed records are left out."""
    return _chunks(
        json.dumps(line.data, ensure_ascii=False, separators=(",", ":")) + "\n"
        for line in records if line.ok
    )


def csv_chunks(
    records: Iterable[ResultLine], columns: Sequence[str], *, safe: bool = False
) -> Iterator[bytes]:
    r"""A header and one row per good record, parted by ``\n``, none after the last.

    Nested values are compact JSON, nothing is an empty cell, failed records are left out.
    ``safe`` puts an apostrophe before texts that a spreadsheet would run as a formula.
    """
    return _chunks(_csv_pieces(records, columns, safe))


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


def cell(value: Any, *, safe: bool = False) -> str:
    """One value as CSV text, before quoting."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"'{value}" if safe and value.startswith(_FORMULA_STARTS) else value


def _json_pieces(records: Iterable[ResultLine], skip_failed: bool) -> Iterator[str]:
    empty = True
    for line in records:
        if skip_failed and not line.ok:
            continue
        yield "[\n  " if empty else ",\n  "
        data = line.data if line.ok else None
        yield json.dumps(data, ensure_ascii=False, indent=2).replace("\n", "\n  ")
        empty = False
    yield "[]" if empty else "\n]"


def _csv_pieces(
    records: Iterable[ResultLine], columns: Sequence[str], safe: bool
) -> Iterator[str]:
    yield _row([cell(name, safe=safe) for name in columns])
    for line in records:
        if line.ok and line.data is not None:
            yield "\n" + _row([cell(line.data.get(name), safe=safe) for name in columns])


def _row(cells: Sequence[str]) -> str:
    if len(cells) == 1 and not cells[0]:
        return '""'  # an empty line would be skipped by whoever reads it
    return ",".join(
        '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text
        for text in cells
    )


def _chunks(pieces: Iterable[str]) -> Iterator[bytes]:
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield "".join(waiting).encode("utf-8", "replace")
            waiting, size = [], 0
    yield "".join(waiting).encode("utf-8", "replace")
