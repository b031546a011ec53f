"""Immutable files of one machine.

An id is the SHA-256 of the content, then 16 digits of that of the file's name: two jobs
with equal records have a file each.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

from datagen.adapters.file_log import FileLog
from datagen.adapters.whole_files import WholeFiles, within
from datagen.domain.errors import NotThere, StoreError

_CHUNK = 1 << 20  # bytes copied at once
_ID = re.compile(r"[0-9a-f]{80}")
_OLD_ID = re.compile(r"[0-9a-f]{64}")  # of the content alone, may be several jobs': only read


class LocalFiles:
    """A FileStore in ``folder``, which is made when missing. Safe from any process.

    Raises StoreError when the folder can't be used, StoreFull when its disk is full.
    """

    def __init__(self, folder: Path, *, log_calls: bool = False) -> None:
        self._files = WholeFiles(folder, variable="DATAGEN_DATA_DIR")
        self._log = FileLog(on=log_calls)

    def add(self, source: BinaryIO, filename: str) -> str:
        """Store all of ``source`` and return its id; the file is whole or not there."""
        with self._log.call("add", filename) as outcome, self._files.part() as part:
            digest = hashlib.sha256()
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                part.write(chunk)
            cid = digest.hexdigest() + hashlib.sha256(filename.encode()).hexdigest()[:16]
            part.keep(cid)  # its id is published right after
            outcome.append(f"{cid}, {part.size} bytes")
            return cid

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        """The file's bytes as a stream; the caller closes it. Raises NotThere, and StoreError
        for one of more than ``most`` bytes; ``ours`` makes no difference on one's own disk, and
        ``sha256`` is compared with the id, which holds it (``verify`` reads the bytes)."""
        with self._log.call("open", cid) as outcome:
            known = _ID.fullmatch(cid) or _OLD_ID.fullmatch(cid)  # before it names a path
            stream = self._files.open(cid) if known else None
            if stream is None:
                raise NotThere("There is no file with this id.")
            if sha256 not in {None, cid[:64]}:
                stream.close()
                raise NotThere("The file with this id is not the one that was stored.")
            outcome.append(f"{os.fstat(stream.fileno()).st_size} bytes")
            return within(stream, most)

    def remove(self, cid: str) -> None:
        """Delete the file; who reads it may finish. No error where there is none."""
        with self._log.call("remove", cid):
            if _ID.fullmatch(cid):
                self._files.remove(cid)

    def verify(self, cid: str) -> None:
        """Read the whole file. Raises NotThere, and StoreError for damaged content."""
        with self.open(cid) as stream, self._files.seam():
            found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # real files have readinto, BinaryIO does not tell
        if found != cid[:64]:
            raise StoreError(f"The file {self._files.folder / cid} is damaged. "
                             "Put back a copy of it, or remove it.")
