"""What goes when a job is deleted, and in which order.

All methods block, and may be cut off between any two steps: the note that asked for the
deletion goes last, so whoever starts again comes to the same end. Nothing here waits for the
file store. Raises StoreError.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from datagen.domain.asked import Asked
from datagen.domain.errors import InputError, StoreError
from datagen.domain.jobs import Edition, Job
from datagen.domain.totals import Totals
from datagen.engine.errands import Errands
from datagen.engine.journal import folder_of
from datagen.engine.ledger import Ledger
from datagen.engine.outbox import discard
from datagen.ports import Desk, FileStore
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import totals_record
from datagen.protocol.fields import dumps, load_object
from datagen.protocol.manifests import read_manifest
from datagen.protocol.requests import dealt_with

_LOG = logging.getLogger(__name__)
RECENT = 50  # jobs deleted last, of which nothing may come back unseen
DELETE_AFTER = timedelta(days=7)  # by then every replica that lives has heard of it


class Removal:
    """Takes deleted jobs away."""

    def __init__(
        self, *, peer_id: str, cache: Path, board: Board, desk: Desk, files: FileStore,
        errands: Errands, forget_table: Callable[[str], None],
    ) -> None:
        """``forget_table``: deletes what pages keep of the job with that id on this disk."""
        self._peer_id, self._cache, self._forget_table = peer_id, cache, forget_table
        self._board, self._desk, self._errands = board, desk, errands
        self._files = Ledger(files, desk)
        self._emptying: set[str] = set()  # ids of jobs whose files are on their way out
        self._turn = 0  # of the jobs deleted last, the next to look at
        self._emptied: set[str] = set()  # ids of those that have no files any more
        self._cleared: set[str] = set()  # of those of which this disk holds nothing any more

    def clear_disk(self, job_id: str) -> None:
        """Delete what is this replica's alone: the journal, the table that pages read."""
        if job_id in self._cleared:
            return
        self._forget_table(job_id)
        with contextlib.suppress(InputError):  # an id that never named a folder
            discard(folder_of(self._cache, job_id, self._peer_id))
        self._cleared.add(job_id)

    def finish_if_due(self, job: Job, asked: Asked, now: datetime) -> None:
        """Delete the rest at once where no other replica could bring it back, else in time."""
        alone = job.peers == (self._peer_id,)
        if asked.delete and (alone or now - asked.delete.at >= DELETE_AFTER):
            self.finish(job.id, job)

    def finish(self, job_id: str, job: Job | None, *, by: str = "") -> bool:
        """Delete files, then fields, for good; False while the files are still to go.

        ``job`` is None where its entry is gone already; ``by``: who asked, its owner.
        """
        if job_id not in self._emptied:
            if job_id not in self._emptying:
                cids = self._files_of(job_id, job)  # where it fails, the next look comes here again
                self._emptying.add(job_id)
                self._errands.add(f"deleting the files of job {job_id}",
                                  partial(self._empty, job_id, cids, job.edition if job else None))
            return False
        job = job or self._board.last_entry(job_id)  # its owner's list may show it still
        self._desk.put_once(keys.DESK_DELETED, job_id, _note(job, by))
        peers = {self._peer_id, *self._board.states(job_id)}
        for peer in sorted(peers):  # who is away may never do it
            self._board.take_away(job_id, peer)
        if job is not None:
            self._board.take_down(job)
        self._desk.drop(keys.DESK_CREATED, job_id)
        dealt_with(self._desk, job_id)
        self._emptied.discard(job_id)
        _LOG.info("Job %s was deleted.", job_id)
        return True

    def look_again(self, gone: Mapping[str, str]) -> None:
        """Take away what came to our node of one of the jobs deleted last, a job at each call.

        A node does not pass on that nothing is where nothing was (WIRE.md, 1): so nobody else
        can do it for us.
        """
        recent = tuple(gone)[-RECENT:]
        if recent:
            job_id = recent[self._turn % len(recent)]
            self._turn += 1
            for peer in sorted(self._board.states(job_id)):
                self._board.take_away(job_id, peer)
            self._board.strike(_owner_in(gone[job_id]), job_id)

    def _files_of(self, job_id: str, job: Job | None) -> list[str]:
        """Files that our processes named: what others name may be anybody's."""
        found = [job.details_cid] if job is not None and job.inc else []
        for state in self._board.states(job_id).values():  # we may hold copies of others' files
            if state.inc and (job is None or state.owner in {None, job.owner}):
                found += [cid for cid in (state.result_cid, state.errors_cid) if cid]
                found += [part.cid for part in state.parts if part.cid]
        return found + self._files.of(job_id)

    def _empty(self, job_id: str, cids: Sequence[str], edition: Edition | None) -> None:
        if edition is not None:
            with contextlib.suppress(StoreError):  # removed before, and cut off in between
                cids = [*cids, read_manifest(self._files, edition).cid or ""]
            cids = [*cids, edition.manifest_cid]
        for cid in filter(None, cids):
            self._files.remove(cid)
        self._emptied.add(job_id)
        self._emptying.discard(job_id)


def _note(job: Job | None, by: str) -> str:
    """What stays known of a deleted job: its owner, and its counts if they were ever ours."""
    counts = totals_record(Totals.of([job])) if job is not None and job.inc else {}
    owner = by if job is None else job.owner
    return dumps({**counts, "owner": owner}) if owner else ""


def _owner_in(note: str) -> str:
    """The owner a note names, or ""."""
    try:
        return str(load_object(note).get("owner", ""))
    except ValueError:
        return ""
