"""The records of one share on this peer's own disk: what was paid for is never lost.

``{cache}/{job}/{peer}/journal.jsonl``. Each entry is a newline, eight hex digits of CRC32
and the compact JSON of the result line, and a newline again::

    d9a43c0f {"i":17,"ok":true,"data":{..}}
    0b1f77aa {"i":18,"ok":false,"error":"..","raw":".."}

An entry brings both of its newlines, so that whatever happens to one entry (torn by a
crash, a flipped bit, even in a newline) costs no neighbour. For one index the first stands.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import zlib
from array import array
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from datagen.domain.errors import InputError, StoreError, StoreFull
from datagen.domain.jobs import JOB_ID, MAX_LATEST_ERRORS, PEER_ID, RecordError, Share
from datagen.domain.records import MAX_RAW
from datagen.protocol.fields import dumps

JOURNAL = "journal.jsonl"
_GOOD = re.compile(rb'\{"i":(\d+),"ok":true,"data":')  # how ``ok_line`` begins
_MISSING, _OK, _FAILED, _NOT_DUE = range(4)


class JournalError(StoreError):
    """An entry that was good is not readable any more; opening again finds out which."""


def folder_of(
    cache: Path, job_id: str, peer_id: str, *, of: str | None = None, number: int = 0
) -> Path:
    """Where this peer's journal of a share lives. Raises InputError for ids that name no path.

    ``of``: the peer whose share it is, else this one; ``number``: the round.
    """
    of = of or peer_id
    if not JOB_ID.fullmatch(job_id) or not PEER_ID.fullmatch(peer_id) or not PEER_ID.fullmatch(of):
        raise InputError("The id of this job or peer can't be used as a file name.")
    folder = cache / job_id / peer_id
    return folder if of == peer_id and not number else folder / f"round-{number}" / of


def round_of(path: Path) -> int:
    """The round of what lies in a share's folder."""
    number = path.name.removeprefix("round-")
    return int(number) if number != path.name and number.isdecimal() else 0


@contextlib.contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Translates the operating system's errors about ``path`` into ours."""
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StoreFull(
                f"The disk that holds {path} is full. Free some space; work then goes on by itself."
            ) from exc
        raise StoreError(
            f"{path} can't be used ({exc.strerror or type(exc).__name__}). "
            "Check the disk and the folder's permissions."
        ) from exc


def has_journal(folder: Path) -> bool:
    """Whether a journal was begun there."""
    return (folder / JOURNAL).is_file()


def ok_line(index: int, data: Any) -> bytes:
    """The result line of a record. Raises ValueError for what JSON in UTF-8 can't hold."""
    try:
        text = json.dumps({"i": index, "ok": True, "data": data}, ensure_ascii=False,
                          separators=(",", ":"), allow_nan=False)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    return text.encode()


def failed_line(index: int, error: str, raw: str) -> bytes:
    """The result line of a record that failed, with at most MAX_RAW bytes of its reply."""
    kept = raw.encode("utf-8", "replace")[:MAX_RAW].decode("utf-8", "ignore")
    message = error.encode("utf-8", "replace").decode()
    return dumps({"i": index, "ok": False, "error": message, "raw": kept}).encode()


