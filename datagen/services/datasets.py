"""A finished job's records: the stream, the table, the profile, the failures, the files."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from datagen.domain.errors import Conflict, NotThere, StoreError
from datagen.domain.exports import (
    ResultLine,
    attachment_name,
    csv_chunks,
    json_chunks,
    jsonl_chunks,
)
from datagen.domain.users import User
from datagen.engine.shelf import Shelf
from datagen.ports import Clock, FileStore
from datagen.protocol.manifests import edition_lines
from datagen.services import columns as columnar
from datagen.services import results, tables
from datagen.services.columns import Column, Table
from datagen.services.failures import Failure, FailureGroup, grouped
from datagen.services.jobs import Jobs, JobView, Recent
from datagen.services.locks import Locks
from datagen.services.parquet import parquet_chunks
from datagen.services.tables import Bin, ColumnProfile, Filter, Page, Top

__all__ = ["Bin", "Column", "ColumnProfile", "Datasets", "Export", "Failure",
           "FailureGroup", "Filter", "Page", "ResultLine", "Top"]

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file on its way to the user."""

    disposition: str  # the Content-Disposition value; carries the file's name
    media_type: str
    chunks: Iterator[bytes]


class Datasets:
    """What a user may do with the records of a finished job of theirs.

    Everything raises NotThere for a job that isn't the user's, Conflict while it runs,
    and StoreError when its files can't be read.
    """

    def __init__(
        self, *, jobs: Jobs, files: FileStore, cache_dir: Path, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._files, self._clock = files, clock
        self._cache_dir = cache_dir
        self._locks = Locks()  # by job: its table is built once
        self._profiles: Recent[str, tuple[ColumnProfile, ...]] = Recent(32)
        self._failures: Recent[tuple[str, int], tuple[Failure, ...]] = Recent(32)
        self._groups: Recent[str, tuple[FailureGroup, ...]] = Recent(32)

    def lines(self, user: User, job_id: str) -> Iterator[ResultLine]:
        """Every record's outcome in index order, each index once."""
        return self._lines(self._finished(user, job_id))

    def export(
        self,
        user: User,
        job_id: str,
        kind: Literal["json", "jsonl", "csv", "parquet"],
        *,
        skip_failed: bool = False,
        safe: bool = False,
    ) -> Export:
        """The whole dataset as a file; see ``domain/exports.py`` for the forms of text.

        ``skip_failed`` is for JSON, which else holds ``null``; ``safe`` is for CSV.
        """
        view = self._finished(user, job_id)
        disposition = attachment_name(view.job.title, kind,
                                      mark="-not-closed" if view.not_closed else "")
        if kind == "json":
            return Export(
                disposition=disposition, media_type="application/json",
                chunks=json_chunks(self._lines(view), skip_failed=skip_failed),
            )
        if kind == "jsonl":
            return Export(disposition=disposition, media_type="application/jsonl",
                          chunks=jsonl_chunks(self._lines(view)))
        if kind == "parquet":
            return Export(disposition=disposition, media_type="application/vnd.apache.parquet",
                          chunks=self._ask(user, job_id, parquet_chunks))
        names = columnar.columns_in_order(self._schema(user, job_id), self._lines(view))
        return Export(
            disposition=disposition, media_type="text/csv; charset=utf-8",
            chunks=csv_chunks(self._lines(view), names, safe=safe),
        )

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
        """
        return self._ask(user, job_id, lambda table: tables.page(
            table, offset=offset, limit=limit, sort=sort, descending=descending,
            search=search, filters=filters,
        ))

    def profile(self, user: User, job_id: str) -> tuple[ColumnProfile, ...]:
        """What each column holds, in the columns' order."""
        key = f"{job_id} {_fingerprint(self._finished(user, job_id))}"
        known = self._profiles.get(key)
        return known or self._profiles.put(key, self._ask(user, job_id, tables.profile))

    def failures(self, user: User, job_id: str, *, limit: int = 50) -> tuple[Failure, ...]:
        """The first failed records, at most ``limit``."""
        view = self._finished(user, job_id)
        key = (f"{job_id} {_fingerprint(view)}", limit)
        known = self._failures.get(key)
        if known is not None:
            return known
        failed = (line for line in self._lines(view) if not line.ok)
        return self._failures.put(key, tuple(
            Failure(index=line.i, message=line.error or "", raw=line.raw)
            for line in islice(failed, limit)
        ))

    def failure_groups(self, user: User, job_id: str) -> tuple[FailureGroup, ...]:
        """All failures by their reason, the most frequent first, with some examples each."""
        view = self._finished(user, job_id)
        key = f"{job_id} {_fingerprint(view)}"
        known = self._groups.get(key)
        return known if known is not None else self._groups.put(key, grouped(self._lines(view)))

    def _finished(self, user: User, job_id: str) -> JobView:
        view = self._jobs.get(user, job_id)
        if view.offered is None:
            raise Conflict(
                "This job has not finished yet. Its dataset can be taken when it has."
            )
        return view

    def _lines(self, view: JobView) -> Iterator[ResultLine]:
        if view.not_closed and view.case is not None:
            lines = Shelf(self._files, self._clock).merged(view.case)
            first = list(islice(lines, 1))  # opens all files: better none than half a download
            return chain(first, lines)
        if view.edition is not None:
            return edition_lines(self._files, view.edition)
        return results.lines(view.job, view.states, self._files)

    def _schema(self, user: User, job_id: str) -> Mapping[str, Any]:
        """The job's schema; empty when it can't be read, since the records are there anyway."""
        try:
            return self._jobs.details(user, job_id).schema
        except StoreError:
            _LOG.warning("The schema of a job can't be read; its columns follow the records.",
                         exc_info=True)
            return {}

    def _ask(self, user: User, job_id: str, question: Callable[[Table], T]) -> T:
        """Answer from the job's table; one that turns out damaged is built again, once."""
        import polars as pl

        view = self._finished(user, job_id)
        try:
            return question(self._table(user, view))
        except (pl.exceptions.PolarsError, OSError):
            _LOG.warning("The table of a dataset is damaged; it is built again.", exc_info=True)
            return question(self._table(user, view, anew=True))

    def _table(self, user: User, view: JobView, *, anew: bool = False) -> Table:
        path = columnar.path_of(self._cache_dir, view.job.id)
        fingerprint = _fingerprint(view)
        with self._locks.of(view.job.id):
            table = None if anew else columnar.read(path, fingerprint)
            if table is None:
                schema = self._schema(user, view.job.id)
                columnar.build(path, lambda: self._lines(view), schema, fingerprint)
                if self._jobs.is_deleted(view.job.id):  # after the worker took its table away
                    columnar.forget(self._cache_dir, view.job.id)
                    raise NotThere("This dataset was deleted.")
                table = columnar.read(path, fingerprint)
        if table is None:
            raise StoreError("The table of this dataset can't be read. The download still works.")
        return table


def _fingerprint(view: JobView) -> str:
    """Changes when the records do."""
    said: list[Any] = [view.job.id, view.job.total_records]
    if view.not_closed and view.case is not None:
        said += [view.round, [(peer, part.cid) for peer, part in view.case.parts()]]
    elif view.edition is not None:
        said.append(view.edition.sha256)
    else:
        said.append(results.sources(view.job, view.states))
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
