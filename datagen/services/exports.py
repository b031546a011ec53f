"""A dataset's way into a file, whatever its form: streamed, or prepared and then served."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import datagen
from datagen.domain import card, spread
from datagen.domain.downloads import MEDIA, Wish, attachment_name
from datagen.domain.exports import ResultLine, csv_chunks, json_chunks, jsonl_chunks
from datagen.engine.journal import disk_faults
from datagen.ports import Clock
from datagen.protocol.fields import to_iso
from datagen.services import building
from datagen.services import columns as columnar
from datagen.services.blocks import blocks_of
from datagen.services.bundle import FILES, json_file, write_bundle
from datagen.services.columns import Table
from datagen.services.parquet import early, parquet_chunks
from datagen.services.preparing import Make, Preparation, Preparations
from datagen.services.reading import Reader, Records, Spool
from datagen.services.separated import csv_blocks
from datagen.services.workbook import check_size, write_workbook

_CHUNK = 256 * 1024  # bytes of a prepared file in memory
_VERSION = 1  # of prepared files: those of another one are made anew


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file on its way to the user."""

    disposition: str  # the Content-Disposition value; carries the file's name
    media_type: str
    chunks: Iterator[bytes]
    size: int | None = None  # bytes, where they are known before


class Exports:
    """Makes files of records; ``table`` gives the columnar file of a finished job's."""

    def __init__(
        self, *, reader: Reader, cache_dir: Path, clock: Clock,
        table: Callable[[Records], Table], is_deleted: Callable[[str], bool],
    ) -> None:
        self._reader, self._cache, self._clock = reader, cache_dir, clock
        self._table, self._is_deleted = table, is_deleted
        self._preparations = Preparations()

    def open(self, records: Records, wish: Wish) -> Export:
        """The file; one that has to be prepared is waited for.

        Raises Conflict for what the form can't hold, StoreError.
        """
        name = attachment_name(records.job.title, wish.ending, mark=records.mark)
        export = Export(disposition=name, media_type=MEDIA[wish.form], chunks=iter(()))
        if not is_prepared(records, wish):
            return replace(export, chunks=self._streamed(records, wish))
        path = self._preparations.wait(self.prepare(records, wish))
        with disk_faults(path):
            handle = path.open("rb")
            size = os.fstat(handle.fileno()).st_size

        def served() -> Iterator[bytes]:
            with handle:
                while chunk := handle.read(_CHUNK):
                    yield chunk

        return replace(export, chunks=served(), size=size)

    def prepare(self, records: Records, wish: Wish) -> Preparation:
        """Have a file made that takes a while, or look how far it is. Raises Conflict."""
        if wish.form == "xlsx":
            check_size(records.job.total_ok)
        said = [_VERSION, datagen.__version__, records.fingerprint, records.job.title, wish.told]
        key = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
        table = columnar.path_of(self._cache, records.job.id)
        path = table.with_name(f"{table.stem}.{key}.{wish.ending}")
        make = self._whole(partial(self._make, records, wish), records.job.id)
        return self._preparations.ask(path, make, owner=records.user.name)

    def _whole(self, make: Make, job_id: str) -> Make:
        """The same, so that its file appears when it is whole, and not of a deleted job."""
        def made(path: Path, progress: Callable[[float], None]) -> None:
            with disk_faults(path.parent):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                columnar.tidy(path.parent)
                handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.",
                                                suffix=".tmp")
                os.close(handle)
            unfinished = Path(name)
            try:
                with disk_faults(path.parent):
                    make(unfinished, progress)
                    unfinished.replace(path)
            finally:
                with suppress(OSError):
                    unfinished.unlink(missing_ok=True)
            if self._is_deleted(job_id):  # after the worker took its files away
                columnar.forget(self._cache, job_id)

        return made

    def _make(self, records: Records, wish: Wish, path: Path,
              progress: Callable[[float], None]) -> None:
        spool = self._reader.spooled(records.lines()) if records.partial else None
        try:
            if spool:
                records = records.counted(spool.ok, spool.failed)
            source = _Source(records, wish, spool)
            if wish.form == "bundle":
                self._bundle(source, path, progress)
            elif wish.form == "xlsx":
                with self._own_table(source, path) as table:
                    write_workbook(path, table, card.dictionary(source.schema), self._facts(source),
                                   safe=wish.safe, progress=progress)
            else:
                self._plain(source, path)
        finally:
            if spool:
                spool.close()

    def _plain(self, source: _Source, path: Path) -> None:
        with path.open("wb") as out:
            if source.wish.form == "parquet":
                with self._own_table(source, path) as table:
                    out.writelines(parquet_chunks(table))
            else:
                out.writelines(_texts(source))

    def _own_table(self, source: _Source, path: Path) -> _OwnTable:
        """The typed table: the one that the page shows, or one made for this file alone."""
        if source.spool is None and not source.wish.spread:
            return _OwnTable(self._table(source.records), None)
        return _OwnTable.built(source, path.with_suffix(".table.tmp"))

    def _bundle(self, source: _Source, path: Path, progress: Callable[[float], None]) -> None:
        records, wish = source.records, source.wish

        def text(form: Wish) -> Callable[[], Iterable[bytes]]:
            return lambda: _texts(replace(source, wish=form))

        with self._own_table(replace(source, wish=replace(wish, spread=False)), path) as table:
            description = records.details
            told = card.Card(
                title=records.job.title, facts=self._facts(source), warning=records.warning,
                entries=card.dictionary(records.schema), rows=records.job.total_ok, files=FILES,
                description=description.description if description else "",
                instructions=description.instructions if description else "")
            write_bundle(path, [
                ("README.md", lambda: [card.readme(told).encode("utf-8", "replace")]),
                ("schema.json", lambda: json_file(records.schema)),
                ("job.json", lambda: json_file(self._job(source))),
                ("data.csv", text(replace(wish, form="csv"))),
                ("data.jsonl", text(replace(wish, form="jsonl"))),
                ("data.parquet", lambda: parquet_chunks(table)),
            ], made_at=records.job.finished_at or self._clock.now(), progress=progress)

    def _facts(self, source: _Source) -> list[tuple[str, str]]:
        job, details = source.records.job, source.records.details
        facts = [("Title", job.title), ("Records", f"{job.total_ok:,}"),
                 ("Asked for", f"{job.total_records:,}"), ("Failed", f"{job.total_failed:,}"),
                 ("Created", to_iso(job.created_at))]
        if job.finished_at and not source.records.partial:
            facts.append(("Finished", to_iso(job.finished_at)))
        if details is not None:
            facts.append(("Model", details.inference.model or "the server's own choice"))
        if source.records.warning:
            facts.insert(0, ("Not the whole dataset", source.records.warning))
        return facts

    def _job(self, source: _Source) -> dict[str, object]:
        """What may be passed on of a job: no account, no address, no key."""
        job, details = source.records.job, source.records.details
        said: dict[str, object] = {
            "id": job.id, "title": job.title, "status": job.status,
            "complete": not source.records.warning, "note": source.records.warning or None,
            "recordsAskedFor": job.total_records, "records": job.total_ok,
            "failed": job.total_failed,
            "createdAt": to_iso(job.created_at), "datasetMode": job.dataset_mode,
            "finishedAt": to_iso(job.finished_at) if job.finished_at else None,
            "madeWith": f"DataGen {datagen.__version__}",
        }
        if details is not None:
            said |= {"description": details.description, "instructions": details.instructions,
                     "model": details.inference.model,
                     "parameters": card.parameters(details.inference)}
        return said

    def _streamed(self, records: Records, wish: Wish) -> Iterator[bytes]:
        if wish.form == "parquet":
            records.check()
            records.names()  # raises what no table can hold, before anything has left
            return early(lambda: self._table(records))
        return _texts(_Source(records, wish, None))


