"""Journals of jobs that are over, on their way out: they hold nothing that isn't stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from datagen.domain.jobs import Edition, Job
from datagen.engine.closing import Closing
from datagen.engine.errands import Errands
from datagen.engine.journal import JOURNAL, disk_faults
from datagen.engine.outbox import clear
from datagen.ports import FileStore
from datagen.protocol.board import Board
from datagen.protocol.manifests import read_manifest


class Sweep:
    """Has them deleted once the store itself can give what they hold. Raises StoreError."""

    def __init__(
        self, *, peer_id: str, cache: Path, board: Board, files: FileStore, errands: Errands,
        closing: Closing,
    ) -> None:
        self._peer_id, self._cache, self._board = peer_id, cache, board
        self._files, self._errands, self._closing = files, errands, closing

    def look(self, jobs: Mapping[str, Job], running: Collection[str]) -> None:
        """See to the journals that lie about; those of ``running`` jobs are in use."""
        with disk_faults(self._cache):
            folders = list(self._cache.glob(f"job_*/{self._peer_id}"))
        for folder in folders:
            job = jobs.get(folder.parent.name)
            if job is None or not job.is_over or job.id in running:
                continue
            if job.edition is None:
                self._after_the_earlier(folder, job.id)
            elif self._closing.carry(job.id, job.edition):
                self._errands.add(f"clearing the journals of job {job.id}",
                                  partial(self._clear, folder, job.edition))

    def _clear(self, folder: Path, edition: Edition) -> None:
        """Delete journals and parts once the store itself can give all they hold."""
        dataset = read_manifest(self._files, edition).cid
        clear(folder, self._files, dataset, until=edition.round)
        state = self._board.states(folder.parent.name).get(self._peer_id)
        if state is not None:  # its result file stays: the earlier application reads those
            kept = {"", dataset, state.result_cid}
            old = {part.cid for part in state.parts if part.round <= edition.round}
            for cid in sorted(old - kept):
                self._files.remove(cid)

    def _after_the_earlier(self, folder: Path, job_id: str) -> None:
        """The earlier application closed the job: its result file is all there is."""
        state = (self._board.last_state(job_id, self._peer_id)
                 or self._board.states(job_id).get(self._peer_id))
        if state is None or state.finished_at is None:
            return
        if state.inc or not (folder / JOURNAL).exists():  # of our records we said it ourselves
            self._errands.add(f"clearing the journal of job {job_id}",
                              partial(clear, folder, self._files, state.result_cid))
