"""What is on the shared board: jobs, what each peer says of them, and who is alive.

Foreign or damaged values are skipped and logged once: anyone on a node may write our keys.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from datagen.domain.asked import Asked
from datagen.domain.errors import StoreUnconfirmed
from datagen.domain.jobs import Job, PeerState
from datagen.ports import HashStore
from datagen.protocol import keys
from datagen.protocol.codec import (
    control_record,
    dumps,
    from_iso,
    job_record,
    load_control,
    load_job,
    load_object,
    load_peer,
    peer_record,
    text_of,
    to_iso,
    whole,
)

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Beat:
    """A peer's sign of life, written by its worker every 30 s."""

    peer_id: str
    inc: int = 1  # as read; a write carries its process's own
    seq: int
    version: str
    at: datetime  # by that peer's own clock


class Board:
    """Typed reads and writes of the job keys of one hash store. Raises StoreError.

    Whatever is written carries ``(inc, rev)`` of the writing process: no two writes are
    equal, since a store drops a rewrite of the same bytes and repairs nothing (WIRE.md, 1).
    """

    def __init__(self, store: HashStore) -> None:
        self._store = store
        self._inc = 1
        self._revs = itertools.count(1)
        self._alone = False  # no other node confirmed the last write
        self._complained: set[str] = set()
        self._decoded: dict[str, Job] = {}  # by stored text, as of the last ``jobs()``

    def begin(self, inc: int) -> None:
        """From now on writes are those of start number ``inc`` of this peer's worker."""
        self._inc = inc

    def jobs(self) -> dict[str, Job]:
        """All readable jobs by id; those of other applications are left out.

        A job whose stored text did not change is the very same object as last time.
        """
        before, after = self._decoded, {}

        def load(text: str) -> Job:
            job = after[text] = before.get(text) or load_job(text)
            return job

        found = {
            job_id: job for job_id, job in self._readable(keys.JOBS, load) if job.id == job_id
        }
        self._decoded = after
        return found

    def job(self, job_id: str) -> Job | None:
        text = self._store.hget(keys.JOBS, job_id)
        if text is None:
            return None
        try:
            job = load_job(text)
        except ValueError as exc:
            self._complain(keys.JOBS, job_id, exc)
            return None
        return job if job.id == job_id else None

    def states(self, job_id: str) -> dict[str, PeerState]:
        """What each peer last said of a job, by peer id."""
        hkey = keys.job_peers(job_id)
        return {
            peer: state for peer, state in self._readable(hkey, load_peer)
            if state.peer_id == peer  # else somebody else wrote it
        }

    def publish(self, job: Job) -> None:
        """Write the job and its projection in the owner's list."""
        self._write(keys.JOBS, job.id, job_record(job))
        self._write(keys.user_jobs(job.owner), job.id, {
            "id": job.id, "title": job.title, "status": job.status,
            "createdAt": to_iso(job.created_at), "updatedAt": to_iso(job.updated_at),
        })

    def report(self, job_id: str, state: PeerState) -> None:
        """Write a peer's own field; only that peer's worker may."""
        self._write(keys.job_peers(job_id), state.peer_id, peer_record(state))

    def asked(self, job_id: str) -> dict[str, Asked]:
        """What was asked of a job on each replica, by peer id."""
        return {
            peer: asked for peer, (writer, asked)
            in self._readable(keys.job_control(job_id), load_control)
            if writer == peer  # else somebody else wrote it
        }

    def ask(self, job_id: str, peer_id: str, asked: Asked) -> None:
        """Write a peer's own field; only that peer's worker may, and only more than before."""
        self._write(keys.job_control(job_id), peer_id, control_record(peer_id, asked))

    def take_away(self, job_id: str, peer_id: str) -> None:
        """Remove what a peer said of a deleted job."""
        self._put(keys.job_peers(job_id), peer_id, None)

    def take_down(self, job: Job) -> None:
        """Remove a deleted job from both lists; what was asked of it stays known."""
        self._put(keys.user_jobs(job.owner), job.id, None)
        self._put(keys.JOBS, job.id, None)

    def beat(self, beat: Beat) -> None:
        self._write(keys.PEERS, beat.peer_id, {
            "seq": beat.seq, "version": beat.version, "at": to_iso(beat.at),
        })

    def beats(self) -> dict[str, Beat]:
        """The last sign of life of every peer, by peer id."""
        return {
            peer_id: Beat(peer_id=peer_id, inc=record["inc"], seq=record["seq"],
                          version=record["version"], at=record["at"])
            for peer_id, record in self._readable(keys.PEERS, _load_beat)
        }

    def _write(self, hkey: str, field: str, record: Mapping[str, Any]) -> None:
        self._put(hkey, field, dumps({**record, "inc": self._inc, "rev": next(self._revs)}))

    def _put(self, hkey: str, field: str, text: str | None) -> None:
        try:
            self._store.hset(hkey, field, text)
        except StoreUnconfirmed as exc:  # it is stored here, and said again with what comes next
            _LOG.log(logging.DEBUG if self._alone else logging.WARNING, "%s", exc)
            self._alone = True
        else:
            self._alone = False

    def _readable(self, hkey: str, load: Callable[[str], T]) -> Iterator[tuple[str, T]]:
        for field, text in self._store.hgetall(hkey).items():
            try:
                yield field, load(text)
            except ValueError as exc:
                self._complain(hkey, field, exc)

    def _complain(self, hkey: str, field: str, exc: Exception) -> None:
        name = f"{hkey}/{field}"[:200]
        if name not in self._complained and len(self._complained) < 10_000:
            self._complained.add(name)
            _LOG.warning("Ignored a value that is not ours: %r (%s)", name, type(exc).__name__)


def _load_beat(text: str) -> dict[str, Any]:
    record = load_object(text)
    return {"inc": whole(record, "inc"), "seq": whole(record, "seq"),
            "version": text_of(record, "version"), "at": from_iso(record.get("at"))}
