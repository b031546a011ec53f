"""Immutable files of one machine.

An id is the SHA-256 of the content, then 16 digits of that of the file's name: two jobs
with equal records have a file each.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from datagen.domain.errors import NotThere, StoreError, StoreFull

_LOG = logging.getLogger(__name__)

_CHUNK = 1 << 20  # bytes copied at once
_LEFTOVER_AGE = 86_400  # seconds after which an unfinished copy belongs to nobody
_UNFINISHED = ".part"
_ID = re.compile(r"[0-9a-f]{80}")
_OLD_ID = re.compile(r"[0-9a-f]{64}")  # of the content alone, may be several jobs': only read
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LocalFiles:
    """A FileStore in ``folder``, which is made when missing. Safe from any process.

    Raises StoreError when the folder can't be used, StoreFull when its disk is full.
    """

    def __init__(self, folder: Path, *, log_calls: bool = False) -> None:
        self._folder = folder
        self._log_calls = log_calls
        with self._seam():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clean()

    def add(self, source: BinaryIO, filename: str) -> str:
        """Store all of ``source`` and return its id; the file is whole or not there."""
        with self._logged(f"add {_printable(filename)}") as outcome:
            cid, size = self._copy(source, filename)
            outcome.append(f"{cid}, {size} bytes")
            return cid

    def open(self, cid: str) -> BinaryIO:
        """The file's bytes as a stream; the caller closes it. Raises NotThere."""
        with self._logged(f"open {_printable(cid)}") as outcome, self._seam():
            if not (_ID.fullmatch(cid) or _OLD_ID.fullmatch(cid)):  # before it names a path
                raise NotThere("There is no file with this id.")
            try:
                stream = (self._folder / cid).open("rb")
            except FileNotFoundError as exc:
                raise NotThere("There is no file with this id.") from exc
            outcome.append(f"{os.fstat(stream.fileno()).st_size} bytes")
            return stream

    def remove(self, cid: str) -> None:
        """Delete the file; who reads it may finish. No error where there is none."""
        with self._logged(f"remove {_printable(cid)}"), self._seam():
            if _ID.fullmatch(cid):
                (self._folder / cid).unlink(missing_ok=True)

    def verify(self, cid: str) -> None:
        """Read the whole file. Raises NotThere, and StoreError for damaged content."""
        with self.open(cid) as stream, self._seam():
            found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # real files have readinto, BinaryIO does not tell
        if found != cid[:64]:
            raise StoreError(
                f"The file {self._folder / cid} is damaged. Put back a copy of it, or remove it."
            )

    def _copy(self, source: BinaryIO, filename: str) -> tuple[str, int]:
        """Id and size in bytes of the stored copy."""
        digest, size = hashlib.sha256(), 0
        with self._seam():
            handle, name = tempfile.mkstemp(suffix=_UNFINISHED, dir=self._folder)  # 0600
        try:
            with os.fdopen(handle, "wb", buffering=0) as copy:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    with self._seam():
                        _write_all(copy.fileno(), chunk)
                with self._seam():
                    os.fsync(copy.fileno())
            cid = digest.hexdigest() + hashlib.sha256(filename.encode()).hexdigest()[:16]
            with self._seam():
                Path(name).replace(self._folder / cid)
                self._sync_folder()
        finally:
            with suppress(OSError):  # what stays is cleaned a day later
                Path(name).unlink()  # gone already when all went well
        return cid, size

    def _sync_folder(self) -> None:
        """Make the new name outlive a power cut: its id is published right after."""
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _clean(self) -> None:
        """Remove what a killed process left half-copied, once nobody can be at it."""
        for leftover in self._folder.glob(f"*{_UNFINISHED}"):
            try:
                if time.time() - leftover.stat().st_mtime > _LEFTOVER_AGE:
                    leftover.unlink()
            except FileNotFoundError:  # another process cleans too
                continue

    @contextmanager
    def _seam(self) -> Iterator[None]:
        """Where the system's errors become ours."""
        try:
            yield
        except OSError as exc:
            raise _translated(exc, self._folder) from exc

    @contextmanager
    def _logged(self, what: str) -> Iterator[list[str]]:
        """Log start, success or error of a call when asked to; never contents."""
        outcome: list[str] = []
        if not self._log_calls:
            yield outcome
            return
        _LOG.info("File call: %s ...", what)
        try:
            yield outcome
        except Exception as exc:
            _LOG.warning("File call failed: %s: %s", what, type(exc).__name__)
            raise
        _LOG.info("File call done: %s: %s", what, ", ".join(outcome))


def _write_all(handle: int, chunk: bytes) -> None:
    """Write every byte: a nearly full disk takes a part and refuses only the next one."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _printable(name: str) -> str:
    """A name from outside, fit for one line of a log."""
    return re.sub(r"[^\w.-]", "_", name)[:120]


def _translated(exc: OSError, folder: Path) -> StoreError:
    """Our error for the system's, in words for whoever runs this machine."""
    if exc.errno in _NO_ROOM:
        return StoreFull(
            f"The disk that holds {folder} is full. Free some space; nothing stored was lost."
        )
    return StoreError(
        f"The folder {folder} can't be used ({exc.strerror}). "
        "Check its permissions and its disk, or choose another with DATAGEN_DATA_DIR."
    )
