"""A dataset as CSV, many records at a time: as ``domain.exports`` writes it, byte for byte."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from datagen.domain.cells import FORMULA_STARTS
from datagen.domain.downloads import Wish
from datagen.domain.exports import csv_header, csv_rows
from datagen.services.blocks import Block, in_order
from datagen.services.building import Layout
from datagen.services.kinds import Kind
from datagen.services.quick import Found, Pattern

if TYPE_CHECKING:
    import polars as pl

_TEXT: frozenset[Kind] = frozenset({"text", "date", "datetime"})
_FORMULA = f"^[{''.join(sorted(FORMULA_STARTS)).replace('-', '')}-]"


def csv_blocks(
    blocks: Iterator[Block], columns: Sequence[str], schema: Mapping[str, Any], wish: Wish
) -> Iterator[bytes]:
    """The header and the first records at once, then the rest."""
    first = next(blocks, Block())
    yield csv_header(columns, safe=wish.safe, delimiter=wish.delimiter, bom=wish.bom) + _rows_of(
        first, columns, wish)
    layout = Layout(schema)
    layout.look(good := first.good())
    known = layout.kinds() if good else {}
    kinds: dict[str, Kind] = {name: known.get(name, "text") for name in columns}
    pattern = Pattern(kinds) if len(columns) > 1 else None  # a lone empty cell is quoted

    def rows(block: Block) -> bytes:
        found = pattern.read(block.text) if pattern and block.text else None
        return _rows_of(block, columns, wish) if found is None else _found_rows(found, kinds, wish)

    with closing(in_order(blocks, rows)) as made:
        for _, text in made:
            if text:
                yield text


def _rows_of(block: Block, columns: Sequence[str], wish: Wish) -> bytes:
    records = [line.data or {} for line in block.good()]
    return csv_rows(records, columns, safe=wish.safe, delimiter=wish.delimiter)


def _found_rows(found: Found, kinds: Mapping[str, Kind], wish: Wish) -> bytes:
    import polars as pl

    if not len(found.indices):
        return b""
    columns = [_cells(column, is_text=kind in _TEXT, safe=wish.safe) for kind, column
               in zip(kinds.values(), found.columns.get_columns(), strict=True)]
    sink = io.BytesIO()
    pl.DataFrame(columns).write_csv(sink, include_header=False, separator=wish.delimiter,
                                    quote_style="necessary")
    return b"\n" + sink.getvalue()[:-1]


def _cells(column: pl.Series, *, is_text: bool, safe: bool) -> pl.Series:
    """As the writer takes them: it quotes what is empty, and leaves nothing empty."""
    import polars as pl

    if not is_text:
        return column
    if safe:
        formulas = column.str.contains(_FORMULA).fill_null(value=False)
        if formulas.any():
            column = pl.select(pl.when(formulas).then("'" + column).otherwise(column)
                               .alias(column.name)).to_series()
    empty = (column == "").fill_null(value=False)
    return column.set(empty, None) if empty.any() else column
