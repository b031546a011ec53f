"""Questions to a columnar file: one page of what search and filters leave, in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from datagen.domain.errors import InputError, Problem, TooWide
from datagen.services.columns import INDEX, Column, Table
from datagen.services.kinds import TEXT, Kind

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import pandas as pd
    import polars as pl

MAX_PAGE = 1_000  # rows
MAX_SHOWN = 1_000  # columns: each is looked at by itself, for some milliseconds
_PATTERN = 200  # characters of a search that become a pattern
_MOST = 2**63  # a column's whole numbers are below


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

    check_shown(table)
    if offset < 0 or not 1 <= limit <= MAX_PAGE:
        raise InputError(f"A page has from 1 to {MAX_PAGE} rows and starts at 0 or later.")
    rows = table.scan()
    conditions = [_condition(table, name, wish) for name, wish in (filters or {}).items()]
    if search:
        conditions.append(_found(table, search))
    if sort is not None:
        column = _column(table, sort)
        key = pl.col(_stored_name(table, sort))
        if column is not None and column.kind in TEXT:
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


def check_shown(table: Table) -> None:
    """Raises TooWide for a table of more columns than a page can show."""
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

    cells = [pl.col(f"c{n}") for n, column in enumerate(table.columns) if column.kind in TEXT]
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
    if isinstance(value, bool if kind == "boolean" else str if kind in TEXT else ()):
        return value
    raise InputError("A filter does not fit its column.",
                     [Problem(path=name, message=f"The column holds {kind} values.")])
