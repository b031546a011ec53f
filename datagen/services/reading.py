"""Where a job's records are read: its sealed edition, its peers' files, what there is so far."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from datagen.domain.errors import Conflict, NotThere, StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.jobs import Job, JobDetails, Part
from datagen.domain.users import User
from datagen.engine.journal import Journal, disk_faults, folder_of, has_journal
from datagen.engine.shelf import Shelf, Source, written
from datagen.ports import Clock, FileStore
from datagen.protocol.lines import read_line, result_lines
from datagen.protocol.manifests import edition_blocks, edition_lines, read_manifest
from datagen.services import columns as columnar
from datagen.services import results
from datagen.services.blocks import Block, blocks_of
from datagen.services.jobs import Jobs, JobView

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Records:
    """Some job's records, to be read as often as need be."""

    view: JobView
    job: Job  # with the totals of these records
    reader: Reader
    user: User
    partial: bool = False  # of a job that has not ended: what there is so far

    def lines(self) -> Iterator[ResultLine]:
        """Every record's outcome in index order, each index once. Raises StoreError at once."""
        return self.reader.so_far(self.view) if self.partial else self.reader.lines(self.view)

    def blocks(self) -> Iterator[Block]:
        """The same records, many at a time. Raises StoreError at once."""
        return self.reader.blocks(self)

    def check(self) -> None:
        """Raises StoreError where they can't be read now."""
        next(self.blocks(), None)

    def names(self) -> list[str]:
        """Their fields: the schema's first, then others in order of appearance."""
        return self.reader.names(self)

    def counted(self, ok: int, failed: int) -> Records:
        """The same, of which that many could be read. Raises Conflict for none."""
        if not ok + failed:
            raise Conflict("No record of this job can be read here yet. Try again in a minute.")
        return replace(self, job=replace(self.job, total_generated=ok + failed, total_ok=ok,
                                         total_failed=failed))

    @property
    def details(self) -> JobDetails | None:
        """What was asked for; None when it can't be read."""
        return self.reader.details(self.user, self.job.id)

    @property
    def schema(self) -> Mapping[str, Any]:
        """Empty when it can't be read: the records are there anyway."""
        details = self.details
        return details.schema if details else {}

    @property
    def fingerprint(self) -> str:
        """Changes when the records do."""
        return fingerprint(self.view, partial=self.partial)

    @property
    def warning(self) -> str:
        """Why these are not the whole dataset, or not surely; "" where they are."""
        job = self.job
        if self.view.not_closed and not self.partial:
            return self.view.not_closed
        if self.partial:
            return (f"The job was still running: {job.total_generated:,} of "
                    f"{job.total_records:,} records could be read.")
        if job.was_cancelled:
            return (f"The job was cancelled: {job.total_generated:,} of "
                    f"{job.total_records:,} records had been made.")
        return ""

    @property
    def mark(self) -> str:
        """The same in a file's name."""
        if self.view.not_closed and not self.partial:
            return "-not-closed"
        return "-partial" if self.warning else ""


