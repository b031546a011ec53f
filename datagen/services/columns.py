"""A finished dataset as a columnar file: built once, then sorted and filtered at leisure.

A column is stored under its own name, which may be anything: whoever asks the file counts its
columns instead (``Table.scan``). Where no record failed the file is the Parquet export as it is;
else a last column holds each record's index.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datagen.domain.cells import by_column
from datagen.domain.errors import StoreError, StoreFull
from datagen.domain.exports import ResultLine
from datagen.services.kinds import (
    Kind,
    MisfitError,
    Seen,
    array,
    arrow_type,
    declared,
    properties_of,
)

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import polars as pl
    import pyarrow as pa

INDEX = "i"  # what ``Table.scan`` calls a record's index; columns are c0, c1 …
MAX_TABLES = 200  # kept in the cache folder; others are built again when they are looked at
MAX_PREPARED = 20  # files for download
_LEFTOVER_AGE = 3_600  # seconds after which unfinished and prepared files are nobody's
_BATCH = 500  # records held in memory at once: more would keep the garbage collector busy
_GROUP = 20  # of them in a row group
_META = b"datagen"
_VERSION = 2  # of the layout: another one is built anew
_TRIES = 3  # at guessing what columns hold, until all records are looked at first


@dataclass(frozen=True, kw_only=True)
class Column:
    """One top-level field of the dataset's records."""

    name: str
    kind: Kind
    nested: bool  # holds objects, lists or a mixture, shown as JSON text


@dataclass(frozen=True, kw_only=True)
class Table:
    """A columnar file and what it says of itself."""

    path: Path
    columns: tuple[Column, ...]
    rows: int  # good records only
    gapless: bool  # no record failed before the last good one: an index is a row's number

    def stored(self, name: str) -> str | None:
        """The stored name of a column; None when there is none of that name."""
        return next((f"c{n}" for n, c in enumerate(self.columns) if c.name == name), None)

    def scan(self) -> pl.LazyFrame:
        """Its rows: ``i``, then ``c0``, ``c1`` …"""
        import polars as pl

        names = [column.name for column in self.columns]
        numbers = _free_name(names) if self.gapless else None
        rows = pl.scan_parquet(self.path, glob=False, row_index_name=numbers)
        first = int(self.gapless)
        index = pl.nth(0 if self.gapless else len(names)).cast(pl.Int64).alias(INDEX)
        return rows.select(index, *(pl.nth(n + first).alias(f"c{n}") for n in range(len(names))))


def columns_in_order(schema: Mapping[str, Any], lines: Iterable[ResultLine]) -> list[str]:
    """The schema's properties, then other keys in the order they first appear."""
    names = dict.fromkeys(properties_of(schema))
    for line in lines:
        names.update(dict.fromkeys(line.data or ()))
    return list(names)


def read(path: Path, fingerprint: str) -> Table | None:
    """The table in the file; None when it is missing, damaged or of other records."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            stored = json.loads((file.schema_arrow.metadata or {})[_META])
            if stored["version"] != _VERSION or stored["fingerprint"] != fingerprint:
                return None
            columns = tuple(
                Column(name=name, kind=kind, nested=kind == "json")
                for name, kind in stored["columns"]
            )
            return Table(path=path, columns=columns, rows=file.metadata.num_rows,
                         gapless=len(file.schema_arrow) == len(columns))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def build(
    path: Path,
    lines: Callable[[], Iterator[ResultLine]],
    schema: Mapping[str, Any],
    fingerprint: str,
) -> None:
    """Write the good records among ``lines`` to ``path``, whole or not at all.

    Constant memory; reads them once where the schema and the first records tell what each
    column holds, else again. Raises StoreError, StoreFull.
    """
    unfinished: Path | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        tidy(path.parent)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp", delete=False
        ) as out:
            unfinished = Path(out.name)
            _fill(out, lines, schema, fingerprint)
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


def _fill(
    out: Any, lines: Callable[[], Iterator[ResultLine]], schema: Mapping[str, Any],
    fingerprint: str,
) -> None:
    layout = _Layout(schema)
    for batch in islice(_batches(lines()), _GROUP):
        layout.look(batch)
    tries = 0
    while True:
        try:
            _write(out, layout, lines(), fingerprint)
        except MisfitError as exc:
            tries += 1
            if tries > _TRIES + 1:
                raise StoreError("Some value of this dataset fits no table.") from exc
            if tries == _TRIES:
                for batch in _batches(lines()):
                    layout.look(batch)
            out.seek(0)
            out.truncate()
        else:
            return


class _Layout:
    """What is known of a table's columns so far."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.columns = {name: Seen(declared(sub)) for name, sub in properties_of(schema).items()}
        self.gapless = True

    def look(self, batch: Sequence[ResultLine]) -> None:
        """At some more records."""
        for line in batch:
            for name in line.data or ():
                if name not in self.columns:
                    self.columns[name] = Seen(None)
        for name, seen in self.columns.items():
            seen.look([(line.data or {}).get(name) for line in batch])

    def kinds(self) -> dict[str, Kind]:
        """Of all columns, in order."""
        return {name: seen.kind() for name, seen in self.columns.items()}