class Journal:
    """Append-only, one process at a time (the peer's lock sees to it); 9 bytes per record.

    Methods that touch the disk raise StoreError, StoreFull when there is no room.
    """

    def __init__(
        self, folder: Path, share: Share, due: Collection[int] | None = None, *,
        read_only: bool = False,
    ) -> None:
        """Open or start the journal and read it through (blocking).

        ``due``: the indices that are wanted; None = all of the share. ``read_only``: it is
        another process's, which may add to it or delete it meanwhile.
        """
        self.folder = folder
        self._path = folder / JOURNAL
        self._share, self._read_only = share, read_only
        self._offsets = array("q", bytes(8 * len(share)))  # of the entry's CRC
        self._results = bytearray(len(share))
        if due is not None:
            self._results = bytearray([_NOT_DUE]) * len(share)
            for index in due:
                self._results[index - share.start] = _MISSING
        self.due = len(share) if due is None else len(due)
        self._latest: deque[RecordError] = deque(maxlen=MAX_LATEST_ERRORS)
        self.ok = 0  # distinct final records
        self.failed = 0
        with disk_faults(folder):
            if not read_only:
                folder.mkdir(parents=True, exist_ok=True)
            new = not read_only and not self._path.exists()
            how = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
            self._file = os.open(self._path, how, 0o600)
        try:
            with disk_faults(folder):
                self._end = os.fstat(self._file).st_size
                self._scan()
                if new:
                    self._sync_folders()
        except BaseException:
            self.close()
            raise
        # A killed process may have left entries that are not synced.
        self._dirty = self._end > 0 and not read_only

    @property
    def left(self) -> int:
        """Records of the share that are still to do."""
        return self.due - self.ok - self.failed

    @property
    def latest_errors(self) -> tuple[RecordError, ...]:
        """The last failures, newest last, with their whole messages."""
        return tuple(self._latest)

    @property
    def dirty(self) -> bool:
        """Whether a power cut could take entries that are counted."""
        return self._dirty

    def missing(self, *, backwards: bool = False) -> Iterator[int]:
        """Indices without a record, in order; lazy: what is appended meanwhile is skipped."""
        results = self._results
        at = results.rfind(_MISSING) if backwards else results.find(_MISSING)
        while at >= 0:
            yield self._share.start + at
            at = (results.rfind(_MISSING, 0, at) if backwards
                  else results.find(_MISSING, at + 1))

    def run(self, *, backwards: bool = False) -> Share:
        """The indices from the one end of the share, or the other, on to the first that misses."""
        start, end = self._share.start, self._share.end
        if backwards:
            return Share(start=start + 1 + self._results.rfind(_MISSING), end=end)
        at = self._results.find(_MISSING)
        return Share(start=start, end=end if at < 0 else start + at)

    def counts(self, span: Share) -> tuple[int, int]:
        """Good and failed records within ``span``."""
        start = self._share.start
        results = self._results[span.start - start : span.end - start]
        return results.count(_OK), results.count(_FAILED)

    def lacks(self, index: int) -> bool:
        """Whether the share has this index and no record of it yet."""
        at = index - self._share.start
        return 0 <= at < len(self._share) and self._results[at] == _MISSING

    def lacks_some(self, span: Share) -> bool:
        """Whether one of the share's indices within ``span`` has no record yet."""
        start = self._share.start
        return self._results.find(_MISSING, span.start - start, span.end - start) >= 0

    def append(self, line: bytes) -> None:
        """Keep a result line; it survives a ``kill -9`` from here on. Nothing counts if it fails.

        A second line for one index is dropped: the first stands.
        """
        good = _GOOD.match(line)
        record = {"i": int(good[1]), "ok": True} if good else json.loads(line)
        if not self.lacks(record["i"]):
            return
        entry = b"\n%08x %b\n" % (zlib.crc32(line), line)
        with disk_faults(self._path):
            written = os.pwrite(self._file, entry, self._end)
            if written < len(entry):
                with contextlib.suppress(OSError):  # the next entry is written over the torn one
                    os.ftruncate(self._file, self._end)
                raise OSError(errno.ENOSPC, "no room for the whole entry")
        self._note(record, self._end + 1)
        self._end += len(entry)
        self._dirty = True

    def sync(self) -> None:
        """Make what was appended survive a power cut (blocking)."""
        if self._dirty:
            self._dirty = False
            try:
                with disk_faults(self._path):
                    os.fsync(self._file)
            except StoreError:
                self._dirty = True
                raise

    def taken(self) -> Iterator[bytes]:
        """The result lines by index, as of the opening; then it is closed."""
        try:
            yield from self._lines(_OK, _FAILED)
        finally:
            self.close()

    def ordered(self, out: BinaryIO, span: Share | None = None) -> None:
        """Write the result lines by index to ``out`` (blocking; one record in memory).

        ``span``: those within it; None = all. Raises JournalError when an entry can't be read
        back.
        """
        for line in self._lines(_OK, _FAILED, span=span):
            with disk_faults(self.folder):
                out.write(line + b"\n")

    def errors(self, out: BinaryIO) -> None:
        """Write ``[{"index","message"}]`` of the failed records to ``out``, as ``ordered``."""
        separator = b"["
        for line in self._lines(_FAILED):
            record = json.loads(line)
            item = dumps({"index": record["i"], "message": record["error"]})
            with disk_faults(self.folder):
                out.write(separator + item.encode())
            separator = b","
        with disk_faults(self.folder):
            out.write(b"]" if separator == b"," else b"[]")

    def close(self) -> None:
        """Release the file; the journal can't be used afterwards."""
        os.close(self._file)

    def _lines(self, *kinds: int, span: Share | None = None) -> Iterator[bytes]:
        span, first = span or self._share, self._share.start
        with disk_faults(self._path), self._reader() as source:
            for at in range(span.start - first, span.end - first):
                if self._results[at] in kinds:
                    source.seek(self._offsets[at])
                    line = _checked(source.readline())
                    if line is None:
                        raise JournalError(
                            f"{self._path} was damaged after it was written. "
                            "What is lost is generated again."
                        )
                    yield line

    def _reader(self) -> BinaryIO:
        if not self._read_only:
            return self._path.open("rb")
        os.lseek(self._file, 0, os.SEEK_SET)
        return os.fdopen(os.dup(self._file), "rb")  # as it was opened, whatever was deleted since

    def _scan(self) -> None:
        offset = 0
        with self._reader() as source:
            for entry in source:
                record = _record(_checked(entry))
                if record is not None and self.lacks(int(record["i"])):
                    self._note(record, offset)
                offset += len(entry)

    def _note(self, record: Mapping[str, Any], offset: int) -> None:
        at = int(record["i"]) - self._share.start
        self._offsets[at] = offset
        if record["ok"] is True:
            self._results[at] = _OK
            self.ok += 1
        else:
            self._results[at] = _FAILED
            self.failed += 1
            self._latest.append(RecordError(index=record["i"], message=record["error"]))

    def _sync_folders(self) -> None:
        for folder in (self.folder, self.folder.parent):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _checked(entry: bytes) -> bytes | None:
    """The result line of an entry (without its first newline); None when it is not whole."""
    line = entry[9:].removesuffix(b"\n")
    return line if entry[:9] == b"%08x " % zlib.crc32(line) else None


def _record(line: bytes | None) -> Mapping[str, Any] | None:
    """A result line's value, where it is one of ours."""
    if line is None:
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    fits = (
        isinstance(record, dict)
        and isinstance(record.get("i"), int)
        and (record.get("ok") is True or isinstance(record.get("error"), str))
    )
    return record if fits else None
