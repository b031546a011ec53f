"""A dataset as a Parquet file on its way out: one row group in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from datagen.services.columns import Table

_CHUNK = 256 * 1024  # bytes


MAGIC = b"PAR1"  # what every such file begins with


def early(table: Callable[[], Table]) -> Iterator[bytes]:
    """As ``parquet_chunks``; the first bytes leave before the table is there."""
    yield MAGIC
    begun = 0
    for chunk in parquet_chunks(table()):
        left = len(MAGIC) - begun
        begun = min(len(MAGIC), begun + len(chunk))
        yield chunk[left:] if left > 0 else chunk


def parquet_chunks(table: Table) -> Iterator[bytes]:
    """The table under its columns' own names; nested values are JSON texts.

    Holds the good records, in order. Raises pyarrow's errors and OSError for a damaged
    table, before the first bytes where the damage is at its front.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if table.gapless:
        with table.path.open("rb") as whole:
            while chunk := whole.read(_CHUNK):
                yield chunk
        return
    with pq.ParquetFile(table.path) as source:
        layout = pa.schema(list(source.schema_arrow)[:-1])
        sink = _Sink()
        with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), layout) as writer:
            for group in range(source.num_row_groups):
                part = source.read_row_group(group)
                writer.write_table(pa.Table.from_arrays(part.columns[:-1], schema=layout))
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
