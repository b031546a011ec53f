"""The peers' result files as one ordered stream: each index once, whatever is damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from datagen.domain.depth import is_deeper
from datagen.domain.errors import NotThere, StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.jobs import Job, PeerState, Share, shares
from datagen.ports import FileStore
from datagen.protocol.fields import MAX_DEPTH, whole_characters

MAX_LINE = 4 * 1024 * 1024  # bytes; a record of 4,096 tokens is far below
_LOST = "No readable result of this record is stored."


def lines(job: Job, states: Mapping[str, PeerState], files: FileStore) -> Iterator[ResultLine]:
    """The finished job's records in index order, read as they are asked for.

    A line that is torn or not ours counts as a failed record; what was not generated before
    a job was cancelled is left out. Raises StoreError when a peer's file can't be read,
    before the first record.
    """
    parts = tuple(_parts(job, states))
    for cid, _ in parts:
        _opened(files, cid).close()  # better no download than one that breaks off
    found = (line for cid, share in parts for line in _of_share(files, cid, share))
    return (line for line in found if line.error != _LOST) if job.was_cancelled else found


def file_ids(job: Job, states: Mapping[str, PeerState]) -> list[str]:
    """The ids of the files a job's records are in; they change when the records do."""
    return [cid for cid, _ in _parts(job, states)]


def _parts(job: Job, states: Mapping[str, PeerState]) -> Iterator[tuple[str, Share]]:
    for peer, share in shares(job.total_records, job.peers).items():
        cid = states[peer].result_cid if peer in states else None
        if not len(share):
            continue
        if isinstance(cid, str) and cid:
            yield cid, share
        elif job.status == "succeeded":
            raise StoreError(
                f"The records of peer {peer} have not arrived here yet. Try again in a moment."
            )


def _opened(files: FileStore, cid: str) -> BinaryIO:
    try:
        return files.open(cid)
    except NotThere as exc:
        raise StoreError(
            "A file with records of this job can't be found here. Try again in a moment."
        ) from exc


def _of_share(files: FileStore, cid: str, share: Share) -> Iterator[ResultLine]:
    due = share.start
    with _opened(files, cid) as stream:
        for text in _texts(stream):
            line = read_line(text)
            if line is None or not due <= line.i < share.end:
                continue
            yield from _lost(due, line.i)
            yield line
            due = line.i + 1
    yield from _lost(due, share.end)


def _lost(start: int, end: int) -> Iterator[ResultLine]:
    return (ResultLine(i=i, ok=False, error=_LOST) for i in range(start, end))


def _texts(stream: BinaryIO) -> Iterator[bytes]:
    """The file's lines; one that is too long is passed over without holding it."""
    too_long = False
    while text := stream.readline(MAX_LINE):
        ends = text.endswith(b"\n")
        if not too_long and (ends or len(text) < MAX_LINE):
            yield text
        too_long = not ends and (too_long or len(text) == MAX_LINE)


def read_line(text: bytes) -> ResultLine | None:
    """One stored line; None for anything that is not a result."""
    try:
        record = json.loads(text, parse_float=_number, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    if b"\\ud" in text.lower():
        record = whole_characters(record)
    i, ok, data = record.get("i"), record.get("ok"), record.get("data")
    if isinstance(i, bool) or not isinstance(i, int):
        return None
    if ok is True:
        fits = isinstance(data, dict) and not _is_too_deep(text, data)
        return ResultLine(i=i, ok=True, data=data) if fits else None
    if ok is not False:
        return None
    error, raw = record.get("error"), record.get("raw")
    return ResultLine(
        i=i, ok=False, raw=raw if isinstance(raw, str) and raw else None,
        error=error if isinstance(error, str) and error else "No reason was recorded.",
    )


def _number(text: str) -> float | int:
    """As JavaScript prints it: 3.0 and 3 are one number. Raises ValueError beyond a double."""
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(text)
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _refused(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity are not JSON


def _is_too_deep(text: bytes, data: Mapping[str, Any]) -> bool:
    """Whether it nests so deeply that who reads it recursively breaks."""
    return text.count(b"{") + text.count(b"[") > MAX_DEPTH and is_deeper(data, MAX_DEPTH)
