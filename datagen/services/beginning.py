"""The first rows of a large dataset, before its table is there."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from datagen.engine.journal import disk_faults
from datagen.services import building, tables
from datagen.services import columns as columnar
from datagen.services.blocks import Block
from datagen.services.reading import Records
from datagen.services.tables import Page

LARGE = 50_000  # good records: the table of fewer is there at once
_SOON = 1_000  # rows that are read of the dataset's file itself


def load() -> None:
    """What the first dataset that is looked at takes: most of a second for whoever waits."""
    import pandas  # noqa: F401 - loaded, and that is all
    import polars  # noqa: F401 - the same
    import pyarrow.parquet  # noqa: F401 - the same


def is_first_page(offset: int, limit: int) -> bool:
    """Whether these rows are found without reading far."""
    return offset >= 0 and limit >= 1 and offset + limit <= _SOON


def first_page(records: Records, folder: Path, *, offset: int, limit: int) -> Page:
    """Some of the first rows, of columns that hold what is seen there. Raises StoreError."""
    good = chain.from_iterable(block.good() for block in records.blocks())
    block = Block(own=tuple(islice(good, offset + limit)))
    with disk_faults(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp")  # noqa: SIM115 - closed below, outside the translation of its own errors
    with handle:
        path = Path(handle.name)
        building.fill(handle, lambda: iter([block]), records.schema, "")
        handle.flush()
        table = columnar.read(path, "")
        if table is None:
            raise columnar.unreadable()
        page = tables.page(table, offset=offset, limit=limit)
    total = records.job.total_ok
    return replace(page, total=total, matching=total)
