"""CSV as records: a cell becomes the number, flag, list or text that its whole column shows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from datagen.domain.errors import InputError

_DELIMITERS = ",;\t|"
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")  # 007 and long numbers are codes, kept as text
_REAL = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?")
_FLAGS = {"true": True, "false": False}
_MAX_CELL = 100_000  # characters


def read_csv(text: str, most: int) -> list[dict[str, Any]]:
    """At most ``most`` records; an empty cell is None. Raises InputError with the line."""
    first = text.splitlines()[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row and len(rows) <= most:
                rows.append(row)
                if len(row) != len(rows[0]):
                    raise InputError(f"Line {reader.line_num} has {len(row)} columns; the header "
                                     f"has {len(rows[0])}.")
    except csv.Error as exc:
        raise InputError(f"The CSV can't be read. Line {reader.line_num}: {exc}.") from exc
    names = _names(rows[0])
    if len(rows) < 2:
        raise InputError("This is no JSON, and CSV needs a header row and a row below it.")
    columns = [_typed([row[at].strip() for row in rows[1:]]) for at in range(len(names))]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _names(header: Sequence[str]) -> list[str]:
    names = [name.strip() for name in header]
    for at, name in enumerate(names):
        if not name:
            raise InputError(f"Column {at + 1} of the CSV has no name in the header row.")
        if name in names[:at]:
            raise InputError(f"The CSV has two columns of the name {name[:60]}.")
    return names


def _typed(cells: Sequence[str]) -> list[Any]:
    solid = [cell for cell in cells if cell]
    for read in (_whole, _real, _flag, _nested):
        if solid and all(read(cell) is not None for cell in solid):
            return [read(cell) if cell else None for cell in cells]
    return [cell or None for cell in cells]


def _whole(cell: str) -> Any:
    return int(cell) if _WHOLE.fullmatch(cell) else None


def _real(cell: str) -> Any:
    return float(cell) if _REAL.fullmatch(cell) else None


def _flag(cell: str) -> Any:
    return _FLAGS.get(cell.lower())


def _nested(cell: str) -> Any:
    """A list or an object that was put into a cell as JSON, as our own export does."""
    if cell[0] not in "{[" or len(cell) > _MAX_CELL:
        return None
    try:
        return strictly(cell)
    except (ValueError, RecursionError):
        return None




def strictly(text: str) -> Any:
    """JSON without NaN and Infinity. Raises ValueError, RecursionError."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
