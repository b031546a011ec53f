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
    del first, good
    kinds: dict[str, Kind] = {name: known.get(name, "text") for name in columns}
    pattern = Pattern(kinds) if len(columns) > 1 else None  # a lone empty cell is quoted

    def rows(block: Block) -> bytes:
        found = pattern.read(block.text) if pattern and block.text else None
        return _rows_of(block, columns, wish) if found is None else _found_rows(found, kinds, wish)

    with closing(in_order(blocks, rows)) as made:
        for text in made:
            if text:
                yield text


def _rows_of(block: Block, columns: Sequence[str], wish: Wish) -> bytes:
    records = [line.data or {} for line in block.good()]
    return csv_rows(records, columns, safe=wish.safe, delimiter=wish.delimiter)


def _found_rows(found: Found, kinds: Mapping[str, Kind], wish: Wish) -> bytes:
    if not len(found.indices):
        return b""
    columns = _cells(found.columns, list(kinds.values()), safe=wish.safe)
    sink = io.BytesIO()
    columns.write_csv(sink, include_header=False, separator=wish.delimiter,
                      quote_style="necessary")
    return b"\n" + sink.getvalue()[:-1]


def _cells(columns: pl.DataFrame, kinds: Sequence[Kind], *, safe: bool) -> pl.DataFrame:
    """As the writer takes them: it quotes what is empty, and leaves nothing empty."""
    import polars as pl

    texts = [name for name, kind in zip(columns.columns, kinds, strict=True) if kind in _TEXT]
    if not texts:
        return columns
    odd = pl.col(texts).str.contains(f"{_FORMULA}|^$") if safe else pl.col(texts) == ""
    some = columns.select(odd.any()).row(0, named=True)  # one question for all: each costs
    cells = pl.col([name for name in texts if some[name]])
    shown = pl.when(cells.str.contains(_FORMULA)).then(pl.lit("'") + cells).otherwise(cells) \
        if safe else cells
    return columns.with_columns(pl.when(cells != "").then(shown).name.keep())
