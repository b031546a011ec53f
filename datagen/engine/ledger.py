"""The files that this replica's worker stored, so that none outlives a deleted job.

A file may be named by nobody any more: another part took its place, or another edition was chosen.
"""

from __future__ import annotations

from typing import BinaryIO

from datagen.ports import Desk, FileStore
from datagen.protocol import keys


class Ledger:
    """A FileStore that notes on the desk what is stored through it. Raises as those do."""

    def __init__(self, files: FileStore, desk: Desk) -> None:
        self._files, self._desk = files, desk

    def add(self, source: BinaryIO, filename: str) -> str:
        cid = self._files.add(source, filename)
        self._desk.put_once(keys.DESK_STORED, cid, filename)
        return cid

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        return self._files.open(cid, most=most, ours=ours, sha256=sha256)

    def verify(self, cid: str) -> None:
        self._files.verify(cid)

    def remove(self, cid: str) -> None:
        self._files.remove(cid)
        self._desk.drop(keys.DESK_STORED, cid)

    def of(self, job_id: str) -> list[str]:
        """Ids of the files that were stored for a job, by their names, and not removed since."""
        return [cid for cid, filename in self._desk.notes(keys.DESK_STORED).items()
                if filename.startswith(f"{job_id}_")]
