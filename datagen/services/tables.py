"""Questions to a columnar file: one page of it, and what each column holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from datagen.domain.errors import InputError, Problem, TooWide
from datagen.services.columns import INDEX, Column, Table
from datagen.services.kinds import Kind

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import pandas as pd
    import polars as pl

MAX_PAGE = 1_000  # rows
MAX_SHOWN = 1_000  # columns: each is looked at by itself, for some milliseconds
BINS = 12
TOP = 20  # most frequent texts a profile names; as many can be filtered by
_TOP_WIDTH = 200  # characters of such a text
_PATTERN = 200  # characters of a search that become a pattern
_EXACT_ROWS = 1_000_000  # up to here distinct values are counted, beyond estimated
_MOST = 2**63  # a column's whole numbers are below
_TEXT: frozenset[Kind] = frozenset({"text", "json"})


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which values of a column stay: one of a set, or a range, ends included."""

    values: frozenset[Any] | None = None  # None in the set = empty cells stay too
    low: Any = None  # None = no lower end
    high: Any = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """A window on the dataset."""

    frame: pd.DataFrame  # first column: the record's index, from 0
    columns: tuple[Column, ...]
    index: str  # its heading: ``#``, or ``##`` where the dataset has a column ``#``
    total: int  # good records in the dataset
    matching: int  # of them, those that search and filters leave


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One bar of a histogram: from ``low`` to below ``high``; the last one holds its end too."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Top:
    """A frequent text, cut to 200 characters."""

    value: str
    count: int


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """What one column holds; fields that make no sense for its kind are None or empty."""

    name: str
    kind: Kind
    rows: int
    filled: int  # cells that are not null
    distinct: int  # different values; an estimate beyond a million rows
    low: Any = None  # least number, date or time
    high: Any = None
    mean: float | None = None
    bins: tuple[Bin, ...] = ()
    top: tuple[Top, ...] = ()  # most frequent first
    shortest: int | None = None  # characters
    longest: int | None = None
    true_share: float | None = None  # of the filled cells, 0-1

    @property
    def filled_share(self) -> float:
        """0-1; 1 when there is no row."""
        return self.filled / self.rows if self.rows else 1.0


def page(
    table: Table,
    *,
    offset: int = 0,
    limit: int = 50,
    sort: str | None = None,
    descending: bool = False,
    search: str = "",
    filters: Mapping[str, Filter] | None = None,
) -> Page:
    """Rows ``offset`` to ``offset + limit`` of what search and filters leave, in order.

    Empty cells sort last. Raises InputError for a column or value that does not fit, TooWide.
    """
    import polars as pl

    _check_shown(table)
    if offset < 0 or not 1 <= limit <= MAX_PAGE:
        raise InputError(f"A page has from 1 to {MAX_PAGE} rows and starts at 0 or later.")
    rows = table.scan()
    conditions = [_condition(table, name, wish) for name, wish in (filters or {}).items()]
    if search:
        conditions.append(_found(table, search))
    if sort is not None:
        column = _column(table, sort)
        key = pl.col(_stored_name(table, sort))
        if column is not None and column.kind in _TEXT:
            key = key.str.to_lowercase()
        for condition in conditions:
            rows = rows.filter(condition)
        matching = rows.select(pl.len()).collect().item() if conditions else table.rows
        rows = rows.sort([key, pl.col(INDEX)], descending=[descending, False], nulls_last=True)
        shown = rows.slice(offset, limit).collect()
    elif conditions:
        shown, matching = _matching(rows, conditions, offset, limit)
    else:
        shown, matching = rows.slice(offset, limit).collect(), table.rows
    return Page(frame=_shown(table, shown), columns=table.columns, index=index_label(table),
                total=table.rows, matching=matching)


def _matching(
    rows: pl.LazyFrame, conditions: Sequence[pl.Expr], offset: int, limit: int
) -> tuple[pl.DataFrame, int]:
    """Rows ``offset`` to ``offset + limit`` of those that fit, and how many do.

    Looks at the columns that the conditions ask for once, and reads all others only from the
    first row that is shown to the last.
    """
    import polars as pl

    fits = rows.select(pl.all_horizontal(conditions).fill_null(value=False)).collect()
    places = fits.to_series().arg_true()
    wanted = places.slice(offset, limit)
    if not len(wanted):
        return rows.head(0).collect(), len(places)
    first, last = wanted[0], wanted[-1]
    shown = rows.slice(first, last - first + 1).with_row_index("at").filter(
        pl.col("at").is_in((wanted - first).implode())).sort("at").drop("at")
    return shown.collect(engine="streaming"), len(places)


def profile(table: Table) -> tuple[ColumnProfile, ...]:
    """What each column holds, in the columns' order. Raises TooWide."""
    _check_shown(table)
    return tuple(_profile(table, column, f"c{n}") for n, column in enumerate(table.columns))


def _check_shown(table: Table) -> None:
    if len(table.columns) > MAX_SHOWN:
        raise TooWide(f"This dataset has {len(table.columns):,} columns: more than can be shown "
                      "here. Its downloads have them all.")


def index_label(table: Table) -> str:
    """The heading of the index column; the dataset's own ``#`` keeps its name."""
    label = "#"
    while table.stored(label) is not None:
        label += "#"
    return label


