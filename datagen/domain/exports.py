"""A dataset as text: one pass over its records, whatever their number.

The default forms are byte for byte those of the earlier application (API.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from datagen.domain import cells

_CHUNK = 128 * 1024  # bytes: few enough to stream, many enough to be quick
_FIRST, _BATCH = 16, 256  # records made at once: the first of them soon, then at leisure


class ResultLine(NamedTuple):
    """The final outcome of one record; a tuple, since a million of them are made in a row."""

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
    return _chunks(cells.json_text(line.data) + b"\n" for line in records if line.ok)


def csv_chunks(
    records: Iterable[ResultLine], columns: Sequence[str], *, safe: bool = False,
    delimiter: str = ",", bom: bool = False,
    spread: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> Iterator[bytes]:
    r"""A header and one row per good record, parted by ``\n``, none after the last.

    Nested values are compact JSON, nothing is an empty cell, failed records are left out.
    ``safe`` puts an apostrophe before texts that a spreadsheet would run as a formula, ``bom``
    the mark by which Excel knows UTF-8; ``spread`` gives a record's values by column.
    """
    return _chunks(_csv_pieces(records, columns, safe, delimiter, bom, spread))


def _json_pieces(records: Iterable[ResultLine], skip_failed: bool) -> Iterator[bytes]:
    before = b"[\n  "
    for line in records:
        if line.ok:
            yield before + cells.json_text(line.data, indented=True).replace(b"\n", b"\n  ")
        elif skip_failed:
            continue
        else:
            yield before + b"null"
        before = b",\n  "
    yield b"[]" if before[:1] == b"[" else b"\n]"


def csv_header(
    columns: Sequence[str], *, safe: bool = False, delimiter: str = ",", bom: bool = False
) -> bytes:
    """The first line, without its end."""
    header = cells.rows([[name] for name in columns], safe=safe, delimiter=delimiter)
    head = "\ufeff" if bom else ""
    return (head + (header[0] if columns else "")).encode("utf-8", "replace")


def csv_rows(
    records: Sequence[Mapping[str, Any]], columns: Sequence[str], *, safe: bool = False,
    delimiter: str = ",",
) -> bytes:
    r"""Some records' lines, each with its ``\n`` in front."""
    values = cells.by_column(records, columns)
    lines = cells.rows(values, safe=safe, delimiter=delimiter) or [""] * len(records)
    return "".join(f"\n{line}" for line in lines).encode("utf-8", "replace")


def _csv_pieces(
    records: Iterable[ResultLine], columns: Sequence[str], safe: bool, delimiter: str, bom: bool,
    spread: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None,
) -> Iterator[bytes]:
    yield csv_header(columns, safe=safe, delimiter=delimiter, bom=bom)
    kept = (line.data for line in records if line.ok and line.data is not None)
    good: Iterator[Mapping[str, Any]] = map(spread, kept) if spread else kept
    size = _FIRST
    while batch := list(islice(good, size)):
        size = _BATCH
        yield csv_rows(batch, columns, safe=safe, delimiter=delimiter)


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size, enough = 0, 1024  # the first chunk leaves at once
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= enough:
            yield b"".join(waiting)
            waiting, size, enough = [], 0, _CHUNK
    yield b"".join(waiting)
