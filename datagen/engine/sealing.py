"""An edition of a round: all its parts, read in order, as one dataset and its manifest."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from datagen.domain.asked import Request
from datagen.domain.errors import StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition, PeerState
from datagen.engine.journal import disk_faults
from datagen.engine.shelf import Shelf, written
from datagen.ports import Clock, FileStore
from datagen.protocol.fields import dumps
from datagen.protocol.manifests import MAX_KEYS, Manifest, manifest_record, measured


@dataclass(kw_only=True)
class _Counts:
    ok: int = 0
    failed: int = 0
    last_error: str | None = None
    keys: dict[str, None] = field(default_factory=dict)  # of good records, as they appeared
    letters: int = 0  # of all these together

    @property
    def told(self) -> tuple[str, ...] | None:
        """The keys; None where they are too many to be told."""
        return tuple(self.keys) if self.letters <= MAX_KEYS else None

    def add(self, line: ResultLine) -> None:
        """One more record."""
        if line.ok and line.data is not None:
            self.ok += 1
            if self.letters <= MAX_KEYS and not line.data.keys() <= self.keys.keys():
                new = [key for key in line.data if key not in self.keys]
                self.keys.update(dict.fromkeys(new))
                self.letters += sum(map(len, new))
        else:
            self.failed += 1
            self.last_error = line.error or self.last_error


def make_edition(
    case: Case, shelf: Shelf, files: FileStore, *, by: str, clock: Clock, cache: Path
) -> Edition:
    """Read all parts of the round, and store the dataset and its manifest (blocking).

    Raises StoreError.
    """
    counts = _Counts()
    dataset = _stored(case, shelf, files, counts, cache)
    edition = _edition(case, counts, by=by, clock=clock)
    content = dumps(manifest_record(case.job.id, edition, dataset)).encode()
    cid = files.add(io.BytesIO(content), f"{case.job.id}_round{case.round}_manifest.json")
    return replace(edition, manifest_cid=cid, sha256=hashlib.sha256(content).hexdigest())


def _stored(
    case: Case, shelf: Shelf, files: FileStore, counts: _Counts, cache: Path
) -> Manifest:
    alone = _only_file(case, shelf)
    digest = hashlib.sha256()
    with disk_faults(cache):
        scratch = tempfile.TemporaryFile(dir=cache)  # noqa: SIM115 - closed below, outside the translation of its own errors
    with scratch:
        stream = cast("BinaryIO", scratch)
        for line in shelf.merged(case):
            counts.add(line)
            if not alone:
                content = written(line) + b"\n"
                digest.update(content)
                with disk_faults(cache):
                    stream.write(content)
        keys = counts.told
        if alone:
            sha256, size = measured(files, alone)
            return Manifest(cid=alone, sha256=sha256, keys=keys, size=size)
        if not counts.ok + counts.failed:  # there are file stores that refuse an empty file
            return Manifest(cid=None, sha256=digest.hexdigest(), keys=keys, size=0)
        with disk_faults(cache):
            size = stream.tell()
            stream.seek(0)
        cid = files.add(stream, f"{case.job.id}_round{case.round}.jsonl")
    return Manifest(cid=cid, sha256=digest.hexdigest(), keys=keys, size=size)


def _only_file(case: Case, shelf: Shelf) -> str | None:
    """The file that is the dataset already, as of a job with one peer."""
    parts = [(part, bool(case.states[peer].inc))
             for peer, part in case.parts(shelf.unreadable())]
    if case.edition is None and len(parts) == 1 and parts[0][1]:
        return parts[0][0].cid or None
    return None


def _edition(case: Case, counts: _Counts, *, by: str, clock: Clock) -> Edition:
    total, end = case.job.total_records, case.asked.ends(case.round)
    covered = counts.ok + counts.failed == total
    if not covered and end is None:
        raise StoreError("Some records of this job can't be read here any more.")
    error = None
    if not covered and end:
        error = _why_some(total, counts, end)
    elif not counts.ok:
        error = _why_none(counts)
    cancelled = None if covered else end
    times = [state.finished_at for state in case.states.values() if state.finished_at]
    is_plain = covered and not case.round and len(times) >= len(case.shares)
    return Edition(
        round=case.round, by=by, status="failed" if error else "succeeded",
        ok=counts.ok, failed=counts.failed, manifest_cid="", sha256="",
        started_at=(case.edition.started_at if case.edition else _started_at(case.states)),
        finished_at=max(times) if is_plain else clock.now(),
        error=error,
        cancelled_at=cancelled.at if cancelled else None,
        cancelled_by=cancelled.by if cancelled else None,
    )


def _started_at(states: Mapping[str, PeerState]) -> datetime | None:
    return min((state.started_at for state in states.values() if state.started_at), default=None)


def _why_some(total: int, counts: _Counts, end: Request) -> str:
    done = counts.ok + counts.failed
    if not done:
        return f"Cancelled by {end.by} before the first record."
    kept = " What was generated is kept." if counts.ok else ""
    return f"Cancelled by {end.by} after {done:,} of {total:,} records.{kept}"


def _why_none(counts: _Counts) -> str:
    reason = f" The last reason: {counts.last_error}" if counts.last_error else ""
    return (
        "Not one record could be used: no answer of the model fits the schema."
        f"{reason} Simplify the schema or use a stronger model, then create the dataset again."
    )
