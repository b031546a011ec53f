"""A finished job's records: the stream, the table, the profile, the failures, the files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from datagen.domain.downloads import Wish
from datagen.domain.errors import NotThere, StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.users import User
from datagen.ports import Clock, FileStore
from datagen.services import beginning, building, column_profile, tables
from datagen.services import columns as columnar
from datagen.services.column_profile import Bin, ColumnProfile, Top
from datagen.services.columns import Column, Table
from datagen.services.exports import Export, Exports, is_prepared
from datagen.services.failures import Failure, FailureGroup, grouped, some_of
from datagen.services.jobs import Jobs
from datagen.services.locks import Locks
from datagen.services.patience import NotYetError, Patience
from datagen.services.preparing import Preparation
from datagen.services.reading import Reader, Records
from datagen.services.recent import Recent
from datagen.services.tables import Filter, Page

__all__ = ["Bin", "Column", "ColumnProfile", "Datasets", "Export", "Failure",
           "FailureGroup", "Filter", "Page", "Preparation", "ResultLine", "Top", "Wish"]

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_SOON = 0.3  # seconds that somebody waits for what a large dataset's table tells


class Datasets:
    """What a user may do with the records of a finished job of theirs.

    Everything raises NotThere for a job that isn't the user's, Conflict while it runs,
    and StoreError when its files can't be read.
    """

    def __init__(
        self, *, jobs: Jobs, files: FileStore, cache_dir: Path, clock: Clock
    ) -> None:
        self._jobs, self._cache_dir = jobs, cache_dir
        self._reader = Reader(jobs=jobs, files=files, cache_dir=cache_dir, clock=clock)
        self._exports = Exports(reader=self._reader, cache_dir=cache_dir, clock=clock,
                                table=self._table, is_deleted=jobs.is_deleted)
        self._soon = Patience(_SOON, clock=clock)  # tables of large datasets
        self._locks = Locks()  # by job: its table is built once
        self._profiles: Recent[str, tuple[ColumnProfile, ...]] = Recent(32)
        self._failures: Recent[tuple[str, str | None, int, int], tuple[Failure, ...]] = Recent(32)
        self._groups: Recent[str, tuple[FailureGroup, ...]] = Recent(32)

    def lines(self, user: User, job_id: str) -> Iterator[ResultLine]:
        """Every record's outcome in index order, each index once."""
        return self._reader.records(user, job_id).lines()

    def export(self, user: User, job_id: str, wish: Wish) -> Export:
        """The dataset as a file; of a job that runs, with ``wish.partial``, as far as it is.

        Raises Conflict, too, for what the form can't hold.
        """
        return self._exports.open(
            self._reader.records(user, job_id, partial=wish.partial), wish)

    def prepare(self, user: User, job_id: str, wish: Wish) -> Preparation | None:
        """Have a file made that takes a while, and look how far it is; None = it streams.

        Raises as ``export`` does.
        """
        records = self._reader.records(user, job_id, partial=wish.partial)
        return self._exports.prepare(records, wish) if is_prepared(records, wish) else None

    def size(self, user: User, job_id: str) -> int | None:
        """Bytes that the records of a finished job take as stored; None = not known.

        Raises as ``export`` does.
        """
        return self._reader.size(self._reader.records(user, job_id))

    def known(
        self, user: User, job_id: str
    ) -> tuple[tuple[Column, ...], tuple[ColumnProfile, ...]] | None:
        """The columns and their profiles; None while a large dataset's are worked out."""
        try:
            return self._looked_at(user, self._reader.records(user, job_id), wait=True)
        except NotYetError:
            return None

    def _looked_at(
        self, user: User, records: Records, *, wait: bool
    ) -> tuple[tuple[Column, ...], tuple[ColumnProfile, ...]]:
        """Raises NotYetError for a large dataset, whose table is made meanwhile."""
        job_id = records.job.id

        def look() -> tuple[tuple[Column, ...], tuple[ColumnProfile, ...]]:
            return self.columns(user, job_id), self.profile(user, job_id)

        if records.job.total_ok < beginning.LARGE:
            return look()
        return self._soon.ask((user, job_id, records.fingerprint), look, wait=wait)

    def columns(self, user: User, job_id: str) -> tuple[Column, ...]:
        """The dataset's columns: the schema's first, then others in order of appearance."""
        return self._ask(user, job_id, lambda table: table.columns)

    def page(
        self,
        user: User,
        job_id: str,
        *,
        offset: int = 0,
        limit: int = 50,
        sort: str | None = None,
        descending: bool = False,
        search: str = "",
        filters: Mapping[str, Filter] | None = None,
    ) -> Page:
        """A page of the good records, sorted and filtered over the whole dataset.

        ``search`` is looked for in all text columns, upper and lower case alike; ``sort``
        and ``filters`` name columns or ``#``. Raises InputError for those that don't fit.
        The first rows of a large dataset are there before its table is.
        """
        plain = not (sort or search or filters) and beginning.is_first_page(offset, limit)
        records = self._reader.records(user, job_id)
        if plain and records.job.total_ok >= beginning.LARGE:
            path = columnar.path_of(self._cache_dir, job_id)
            if columnar.read(path, records.fingerprint) is None:
                page = beginning.first_page(records, path.parent, offset=offset, limit=limit)
                with suppress(StoreError):
                    self._looked_at(user, records, wait=False)
                return page
        return self._ask(user, job_id, lambda table: tables.page(
            table, offset=offset, limit=limit, sort=sort, descending=descending,
            search=search, filters=filters,
        ))

    def profile(self, user: User, job_id: str) -> tuple[ColumnProfile, ...]:
        """What each column holds, in the columns' order."""
        key = f"{job_id} {self._reader.records(user, job_id).fingerprint}"
        with self._locks.of(f"profile {key}"):
            known = self._profiles.get(key)
            return known or self._profiles.put(key, self._ask(user, job_id, column_profile.profile))

    def records(
        self, user: User, job_id: str, *, offset: int, limit: int
    ) -> Iterator[ResultLine]:
        """At most ``limit`` records' outcomes in index order, after the first ``offset``."""
        return islice(self._reader.records(user, job_id).lines(), offset, offset + limit)

    def failures(self, user: User, job_id: str, *, limit: int = 50) -> tuple[Failure, ...]:
        """The first failed records, at most ``limit``, whatever their reason."""
        return self.failures_of(user, job_id, None, offset=0, limit=limit)

    def failures_of(
        self, user: User, job_id: str, reason: str | None, *, offset: int, limit: int
    ) -> tuple[Failure, ...]:
        """Failed records of the group that ``failure_groups`` calls so; None = of all groups."""
        records = self._reader.records(user, job_id)
        key = (f"{job_id} {records.fingerprint}", reason, offset, limit)
        known = self._failures.get(key)
        return known if known is not None else self._failures.put(key, some_of(
            records.lines(), reason, offset=offset, limit=limit))

    def failure_groups(self, user: User, job_id: str) -> tuple[FailureGroup, ...]:
        """All failures by their reason, the most frequent first, with some examples each."""
        records = self._reader.records(user, job_id)
        key = f"{job_id} {records.fingerprint}"
        known = self._groups.get(key)
        return known if known is not None else self._groups.put(key, grouped(records.lines()))

    def _ask(self, user: User, job_id: str, question: Callable[[Table], T]) -> T:
        """Answer from the job's table; one that turns out damaged is built again, once."""
        import polars as pl

        records = self._reader.records(user, job_id)
        try:
            return question(self._table(records))
        except (pl.exceptions.PolarsError, OSError):
            _LOG.warning("The table of a dataset is damaged; it is built again.", exc_info=True)
            return question(self._table(records, anew=True))

    def _table(self, records: Records, *, anew: bool = False) -> Table:
        job_id, fingerprint = records.job.id, records.fingerprint
        path = columnar.path_of(self._cache_dir, job_id)
        with self._locks.of(job_id):
            table = None if anew else columnar.read(path, fingerprint)
            if table is None:
                building.build(path, records.blocks, records.schema, fingerprint)
                if self._jobs.is_deleted(job_id):  # after the worker took its table away
                    columnar.forget(self._cache_dir, job_id)
                    raise NotThere("This dataset was deleted.")
                table = columnar.read(path, fingerprint)
        if table is None:
            raise columnar.unreadable()
        return table
