"""The result files of jobs that the earlier application made, as one ordered stream.

Each index once, whatever is damaged. Ours end with an edition (``protocol/manifests.py``).
"""

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
    for state, _ in parts:
        _opened(files, state).close()  # better no download than one that breaks off
    found = (line for state, share in parts for line in _of_share(files, state, share))
    return (line for line in found if line.error != _LOST) if job.was_cancelled else found


def sources(job: Job, states: Mapping[str, PeerState]) -> list[tuple[str, bool]]:
    """The files a job's records are in: their ids, and whether one of our processes named
    them. They change when the records do."""
    return [(state.result_cid or "", bool(state.inc)) for state, _ in _parts(job, states)]


def _parts(job: Job, states: Mapping[str, PeerState]) -> Iterator[tuple[PeerState, Share]]:
    for peer, share in shares(job.total_records, job.peers).items():
        if not len(share):
            continue
        if peer in states and states[peer].result_cid:
            yield states[peer], share
        elif job.status == "succeeded":
            raise StoreError(
                f"The records of peer {peer} have not arrived here yet. Try again in a moment."
            )


def _opened(files: FileStore, state: PeerState) -> BinaryIO:
    try:
        return files.open(state.result_cid or "", ours=bool(state.inc))
    except NotThere as exc:
        raise StoreError(
            "A file with records of this job can't be found here. Try again in a moment."
        ) from exc


def _of_share(files: FileStore, state: PeerState, share: Share) -> Iterator[ResultLine]:
    due = share.start
    with _opened(files, state) as stream:
        for line in result_lines(stream):
            if not due <= line.i < share.end:
                continue
            yield from _lost(due, line.i)
            yield line
            due = line.i + 1
    yield from _lost(due, share.end)


def _lost(start: int, end: int) -> Iterator[ResultLine]:
    return (ResultLine(i=i, ok=False, error=_LOST) for i in range(start, end))
