"""Files that were read or stored before, kept on this disk up to a number of bytes."""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

from datagen.adapters.whole_files import UNFINISHED, Part, WholeFiles


class FileCache:
    """Complete files by name; the least recently used go first.

    Shared by the processes of a replica. Raises StoreError, StoreFull.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._files = WholeFiles(folder, variable="DATAGEN_LOCAL_CACHE_DIR")
        self._max_bytes = max_bytes

    def open(self, name: str) -> BinaryIO | None:
        """The file as a stream; None when it isn't kept. Who reads it may finish."""
        stream = self._files.open(name)
        if stream is not None:
            with suppress(OSError):  # its use stays unknown: it may go a little earlier
                os.utime(stream.fileno())
        return stream

    def proven(self, name: str, other: str, sha256: str) -> BinaryIO | None:
        """The file ``name`` if it has this checksum, known as ``other`` from then on; else it goes.

        None when it isn't kept, or was another.
        """
        stream = self._files.open(name)
        if stream is None:
            return None
        with self._files.seam():
            if hashlib.file_digest(stream, "sha256").hexdigest() == sha256:  # type: ignore[arg-type]  # real files have readinto, BinaryIO does not tell
                stream.seek(0)
                with suppress(OSError):  # a disk without links: it is read once more next time
                    os.link(self._files.folder / name, self._files.folder / other)
                return stream
            stream.close()
        self._files.remove(name)
        return None

    def part(self) -> AbstractContextManager[Part]:
        """A new file to write, before it has a name."""
        return self._files.part()

    def keep(self, part: Part, name: str) -> BinaryIO:
        """Take ``part`` in as ``name``; the stream is good even if it goes at once."""
        with self._files.seam():
            stream = part.path.open("rb")
            try:
                part.keep(name)
                self._trim()
            except BaseException:
                stream.close()
                raise
        return stream

    def remove(self, name: str) -> None:
        """Delete the file, and what it is known as besides."""
        self._files.remove(name)
        for other in self._files.folder.glob(f"{name}-*"):
            self._files.remove(other.name)

    def _trim(self) -> None:
        """Remove what was not used for the longest time, until the rest fits."""
        kept = []
        for entry in os.scandir(self._files.folder):
            if not entry.name.endswith(UNFINISHED):
                with suppress(FileNotFoundError):  # another process trims too
                    kept.append((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path))
        size = sum(bytes_ for _, bytes_, _ in kept)
        for _, bytes_, path in sorted(kept):
            if size <= self._max_bytes:
                return
            Path(path).unlink(missing_ok=True)
            size -= bytes_
