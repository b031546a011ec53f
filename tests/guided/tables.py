"""Datasets as files and as a table: models write the values, spreadsheets open them."""

from __future__ import annotations

import csv
import tempfile
from io import BytesIO, StringIO
from pathlib import Path

from pyarrow import parquet

from datagen.domain import cells, exports
from datagen.domain.downloads import Wish
from datagen.domain.errors import InputError
from datagen.engine import journal
from datagen.protocol import lines
from datagen.services import building, columns, separated, tables
from datagen.services.blocks import Block, blocks_of
from tests.guided.target import Target, target, values

_SCHEMA = {"type": "object", "properties": {
    "n": {"type": "integer"}, "f": {"type": "number"}, "b": {"type": "boolean"},
    "s": {"type": "string"}, "d": {"type": "string", "format": "date"},
    "t": {"type": "string", "format": "date-time"}, "j": {"type": "array"}}}
_RECORDS = (
    {"n": 1, "f": 1.5, "b": True, "s": "x, \"y\"", "d": "2026-01-01", "t": "2026-01-01T10:00:00Z",
     "j": [1, {"a": None}]},
    {"n": None, "f": 2, "b": None, "s": "=1+1", "d": None, "t": "2026-01-01T10:00:00+02:00",
     "j": []},
    {"n": -3, "f": -0.25, "b": False, "s": "é\n🦄\\", "d": "1999-12-31", "t": None, "j": None})
_LINES = b"\n".join(journal.ok_line(at, one) for at, one in enumerate(_RECORDS)) + b"\n"
_SEEDS = (_LINES, _LINES.replace(b"1.5", b"1.0").replace(b"-3", b"12345678901234567890"),
          _LINES + journal.failed_line(3, "e", "r") + b"\n", _LINES.replace(b"2026", b"0000"),
          b'{"i":0,"ok":true,"data":{"s":"-1"}}\n{"i":1,"ok":true,"data":{"s":"\\u002b1"}}')


@target("csv", "CSV of stored lines is the same by the quick and by the plain way, reads again, "
        "and no cell of a safe one is a formula", _SEEDS)
def as_csv(data: bytes) -> None:
    found = list(lines.lines_of(data))
    names = columns.columns_in_order(_SCHEMA, found)
    for wish in (Wish(form="csv"), Wish(form="csv", safe=True, delimiter=";"),
                 Wish(form="csv", safe=True, delimiter="\t")):
        quick = b"".join(separated.csv_blocks(iter([Block(), Block(text=data)]) if data else
                                              iter([]), names, _SCHEMA, wish))
        later = b"".join(separated.csv_blocks(iter([Block(text=data)]), names, _SCHEMA, wish))
        plain = b"".join(exports.csv_chunks(found, names, safe=wish.safe, delimiter=wish.delimiter))
        assert quick == plain
        assert later == plain
        if b"\r" in plain:
            continue  # the reader takes a lone one for the end of a line
        read = list(csv.reader(StringIO(plain.decode(), newline=""), delimiter=wish.delimiter))
        assert len(read) == 1 + sum(line.ok for line in found)
        for row in read if wish.safe else ():
            for cell in row:
                assert not cells.is_formula(cell) or (cell[:1] == "-" and _is_number(cell))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@target("table", "the columnar file of stored lines is the same by the quick and by the plain way",
        _SEEDS)
def as_table(data: bytes) -> None:
    found = list(lines.lines_of(data))
    if len({line.i for line in found if 0 <= line.i < 2**62}) < len(found):
        return
    quick, plain = BytesIO(), BytesIO()
    building.fill(quick, lambda: iter([Block(text=data)]), _SCHEMA, "")
    building.fill(plain, lambda: blocks_of(iter(found)), _SCHEMA, "")
    assert parquet.read_table(BytesIO(quick.getvalue())).equals(
        parquet.read_table(BytesIO(plain.getvalue())))


_FOLDER = tempfile.TemporaryDirectory()
_WORDS = ("plain", "Straße", "ΣΊΣΥΦΟΣ", "a.b*c", "x\ny", "50 %", "\\d+", "🦄 (one)", "İstanbul", "")


def _built() -> columns.Table:
    path = Path(_FOLDER.name, "table.parquet")
    whole = b"\n".join(journal.ok_line(at, {"s": word, "n": at}) for at, word in enumerate(_WORDS))
    building.build(path, lambda: iter([Block(text=whole)]), _SCHEMA, "")
    table = columns.read(path, "")
    assert table is not None
    return table


_TABLE = _built()


@target("search", "a search finds every text that holds it, a filter what it names, and neither "
        "fails", [["a.b*c", "s", "plain"], ["Stra", "n", 3], ["\\d+", "#", None], ["(", "x", 1.5]])
def search(data: bytes) -> None:
    said, name, wanted = values(data, 3)
    if isinstance(said, str) and said.isprintable():
        found = tables.page(_TABLE, search=said)
        shown = set(found.frame["s"])
        assert {word for word in _WORDS if said in word} <= shown
        assert found.matching == len(found.frame)
    try:
        if isinstance(name, str) and not isinstance(wanted, list | dict):
            tables.page(_TABLE, sort=name)
            tables.page(_TABLE, filters={name: tables.Filter(values=frozenset({wanted}))})
            tables.page(_TABLE, filters={name: tables.Filter(low=wanted, high=wanted)})
    except InputError:
        pass


TARGETS: tuple[Target, ...] = (as_csv, as_table, search)