def _shown(table: Table, rows: pl.DataFrame) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(),
                pa.bool_(): pd.BooleanDtype()}  # else an empty cell makes 19 a 19.0
    frame: pd.DataFrame = rows.to_arrow().to_pandas(types_mapper=nullable.get)
    frame.columns = pd.Index([index_label(table), *(column.name for column in table.columns)])
    return frame


def _column(table: Table, name: str) -> Column | None:
    """The named column; None for the index. Raises InputError."""
    if table.stored(name) is None and name != index_label(table):
        raise InputError("The dataset has no such column.",
                         [Problem(path=name, message="There is no column of this name.")])
    return next((column for column in table.columns if column.name == name), None)


def _stored_name(table: Table, name: str) -> str:
    return table.stored(name) or INDEX


def _found(table: Table, search: str) -> pl.Expr:
    import polars as pl

    cells = [pl.col(f"c{n}") for n, column in enumerate(table.columns) if column.kind in _TEXT]
    if len(search) <= _PATTERN:  # far quicker than making all texts small first
        wanted = f"(?i){pl.escape_regex(search)}"
        found = [cell.str.contains(wanted) for cell in cells]
    else:
        wanted = search.lower()
        found = [cell.str.to_lowercase().str.contains(wanted, literal=True) for cell in cells]
    return pl.any_horizontal(found) if found else pl.lit(False)


def _condition(table: Table, name: str, wish: Filter) -> pl.Expr:
    import polars as pl

    column = _column(table, name)
    kind: Kind = column.kind if column else "integer"
    cell = pl.col(_stored_name(table, name))
    condition = pl.lit(True)
    if wish.values is not None:
        options = [_fitting(kind, name, value) for value in wish.values if value is not None]
        condition = _any_of(cell, kind, options)
        if None in wish.values:
            condition = condition | cell.is_null()
    if wish.low is not None:
        condition = condition & (cell >= pl.lit(_fitting(kind, name, wish.low)))
    if wish.high is not None:
        condition = condition & (cell <= pl.lit(_fitting(kind, name, wish.high)))
    return condition


def _any_of(cell: pl.Expr, kind: Kind, options: list[Any]) -> pl.Expr:
    import polars as pl

    if not options:
        return pl.lit(False)
    return pl.any_horizontal([cell == pl.lit(option) for option in options])


def _fitting(kind: Kind, name: str, value: Any) -> Any:
    """The value as the column's kind compares it. Raises InputError."""
    if kind == "datetime" and isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if kind == "datetime" and isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return value
    if kind in {"integer", "number"} and (
            isinstance(value, float) or (type(value) is int and -_MOST <= value < _MOST)):
        return value
    if isinstance(value, bool if kind == "boolean" else str if kind in _TEXT else ()):
        return value
    raise InputError("A filter does not fit its column.",
                     [Problem(path=name, message=f"The column holds {kind} values.")])


def _profile(table: Table, column: Column, stored: str) -> ColumnProfile:
    import polars as pl

    rows = table.scan().select(pl.col(stored).alias("x"))
    x = pl.col("x").drop_nulls()
    distinct = x.n_unique() if table.rows <= _EXACT_ROWS else \
        pl.min_horizontal(x.approx_n_unique(), x.len())  # it may be 10 % too high
    wanted = {"filled": x.len(), "distinct": distinct}
    if column.kind in {"integer", "number", "date", "datetime"}:
        wanted |= {"low": x.min(), "high": x.max()}
    if column.kind in {"integer", "number"}:
        wanted |= {"mean": x.mean()}
    if column.kind in _TEXT:
        wanted |= {"shortest": x.str.len_chars().min(), "longest": x.str.len_chars().max()}
    if column.kind == "boolean":
        wanted |= {"true_share": x.mean()}
    said = rows.select(**wanted).collect().row(0, named=True)
    top: tuple[Top, ...] = ()
    if column.kind in _TEXT:
        top = _top(rows)
    bins = _bins(rows, said["low"], said["high"]) if "mean" in said else ()
    return ColumnProfile(
        name=column.name, kind=column.kind, rows=table.rows, top=top, bins=bins, **said
    )


def _top(rows: pl.LazyFrame) -> tuple[Top, ...]:
    import polars as pl

    found = (
        rows.drop_nulls().group_by("x").agg(pl.len().alias("n"))
        .sort(["n", "x"], descending=[True, False]).head(TOP).collect()
    )
    return tuple(Top(value=value[:_TOP_WIDTH], count=n) for value, n in found.iter_rows())


def _bins(rows: pl.LazyFrame, low: float | None, high: float | None) -> tuple[Bin, ...]:
    import polars as pl

    if low is None or high is None:
        return ()
    low, high = float(low), float(high)
    width = (high - low) / BINS
    if width == 0 or not math.isfinite(width):
        count = rows.select(pl.col("x").count()).collect().item()
        return (Bin(low=low, high=high, count=count),)
    place = ((pl.col("x").cast(pl.Float64) - low) / width).floor().clip(0, BINS - 1)
    found = rows.drop_nulls().group_by(place.cast(pl.Int32).alias("b")).agg(pl.len()).collect()
    counts = dict(found.iter_rows())
    return tuple(
        Bin(low=low + n * width, high=high if n == BINS - 1 else low + (n + 1) * width,
            count=counts.get(n, 0))
        for n in range(BINS)
    )