def _write(
    out: Any, layout: _Layout, lines: Iterator[ResultLine], fingerprint: str
) -> None:
    """Write the table as far as the layout fits; else mend that, and raise MisfitError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds, rows = layout.kinds(), 0
    layout.gapless = layout.gapless and bool(kinds)  # a file without columns has no rows
    said = {"version": _VERSION, "fingerprint": fingerprint, "columns": list(kinds.items())}
    fields = [pa.field(name, arrow_type(kind)) for name, kind in kinds.items()]
    if not layout.gapless:
        fields.append(pa.field(_free_name(kinds), pa.int64()))
    form = pa.schema(fields, metadata={_META: json.dumps(said).encode()})
    group: list[pa.Table] = []
    with pq.ParquetWriter(out, form) as writer:
        for batch in _batches(lines):
            arrays = _arrays(layout, kinds, batch, rows)
            rows += len(batch)
            group.append(pa.Table.from_arrays(arrays, schema=form))
            if len(group) == _GROUP:
                writer.write_table(pa.concat_tables(group))
                group.clear()
        if group:
            writer.write_table(pa.concat_tables(group))


def _arrays(
    layout: _Layout, kinds: Mapping[str, Kind], batch: Sequence[ResultLine], rows: int
) -> list[pa.Array]:
    import pyarrow as pa

    records = [line.data or {} for line in batch]
    known, found = kinds.keys(), []
    gapless = batch[0].i == rows and batch[-1].i == rows + len(batch) - 1
    if layout.gapless and not gapless:
        layout.gapless = False
        raise MisfitError
    if not all(record.keys() <= known for record in records):
        layout.look(batch)
        raise MisfitError
    for kind, values in zip(kinds.values(), by_column(records, list(kinds)), strict=True):
        try:
            found.append(array(kind, values))
        except MisfitError:
            layout.look(batch)
            raise
    if not layout.gapless:
        found.append(pa.array([line.i for line in batch], pa.int64()))
    return found


def _batches(lines: Iterator[ResultLine]) -> Iterator[list[ResultLine]]:
    """The good ones of them, some at a time."""
    good = (line for line in lines if line.ok and line.data is not None)
    while batch := list(islice(good, _BATCH)):
        yield batch


def _free_name(names: Iterable[str]) -> str:
    """A name that no column has."""
    taken, name = set(names), "#"
    while name in taken:
        name += "#"
    return name


def unreadable() -> StoreError:
    """For a table that was just written."""
    return StoreError("The table of this dataset can't be read. The download still works.")


def path_of(cache_dir: Path, job_id: str) -> Path:
    """Where the table of a job is; ids come from a store that neighbours can write."""
    plain = re.fullmatch(r"[A-Za-z0-9_-]{1,100}", job_id)
    name = job_id if plain else hashlib.sha256(job_id.encode()).hexdigest()
    return cache_dir / "datasets" / f"{name}.parquet"


def forget(cache_dir: Path, job_id: str) -> None:
    """Delete the table of a job, and what was left of unfinished ones. Raises StoreError."""
    path = path_of(cache_dir, job_id)
    try:
        for file in path.parent.glob(f"{path.stem}.*"):
            file.unlink(missing_ok=True)
    except OSError as exc:
        raise StoreError(
            f"The table of a deleted dataset can't be removed from {path.parent} "
            f"({exc.strerror}). It is tried again."
        ) from exc


def tidy(folder: Path) -> None:
    """Remove what killed processes left unfinished, the oldest tables beyond MAX_TABLES, and
    files that were prepared some while ago."""
    aged = sorted(((_age(file), file) for file in folder.glob("*.*")), reverse=True)
    own = [file for _, file in aged if file.suffix != ".tmp"]  # oldest first
    prepared = [file for file in own if "." in file.stem]
    whole = [file for file in own if "." not in file.stem]
    left = [file for age, file in aged if age > _LEFTOVER_AGE and file not in whole]
    for file in (*left, *prepared[: max(0, len(prepared) + 1 - MAX_PREPARED)],
                 *whole[: max(0, len(whole) + 1 - MAX_TABLES)]):
        file.unlink(missing_ok=True)


def _age(file: Path) -> float:
    """Seconds since it was written; 0 for one that another process took away."""
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