@dataclass(frozen=True)
class _Source:
    """What one file is made of."""

    records: Records
    wish: Wish
    spool: Spool | None  # where records may grow meanwhile

    @property
    def schema(self) -> dict[str, object]:
        return dict(self.records.schema)

    def lines(self) -> Iterator[ResultLine]:
        return self.spool.lines() if self.spool else self.records.lines()

    def names(self) -> list[str]:
        if self.wish.spread:
            return spread.spread_columns(self.schema, (
                line.data for line in self.lines() if line.data is not None))
        if self.spool:
            return columnar.columns_in_order(self.schema, self.spool.lines())
        return self.records.names()


class _OwnTable:
    """A table for as long as a file is made of it."""

    def __init__(self, table: Table, made: Path | None) -> None:
        self._table, self._made = table, made

    @classmethod
    def built(cls, source: _Source, path: Path) -> _OwnTable:
        spreads = source.wish.spread

        def lines() -> Iterator[ResultLine]:
            for line in source.lines():
                yield line._replace(data=spread.spread(line.data)) \
                    if spreads and line.data is not None else line

        schema = spread.spread_schema(source.schema) if spreads else source.schema
        building.build(path, lambda: blocks_of(lines()), schema, "")
        table = columnar.read(path, "")
        if table is None:
            raise columnar.unreadable()
        spread.check_columns(len(table.columns))
        return cls(table, path)

    def __enter__(self) -> Table:
        return self._table

    def __exit__(self, *_: object) -> None:
        if self._made:
            self._made.unlink(missing_ok=True)


def is_prepared(records: Records, wish: Wish) -> bool:
    """Whether a file is made before its first byte leaves."""
    return (wish.form in {"xlsx", "bundle"} or records.partial
            or (wish.form == "parquet" and wish.spread))


def _texts(source: _Source) -> Iterator[bytes]:
    wish = source.wish
    if wish.form == "json":
        return json_chunks(source.lines(), skip_failed=wish.skip_failed)
    if wish.form == "jsonl":
        return jsonl_chunks(source.lines())
    if not wish.spread and source.spool is None:
        return csv_blocks(source.records.blocks(), source.names(), source.schema, wish)
    return csv_chunks(source.lines(), source.names(), safe=wish.safe, bom=wish.bom,
                      delimiter=wish.delimiter,
                      spread=spread.spread if wish.spread else None)
