"""A finished dataset as a columnar file: built once (``building``), then asked at leisure.

A column is stored under its own name, which may be anything: whoever asks the file counts its
columns instead (``Table.scan``). Where no record failed the file is the Parquet export as it is;
else a last column holds each record's index.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datagen.domain.errors import StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.spread import check_columns
from datagen.services.kinds import Kind, properties_of

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import polars as pl

INDEX = "i"  # what ``Table.scan`` calls a record's index; columns are c0, c1 …
MAX_TABLES = 200  # kept in the cache folder; others are built again when they are looked at
MAX_PREPARED = 20  # files for download
_LEFTOVER_AGE = 3_600  # seconds after which unfinished and prepared files are nobody's
META = b"datagen"
VERSION = 3  # of the layout: another one is built anew


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
        numbers = free_name(names) if self.gapless else None
        rows = pl.scan_parquet(self.path, glob=False, row_index_name=numbers)
        first = int(self.gapless)
        index = pl.nth(0 if self.gapless else len(names)).cast(pl.Int64).alias(INDEX)
        return rows.select(index, *(pl.nth(n + first).alias(f"c{n}") for n in range(len(names))))


def columns_in_order(schema: Mapping[str, Any], lines: Iterable[ResultLine]) -> list[str]:
    """The schema's properties, then other keys in the order they first appear.

    Raises TooWide for more than MAX_COLUMNS.
    """
    names = dict.fromkeys(properties_of(schema))
    for line in lines:
        names.update(dict.fromkeys(line.data or ()))
        check_columns(len(names))
    return list(names)


def read(path: Path, fingerprint: str) -> Table | None:
    """The table in the file; None when it is missing, damaged or of other records."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            stored = json.loads((file.schema_arrow.metadata or {})[META])
            if stored["version"] != VERSION or stored["fingerprint"] != fingerprint:
                return None
            columns = tuple(
                Column(name=name, kind=kind, nested=kind == "json")
                for name, kind in stored["columns"]
            )
            return Table(path=path, columns=columns, rows=file.metadata.num_rows,
                         gapless=len(file.schema_arrow) == len(columns))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def free_name(names: Iterable[str]) -> str:
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
