"""Writes the columnar file of a dataset: in one pass where what columns hold is soon known."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from datagen.domain.cells import by_column
from datagen.domain.errors import StoreError, StoreFull
from datagen.domain.exports import ResultLine
from datagen.domain.spread import check_columns
from datagen.services.blocks import Block, in_order
from datagen.services.columns import META, VERSION, free_name, tidy
from datagen.services.kinds import (
    Kind,
    MisfitError,
    Seen,
    array,
    arrow_type,
    declared,
    properties_of,
)
from datagen.services.quick import Found, Pattern

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import polars as pl
    import pyarrow as pa

Blocks = Callable[[], Iterator[Block]]
_LOOKED_AT = 4_000  # good records that tell what a column holds
_GROUP = 10_000  # rows that make a row group, or a few more
_TRIES = 3  # at guessing what columns hold, until all records are looked at first


def build(path: Path, blocks: Blocks, schema: Mapping[str, Any], fingerprint: str) -> None:
    """Write the good records to ``path``, whole or not at all.

    Constant memory; reads them once where the schema and the first records tell what each
    column holds, else again. Raises StoreError, StoreFull, TooWide.
    """
    unfinished: Path | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        tidy(path.parent)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp", delete=False
        ) as out:
            unfinished = Path(out.name)
            fill(out, blocks, schema, fingerprint)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(path)
    except OSError as exc:
        kind = StoreFull if exc.errno == errno.ENOSPC else StoreError
        raise kind(
            f"The table of this dataset can't be prepared in {path.parent} "
            f"({exc.strerror or 'it is not writable'}). The download still works."
        ) from exc
    finally:
        if unfinished is not None:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)


def fill(out: Any, blocks: Blocks, schema: Mapping[str, Any], fingerprint: str) -> None:
    """The same into an open file. Raises StoreError, OSError."""
    layout = Layout(schema)
    layout.look_at_first(blocks())
    tries = 0
    while True:
        try:
            _write(out, layout, blocks(), fingerprint)
        except MisfitError as exc:
            tries += 1
            if tries > _TRIES + 1:
                raise StoreError("Some value of this dataset fits no table.") from exc
            if tries == _TRIES:
                for block in blocks():
                    layout.look(block.good())
            out.seek(0)
            out.truncate()
        else:
            return


class Layout:
    """What is known of a table's columns so far."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.columns = {name: Seen(declared(sub)) for name, sub in properties_of(schema).items()}
        self.gapless = True

    def look_at_first(self, blocks: Iterator[Block]) -> None:
        """At some records."""
        seen = 0
        for block in blocks:
            self.look(good := block.good())
            seen += len(good)
            if seen >= _LOOKED_AT:
                return

    def look(self, batch: Sequence[ResultLine]) -> None:
        """At some more records. Raises TooWide."""
        for line in batch:
            for name in line.data or ():
                if name not in self.columns:
                    self.columns[name] = Seen(None)
            check_columns(len(self.columns))
        for name, seen in self.columns.items():
            seen.look([(line.data or {}).get(name) for line in batch])

    def kinds(self) -> dict[str, Kind]:
        """Of all columns, in order."""
        return {name: seen.kind() for name, seen in self.columns.items()}


@dataclass(frozen=True)
class _Rows:
    """What one block adds to the table."""

    indices: pa.Array
    arrays: Sequence[pa.Array] | None  # None where they do not fit

    def follow(self, rows: int) -> bool:
        """Whether they are the records from number ``rows`` on."""
        first, last = self.indices[0].as_py(), self.indices[-1].as_py()
        return bool(first == rows and last == rows + len(self.indices) - 1)


def _write(out: Any, layout: Layout, blocks: Iterator[Block], fingerprint: str) -> None:
    """Write the table as far as the layout fits; else mend that, and raise MisfitError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds, rows, waiting = layout.kinds(), 0, 0
    layout.gapless = layout.gapless and bool(kinds)  # a file without columns has no rows
    said = {"version": VERSION, "fingerprint": fingerprint, "columns": list(kinds.items())}
    fields = [pa.field(name, arrow_type(kind)) for name, kind in kinds.items()]
    if not layout.gapless:
        fields.append(pa.field(free_name(kinds), pa.int64()))
    form = pa.schema(fields, metadata={META: json.dumps(said).encode()})
    pattern, group = Pattern(kinds), list[pa.Table]()
    with pq.ParquetWriter(out, form) as writer, \
            contextlib.closing(in_order(blocks, lambda b: (b, _rows(b, kinds, pattern)))) as found:
        for block, made in found:
            if made is None:
                continue
            if made.arrays is None:
                layout.look(block.good())
                raise MisfitError
            if layout.gapless and not made.follow(rows):
                layout.gapless = False
                raise MisfitError
            own = [] if layout.gapless else [made.indices]
            group.append(pa.Table.from_arrays([*made.arrays, *own], schema=form))
            rows, waiting = rows + len(made.indices), waiting + len(made.indices)
            if waiting >= _GROUP:
                writer.write_table(pa.concat_tables(group))
                group, waiting = [], 0
        if group:
            writer.write_table(pa.concat_tables(group))


def _rows(block: Block, kinds: Mapping[str, Kind], pattern: Pattern) -> _Rows | None:
    """Of the good records in a block; None where it has none."""
    import pyarrow as pa

    try:
        found = pattern.read(block.text)
        if found is not None:
            return _found_rows(found, kinds) if len(found.indices) else None
        good = block.good()
        if not good:
            return None
        indices, records = pa.array([line.i for line in good], pa.int64()), [
            line.data or {} for line in good]
        if not all(record.keys() <= kinds.keys() for record in records):
            return _Rows(indices, None)
        columns = by_column(records, list(kinds))
        return _Rows(indices, [array(kind, values) for kind, values
                               in zip(kinds.values(), columns, strict=True)])
    except MisfitError:
        return _Rows(pa.array([], pa.int64()), None)


def _found_rows(found: Found, kinds: Mapping[str, Kind]) -> _Rows:
    columns = found.columns.get_columns()
    return _Rows(found.indices.to_arrow(), [
        _found_array(kind, column) for kind, column in zip(kinds.values(), columns, strict=True)])


def _found_array(kind: Kind, column: pl.Series) -> pa.Array:
    import polars as pl
    import pyarrow as pa

    if kind == "integer":
        return column.cast(pl.Int64).to_arrow()
    if kind == "boolean":
        return (column == "true").to_arrow()
    if kind == "number":
        return array(kind, orjson.loads(f"[{','.join(column.fill_null('null'))}]"))
    texts = column.to_arrow().cast(pa.string())
    return array(kind, texts) if kind in {"date", "datetime"} else texts
