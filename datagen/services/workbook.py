"""A dataset as an Excel workbook: typed cells, and a second sheet that says what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datagen.domain.card import Entry
from datagen.domain.cells import is_formula
from datagen.domain.downloads import EXCEL_CELL, EXCEL_COLUMNS, EXCEL_ROWS
from datagen.domain.errors import Conflict
from datagen.services.columns import Table

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_EXACT = 2**53  # Excel's numbers are doubles: a larger whole one would lose its last digits
_FIRST_DAY = date(1900, 3, 1)  # before it, Excel's calendar has a day that never was
_WIDTHS = range(10, 48)  # characters
_LOOKED_AT = 50  # rows that tell how wide a column is
_CUT = "… (cut: Excel holds no more)"
_BREAKS = re.compile("\r\n?")  # in a cell of Excel, a line ends with \n alone
_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # in no XML


def check_size(rows: int, columns: int = 0) -> None:
    """Raises Conflict for what no sheet of Excel can hold."""
    if rows > EXCEL_ROWS:
        raise Conflict(f"A sheet of Excel holds {EXCEL_ROWS:,} rows and a header; this dataset "
                       f"has {rows:,}. Take it as CSV or Parquet.")
    if columns > EXCEL_COLUMNS:
        raise Conflict(f"A sheet of Excel holds {EXCEL_COLUMNS:,} columns; this dataset has "
                       f"{columns:,}. Take it as JSON or Parquet.")


def write_workbook(
    path: Path, table: Table, fields: Sequence[Entry], facts: Sequence[tuple[str, str]], *,
    safe: bool, progress: Callable[[float], None],
) -> None:
    """Write the table to ``path``, a row in memory at a time.

    No text is ever a formula; ``safe`` marks those that would become one once they are edited
    as text, as Excel does for whoever types an apostrophe in front. ``facts`` stand below the
    ``fields``. Raises Conflict where it has too many rows or columns, and OSError.
    """
    import xlsxwriter

    check_size(table.rows, len(table.columns))
    book = xlsxwriter.Workbook(str(path), {
        "constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False,
        "strings_to_urls": False, "strings_to_numbers": False, "default_date_format": "yyyy-mm-dd",
    })
    book.set_properties({"comments": "Synthetic data, made with DataGen"})
    with book:
        data = _Sheet(book.add_worksheet("Data"), book, safe=safe)
        data.fill(table, progress)
        told = [*facts, ("Times", "in UTC, since Excel knows no time zones")]
        if data.cut:
            told.append(("Texts that were cut", f"{data.cut:,}: a cell of Excel holds "
                         f"{EXCEL_CELL:,} characters; CSV and Parquet have them whole"))
        _describe(_Sheet(book.add_worksheet("Fields"), book, safe=safe), fields, told)


class _Exact(float):
    """Stands in the file with all its digits: XlsxWriter asks for 16, and some need 17."""

    def __format__(self, spec: str) -> str:
        return repr(float(self)).upper()


class _Sheet:
    """A sheet with its formats."""

    def __init__(self, sheet: Worksheet, book: Any, *, safe: bool) -> None:
        self.sheet, self._safe = sheet, safe
        self.bold: Format = book.add_format({"bold": True, "bottom": 1, "text_wrap": False})
        self._marked: Format = book.add_format({"quote_prefix": True})
        self._day: Format = book.add_format({"num_format": "yyyy-mm-dd"})
        self._time: Format = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self.cut = 0  # texts that were too long

    def fill(self, table: Table, progress: Callable[[float], None]) -> None:
        """The header and all rows."""
        rows = _rows(table)
        first = [row for _, row in zip(range(_LOOKED_AT), rows, strict=False)]
        names = [column.name for column in table.columns]
        for n, name in enumerate(names):
            longest = max((len(str(row[n])) for row in first if row[n] is not None), default=0)
            width = min(max(longest, len(name) + 2, _WIDTHS.start), _WIDTHS.stop)
            self.sheet.set_column(n, n, width)
        self.sheet.freeze_panes(1, 0)
        if names:
            self.sheet.autofilter(0, 0, table.rows, len(names) - 1)
        self.row(0, names, self.bold)
        at = 0
        for part in (first, rows):
            for row in part:
                at += 1
                self.row(at, row)
                if at % 2_000 == 0:
                    progress(at / max(table.rows, 1))

    def row(self, at: int, values: Sequence[Any], form: Format | None = None) -> None:
        """One row; nothing is an empty cell."""
        for n, value in enumerate(values):
            if value is not None:
                self._cell(at, n, value, form)

    def _cell(self, at: int, n: int, value: Any, form: Format | None) -> None:
        sheet = self.sheet
        if isinstance(value, bool):
            sheet.write_boolean(at, n, value, form)
        elif isinstance(value, float):
            sheet.write_number(at, n, _Exact(value), form)
        elif isinstance(value, int) and abs(value) <= _EXACT:
            sheet.write_number(at, n, value, form)
        elif isinstance(value, datetime) and value.date() >= _FIRST_DAY:
            sheet.write_datetime(at, n, value.astimezone(UTC).replace(tzinfo=None), self._time)
        elif isinstance(value, date) and not isinstance(value, datetime) and value >= _FIRST_DAY:
            sheet.write_datetime(at, n, datetime(value.year, value.month, value.day), self._day)  # noqa: DTZ001 - Excel knows no zones
        else:
            self._text(at, n, value.isoformat() if isinstance(value, date) else str(value), form)

    def _text(self, at: int, n: int, text: str, form: Format | None) -> None:
        text = _BREAKS.sub("\n", _NEVER.sub("\N{REPLACEMENT CHARACTER}", text))
        if len(text.encode("utf-16-le")) > 2 * EXCEL_CELL:
            self.cut += 1
            text = text[: EXCEL_CELL // 2 - len(_CUT)] + _CUT
        marked = self._marked if self._safe and form is None and is_formula(text) else form
        self.sheet.write_string(at, n, text, marked)


def _describe(
    sheet: _Sheet, fields: Sequence[Entry], facts: Sequence[tuple[str, str]]
) -> None:
    """What each field is, then what is to be known of the whole."""
    for n, width in enumerate((32, 16, 10, 36, 60)):
        sheet.sheet.set_column(n, n, width)
    sheet.sheet.freeze_panes(1, 0)
    sheet.row(0, ["Field", "Type", "Required", "Allowed", "Description"], sheet.bold)
    shown = fields[: EXCEL_ROWS // 2]
    for at, entry in enumerate(shown, start=1):
        sheet.row(at, [entry.field, entry.type, "yes" if entry.required else "no",
                       entry.allowed or None, entry.description or None])
    for at, (name, value) in enumerate(facts, start=len(shown) + 2):
        sheet.row(at, [name, value])


def _rows(table: Table) -> Iterator[tuple[Any, ...]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(table.path) as source:
        for batch in source.iter_batches(batch_size=1_000):
            columns = batch.columns[: len(table.columns)]
            yield from (zip(*(column.to_pylist() for column in columns), strict=True)
                        if columns else ((),) * batch.num_rows)
