"""A finished dataset as a columnar file: built once, then sorted and filtered at leisure.

Columns are stored under neutral names (``c0``, ``c1`` …), since a record's own keys may be
anything; their real names and kinds are in the file's metadata.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from datagen.domain.errors import StoreError, StoreFull
from datagen.domain.exports import ResultLine

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import pyarrow as pa

Kind: TypeAlias = Literal["integer", "number", "boolean", "date", "datetime", "text", "json"]

INDEX = "i"  # the stored column that holds a record's index
MAX_TABLES = 200  # kept in the cache folder; others are built again when they are looked at
_LEFTOVER_AGE = 3_600  # seconds after which an unfinished table belongs to nobody
_BATCH = 5_000  # records held in memory at once
_META = b"datagen"
_VERSION = 1  # of the layout: another one is built anew
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")
_DECLARED: Mapping[str, Kind] = {
    "integer": "integer", "number": "number", "boolean": "boolean", "string": "text",
    "object": "json", "array": "json",
}


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

    def stored(self, name: str) -> str | None:
        """The stored name of a column; None when there is none of that name."""
        return next((f"c{n}" for n, c in enumerate(self.columns) if c.name == name), None)


def columns_in_order(schema: Mapping[str, Any], lines: Iterable[ResultLine]) -> list[str]:
    """The schema's properties, then other keys in the order they first appear."""
    names = dict.fromkeys(_properties(schema))
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
            return Table(path=path, columns=columns, rows=file.metadata.num_rows)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def build(
    path: Path,
    lines: Callable[[], Iterator[ResultLine]],
    schema: Mapping[str, Any],
    fingerprint: str,
) -> None:
    """Write the good records among ``lines`` to ``path``, whole or not at all.

    Reads them twice: once to learn what each column holds, once to write, in constant
    memory. Raises StoreError, StoreFull.
    """
    kinds = _kinds(schema, lines())
    unfinished: Path | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _tidy(path.parent)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp", delete=False
        ) as out:
            unfinished = Path(out.name)
            _write(out, kinds, lines(), fingerprint)
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


def _tidy(folder: Path) -> None:
    """Remove what killed processes left unfinished, and the oldest tables beyond MAX_TABLES."""
    aged = sorted(((_age(file), file) for file in folder.glob("*.*")), reverse=True)
    whole = [file for _, file in aged if file.suffix == ".parquet"]
    left = [file for age, file in aged if file.suffix == ".tmp" and age > _LEFTOVER_AGE]
    for file in (*left, *whole[: max(0, len(whole) + 1 - MAX_TABLES)]):
        file.unlink(missing_ok=True)


def _age(file: Path) -> float:
    """Seconds since it was written; 0 for one that another process took away."""
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _write(
    out: Any, kinds: Mapping[str, Kind], lines: Iterator[ResultLine], fingerprint: str
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = {"version": _VERSION, "fingerprint": fingerprint, "columns": list(kinds.items())}
    fields = [pa.field(INDEX, pa.int64())]
    fields += [pa.field(f"c{n}", _arrow(kind)) for n, kind in enumerate(kinds.values())]
    layout = pa.schema(fields, metadata={_META: json.dumps(said).encode()})
    good = ((line.i, line.data) for line in lines if line.ok and line.data is not None)
    with pq.ParquetWriter(out, layout) as writer:
        while batch := list(islice(good, _BATCH)):
            arrays = [pa.array([i for i, _ in batch], pa.int64())]
            for name, kind in kinds.items():
                values = [_stored(kind, data.get(name)) for _, data in batch]
                arrays.append(pa.array(values, _arrow(kind)))
            writer.write_batch(pa.record_batch(arrays, schema=layout))


def _arrow(kind: Kind) -> pa.DataType:
    import pyarrow as pa

    return {
        "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
        "date": pa.date32(), "datetime": pa.timestamp("us", "UTC"),
        "text": pa.string(), "json": pa.string(),
    }[kind]


def _stored(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if kind == "number":
        return float(value)
    if kind == "date":
        return date.fromisoformat(value)
    return _moment(value) if kind == "datetime" else value


def _moment(text: str) -> datetime:
    """In UTC; a time without a zone is taken as UTC. Raises ValueError, OverflowError."""
    moment = datetime.fromisoformat(text.upper())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass
class _Seen:
    """What one column was seen to hold."""

    declared: Kind | None
    temporal: bool = True  # every text so far is what the schema's date format promises
    kinds: set[Kind] = field(default_factory=set)

    def look(self, value: Any) -> None:
        if isinstance(value, str):
            self.kinds.add("text")
            self.temporal = self.temporal and self._parses(value)
        elif isinstance(value, bool):
            self.kinds.add("boolean")
        elif isinstance(value, int) and -(2**63) <= value < 2**63:
            self.kinds.add("integer")
        elif isinstance(value, int | float) and _fits_double(value):
            self.kinds.add("number")
        elif value is not None:
            self.kinds.add("json")  # nested, or a whole number no column can hold

    def _parses(self, text: str) -> bool:
        try:
            if self.declared == "date" and _DATE.fullmatch(text):
                date.fromisoformat(text)
                return True
            if self.declared == "datetime" and _DATETIME.fullmatch(text):
                _moment(text)
                return True
        except (ValueError, OverflowError):
            pass
        return False

    def kind(self) -> Kind:
        """The narrowest kind that holds everything."""
        if not self.kinds:
            return self.declared or "text"
        if self.kinds <= {"integer", "number"}:
            exact = self.kinds == {"integer"} and self.declared != "number"
            return "integer" if exact else "number"
        if self.kinds == {"text"}:
            fits = self.temporal and self.declared in {"date", "datetime"}
            return cast("Kind", self.declared) if fits else "text"
        return next(iter(self.kinds)) if len(self.kinds) == 1 else "json"


def _fits_double(value: float) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


def _kinds(schema: Mapping[str, Any], lines: Iterator[ResultLine]) -> dict[str, Kind]:
    seen = {name: _Seen(_declared(sub)) for name, sub in _properties(schema).items()}
    for line in lines:
        for name, value in (line.data or {}).items():
            if name not in seen:
                seen[name] = _Seen(None)
            seen[name].look(value)
    return {name: one.kind() for name, one in seen.items()}


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _declared(sub: Any) -> Kind | None:
    if not isinstance(sub, Mapping):
        return None
    types = sub.get("type")
    names = [types] if isinstance(types, str) else types if isinstance(types, list) else []
    names = [name for name in names if name != "null"]
    if len(names) != 1:
        return None
    if names[0] == "string" and sub.get("format") in {"date", "date-time"}:
        return "date" if sub["format"] == "date" else "datetime"
    return _DECLARED.get(names[0])
