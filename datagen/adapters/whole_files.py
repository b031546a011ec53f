"""A folder whose files appear under their name only when they are whole."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from datagen.domain.errors import StoreError, StoreFull

_LEFTOVER_AGE = 86_400  # seconds after which an unfinished copy belongs to nobody
UNFINISHED = ".part"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class WholeFiles:
    """Files in ``folder``, for their owner alone. Safe from any process.

    Raises StoreError when the folder can't be used, StoreFull when its disk is full;
    ``variable`` is where another folder is chosen.
    """

    def __init__(self, folder: Path, *, variable: str) -> None:
        self.folder = folder
        self._variable = variable
        with self.seam():
            for part in reversed((folder, *folder.parents)):  # parents=True would let others in
                if not part.is_dir():
                    part.mkdir(mode=0o700, exist_ok=True)
            self._clean()

    def open(self, name: str) -> BinaryIO | None:
        """The file of that name as a stream; None where there is none."""
        with self.seam():
            try:
                return (self.folder / name).open("rb")
            except FileNotFoundError:
                return None

    def remove(self, name: str) -> None:
        """Delete the file; who reads it may finish. No error where there is none."""
        with self.seam():
            (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def part(self) -> Iterator[Part]:
        """A new file to write; gone again at the end unless it was kept."""
        with self.seam():
            handle, name = tempfile.mkstemp(suffix=UNFINISHED, dir=self.folder)  # 0600
        path = Path(name)
        try:
            with os.fdopen(handle, "r+b", buffering=0):
                yield Part(self, path, handle)
        finally:
            with suppress(OSError):  # what stays is cleaned a day later
                path.unlink()  # gone already when it was kept

    @contextmanager
    def seam(self) -> Iterator[None]:
        """Where the system's errors become ours."""
        try:
            yield
        except OSError as exc:
            raise translated(exc, self.folder, self._variable) from exc

    def _clean(self) -> None:
        """Remove what a killed process left half-copied, once nobody can be at it."""
        for leftover in self.folder.glob(f"*{UNFINISHED}"):
            try:
                if time.time() - leftover.stat().st_mtime > _LEFTOVER_AGE:
                    leftover.unlink()
            except FileNotFoundError:  # another process cleans too
                continue


class Part:
    """A file that is being written."""

    def __init__(self, files: WholeFiles, path: Path, handle: int) -> None:
        self._files = files
        self.path = path
        self._handle = handle
        self.size = 0  # bytes

    def write(self, chunk: bytes) -> None:
        """Write every byte: a nearly full disk takes a part and refuses only the next one."""
        self.size += len(chunk)
        rest = memoryview(chunk)
        with self._files.seam():
            while rest:
                rest = rest[os.write(self._handle, rest) :]

    def keep(self, name: str) -> None:
        """Let it appear under ``name``, where it outlives a power cut, and is whole after one."""
        with self._files.seam():
            os.fsync(self._handle)
            self.path.replace(self._files.folder / name)
            _sync_folder(self._files.folder)


def within(stream: BinaryIO, most: int | None) -> BinaryIO:
    """The file, unless it has more than ``most`` bytes: then StoreError, and it is closed."""
    if most is not None and os.fstat(stream.fileno()).st_size > most:
        stream.close()
        raise StoreError("The file is larger than it may be.")
    return stream


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def translated(exc: OSError, folder: Path, variable: str) -> StoreError:
    """Our error for the system's, in words for whoever runs this machine."""
    if exc.errno in _NO_ROOM:
        return StoreFull(
            f"The disk that holds {folder} is full. Free some space; nothing stored was lost."
        )
    return StoreError(
        f"The folder {folder} can't be used ({exc.strerror}). "
        f"Check its permissions and its disk, or choose another with {variable}."
    )
