"""A dataset as a Parquet file on its way out: one row group in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from datagen.services.columns import Table


def parquet_chunks(table: Table) -> Iterator[bytes]:
    """The table under its columns' own names; nested values are JSON texts.

    Holds the good records, in order. Raises pyarrow's errors and OSError for a damaged
    table, before the first bytes where the damage is at its front.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(table.path) as source:
        stored = [f"c{n}" for n in range(len(table.columns))]
        layout = pa.schema([
            pa.field(column.name, source.schema_arrow.field(name).type)
            for column, name in zip(table.columns, stored, strict=True)
        ])
        sink = _Sink()
        with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), layout) as writer:
            for group in range(source.num_row_groups):
                part = source.read_row_group(group, columns=stored)
                writer.write_table(pa.Table.from_arrays(part.select(stored).columns,
                                                        schema=layout))
                yield sink.taken()
        yield sink.taken()


class _Sink(io.RawIOBase):
    """Takes what is written until somebody fetches it; knows how much it ever was."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any, /) -> int:
        part = bytes(data)
        self._waiting.append(part)
        self._written += len(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._waiting = self._waiting, []
        return b"".join(parts)
