"""What each column of a columnar file holds: ends, mean, bars, frequent texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datagen.services.columns import Column, Table
from datagen.services.kinds import TEXT, Kind
from datagen.services.tables import check_shown

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import polars as pl

BINS = 12
TOP = 20  # most frequent texts a profile names; as many can be filtered by
_TOP_WIDTH = 200  # characters of such a text
_EXACT_ROWS = 1_000_000  # up to here distinct values are counted, beyond estimated


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


def profile(table: Table) -> tuple[ColumnProfile, ...]:
    """What each column holds, in the columns' order. Raises TooWide."""
    check_shown(table)
    return tuple(_profile(table, column, f"c{n}") for n, column in enumerate(table.columns))


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
    if column.kind in TEXT:
        wanted |= {"shortest": x.str.len_chars().min(), "longest": x.str.len_chars().max()}
    if column.kind == "boolean":
        wanted |= {"true_share": x.mean()}
    said = rows.select(**wanted).collect().row(0, named=True)
    top: tuple[Top, ...] = ()
    if column.kind in TEXT:
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
