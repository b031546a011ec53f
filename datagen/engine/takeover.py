"""What the earlier application left of a share on this disk, where our journal is now.

It wrote a result line per record to ``results.jsonl`` and, once that was uploaded,
``state.json``. Neither is changed; both go with the journal.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from datagen.domain.chat import ChatReply
from datagen.domain.errors import NotThere
from datagen.domain.exports import ResultLine
from datagen.domain.jobs import Share
from datagen.domain.records import Accepted, RecordReader
from datagen.engine.bounded import read_in_time
from datagen.engine.journal import JOURNAL, Journal, disk_faults, failed_line, ok_line
from datagen.engine.tally import Tally
from datagen.ports import FileStore
from datagen.protocol.fields import cid_of, dumps, from_iso, load_object, optional_cid, whole
from datagen.protocol.lines import result_lines

_RESULTS = "results.jsonl"
_MOST = 64 * 1024  # bytes of state.json


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A share that was uploaded as a whole."""

    ok: int
    failed: int
    result_cid: str
    errors_cid: str | None
    finished_at: datetime


def uploaded(folder: Path, share: Share, files: FileStore) -> Upload | None:
    """The whole share's upload, where the file store can give it (blocking).

    None where there is none, or where our own journal goes on. Raises StoreError while the
    file store can't say.
    """
    path = folder / "state.json"
    if not path.exists() or (folder / JOURNAL).exists():
        return None
    try:
        with disk_faults(path), path.open("rb") as stream:
            record = load_object(stream.read(_MOST).decode())
        found = Upload(
            ok=whole(record, "generatedOk"), failed=whole(record, "generatedFailed"),
            result_cid=cid_of(record, "resultCid"), errors_cid=optional_cid(record, "errorsCid"),
            finished_at=from_iso(record.get("finishedAt")),
        )
        if found.ok + found.failed != len(share):
            return None
        with files.open(found.result_cid) as stream:
            lines = sum(share.start <= line.i < share.end for line in result_lines(stream))
        if lines != len(share):  # a torn one is made again
            return None
    except (ValueError, NotThere):
        return None
    return found


def left_behind(folder: Path) -> bool:
    """Whether there are records of the earlier application."""
    return (folder / _RESULTS).exists()


async def take_over(
    journal: Journal, reader: RecordReader, tally: Tally, stop: asyncio.Event
) -> None:
    """Put the records that fit the schema into the journal, and the failures.

    A line that is torn, not ours or of another share, and a record that doesn't fit, costs
    that record alone: it is generated again. Raises StoreError.
    """
    if not left_behind(journal.folder):
        return
    path = journal.folder / _RESULTS
    with disk_faults(path), path.open("rb") as stream:
        for line in result_lines(stream):
            if stop.is_set():
                return
            if journal.lacks(line.i):
                _take(line, journal, reader, tally)
                await asyncio.sleep(0)


def _take(line: ResultLine, journal: Journal, reader: RecordReader, tally: Tally) -> None:
    if not line.ok:
        journal.append(failed_line(line.i, line.error or "", line.raw or ""))
        tally.recorded()
        return
    verdict = read_in_time(reader, ChatReply(text=dumps(line.data), finish_reason="stop"))
    if isinstance(verdict, Accepted):
        journal.append(ok_line(line.i, verdict.data))
        tally.recorded(verdict.coerced)
