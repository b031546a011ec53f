"""Files that were read or stored before, kept on this disk up to a number of bytes."""

from __future__ import annotations

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
        self._files.remove(name)

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
