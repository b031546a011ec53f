"""The peers' result files as one ordered stream: each index once, whatever is damaged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from datagen.domain.errors import NotThere, StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.jobs import Job, PeerState, Share, shares
from datagen.ports import FileStore
from datagen.protocol.lines import result_lines

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
        for line in result_lines(stream):
            if not due <= line.i < share.end:
                continue
            yield from _lost(due, line.i)
            yield line
            due = line.i + 1
    yield from _lost(due, share.end)


def _lost(start: int, end: int) -> Iterator[ResultLine]:
    return (ResultLine(i=i, ok=False, error=_LOST) for i in range(start, end))