class Reader:
    """Reads what jobs hold. All methods block."""

    def __init__(self, *, jobs: Jobs, files: FileStore, cache_dir: Path, clock: Clock) -> None:
        self._jobs, self._files, self._cache, self._clock = jobs, files, cache_dir, clock

    def records(self, user: User, job_id: str, *, partial: bool = False) -> Records:
        """A finished job's, or with ``partial`` those that any job has by now.

        Raises NotThere, Conflict while there is nothing to read, StoreError.
        """
        view = self._jobs.get(user, job_id)
        whole = view.job.is_over or view.not_closed is not None
        if partial and not whole:
            progress = view.progress
            if not progress.done:
                raise Conflict("This job has no record yet. Try again when it has.")
            job = replace(view.job, total_generated=progress.done, total_ok=progress.ok,
                          total_failed=progress.failed)
            return Records(view=view, job=job, reader=self, user=user, partial=True)
        if view.offered is None:
            raise Conflict(
                "This job has not finished yet. Its dataset can be taken when it has."
            )
        return Records(view=view, job=view.offered, reader=self, user=user)

    def lines(self, view: JobView) -> Iterator[ResultLine]:
        """The dataset's records; all files are opened before the first of them."""
        if view.not_closed and view.case is not None:
            for peer, part in view.case.parts():
                if part.cid:
                    self._look_at(part, ours=bool(view.case.states[peer].inc))
            return Shelf(self._files, self._clock).merged(view.case)
        if view.edition is not None:
            return edition_lines(self._files, view.edition)
        return results.lines(view.job, view.states, self._files)

    def blocks(self, records: Records) -> Iterator[Block]:
        """As ``Records.blocks``: of a sealed edition as its file has them."""
        edition = records.view.edition
        if records.partial or records.view.not_closed or edition is None:
            return blocks_of(records.lines())
        return map(Block, edition_blocks(self._files, edition))

    def _look_at(self, part: Part, *, ours: bool) -> None:
        """Better no download than half of one."""
        try:
            self._files.open(part.cid, ours=ours, sha256=part.sha256).close()
        except NotThere as exc:
            raise StoreError("A file with records of this job can't be found here. Try again in "
                             "a moment.") from exc

    def so_far(self, view: JobView) -> Iterator[ResultLine]:
        """What peers stored, and what this one's journals hold, as of this moment."""
        if view.case is None:
            return iter(())
        more = list(self._journals(view))
        return Shelf(self._files, self._clock).merged(view.case, more)

    def spooled(self, lines: Iterator[ResultLine]) -> Spool:
        """The same records, on disk: to be read again, however they grow."""
        return Spool(lines, self._cache)

    def names(self, records: Records) -> list[str]:
        """As ``Records.names``: told by the edition's manifest, else looked for."""
        view = records.view
        if not records.partial and view.not_closed is None and view.edition is not None:
            keys = read_manifest(self._files, view.edition).keys
            if keys is not None:
                named = dict.fromkeys(columnar.columns_in_order(records.schema, ()))
                return list(named | dict.fromkeys(keys))
        return columnar.columns_in_order(records.schema, records.lines())

    def size(self, records: Records) -> int | None:
        """Bytes of a sealed dataset's file. Raises StoreError."""
        edition = records.view.edition
        if records.partial or records.view.not_closed or edition is None:
            return None
        return read_manifest(self._files, edition).size

    def details(self, user: User, job_id: str) -> JobDetails | None:
        """What the job was asked to make; None when it can't be read."""
        try:
            return self._jobs.details(user, job_id)
        except StoreError:
            _LOG.warning("The details of a job can't be read; its columns follow the records.",
                         exc_info=True)
            return None

    def _journals(self, view: JobView) -> Iterator[Source]:
        if view.case is None:
            return
        me, job_id, number = self._jobs.peer_id, view.job.id, view.round
        for peer, share in view.case.shares.items():
            folder = folder_of(self._cache, job_id, me, of=peer, number=number)
            if len(share) and has_journal(folder):
                journal = Journal(folder, share, read_only=True)
                lines = (read for line in journal.taken() if (read := read_line(line)))
                yield Source(start=share.start, end=share.end, peer=me, round=number, lines=lines)


class Spool:
    """Records in a file that nobody else sees; one reader at a time."""

    def __init__(self, lines: Iterator[ResultLine], folder: Path) -> None:
        """Write them all. Raises StoreError."""
        self.ok = self.failed = 0
        with disk_faults(folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the spool
        for line in lines:
            self.ok += line.ok
            self.failed += not line.ok
            with disk_faults(folder):
                self._file.write(written(line) + b"\n")

    def lines(self) -> Iterator[ResultLine]:
        """From the first one on, once the first is asked for."""
        self._file.seek(0)
        yield from result_lines(cast("Any", self._file))

    def close(self) -> None:
        """Give the disk its room back."""
        self._file.close()


def fingerprint(view: JobView, *, partial: bool = False) -> str:
    """Changes when a job's records do."""
    said: list[Any] = [view.job.id, view.job.total_records]
    if partial:
        said += ["partial", view.round, view.progress.ok, view.progress.failed]
    elif view.not_closed and view.case is not None:
        said += [view.round, [(peer, part.cid) for peer, part in view.case.parts()]]
    elif view.edition is not None:
        said.append(view.edition.sha256)
    else:
        said.append(results.sources(view.job, view.states))
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
