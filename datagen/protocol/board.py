"""What is on the shared board: jobs, what each peer says of them, and who is alive.

Foreign or damaged values are skipped, counted and logged once: anyone on a node may write
our keys. A value speaks for the field it lies in, or it is not ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from datagen.domain.editions import Word
from datagen.domain.jobs import PEER_ID, Job, PeerState
from datagen.domain.peers import Vitals
from datagen.domain.profiles import Profiles
from datagen.domain.totals import Totals
from datagen.domain.usage import Usage
from datagen.ports import HashStore
from datagen.protocol import keys
from datagen.protocol.codec import (
    job_record,
    load_job,
    load_peer,
    load_totals,
    peer_record,
)
from datagen.protocol.fields import dumps, from_iso, load_object, text_of, to_iso, whole
from datagen.protocol.foreign import Foreign
from datagen.protocol.own_fields import Fields
from datagen.protocol.revoked import load_revoked, revoked_record
from datagen.protocol.said import Place, Said
from datagen.protocol.seal import Seal
from datagen.protocol.settings import earlier_record, load_kept, load_profiles
from datagen.protocol.usage import load_usage_of, usage_record
from datagen.protocol.vitals import load_vitals, vitals_record
from datagen.protocol.words import load_word, word_record

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Beat:
    """A peer's sign of life, written by its worker every 30 s, or sooner with news."""

    peer_id: str
    inc: int = 1  # as read; a write carries its process's own
    seq: int
    version: str
    at: datetime  # by that peer's own clock
    # Sessions that were ended, and when each would be over (protocol/revoked.py).
    revoked: Mapping[str, datetime] = dataclasses.field(default_factory=dict)
    vitals: Vitals = dataclasses.field(default_factory=Vitals)


class Board(Fields):
    """Typed reads and writes of the job keys of one hash store. Raises StoreError.

    Whatever is written carries ``(inc, rev)`` of the writing process: no two writes are
    equal, since a store drops a rewrite of the same bytes and repairs nothing (WIRE.md, 1).
    It is sealed as well. What the earlier application wrote is neither, and is read all the
    same; but a job that was once seen with our seal never counts without it.
    """

    def __init__(
        self, store: HashStore, *, seal: Seal | None = None, foreign: Foreign | None = None,
        said: Said | None = None,
    ) -> None:
        """``seal`` and ``said``: None where nobody else writes, and no node can miss a word."""
        super().__init__(store, seal=seal, foreign=foreign, said=said)
        self._ours: set[str] = set()  # ids of jobs that were seen with our seal
        self._decoded: dict[str, Job] = {}  # by stored text, as of the last ``jobs()``

    def jobs(self) -> dict[str, Job]:
        """All readable jobs by id; those of other applications are left out.

        A job whose stored text did not change is the very same object as last time.
        """
        before, after = self._decoded, {}

        def load(job_id: str, text: str) -> Job:
            job = before.get(text) or self._load_job(job_id, text)
            after[text] = job
            return _own(job, job.id, job_id)

        found = dict(self._readable(keys.JOBS, load))
        self._decoded = after
        return found

    def job(self, job_id: str) -> Job | None:
        text = self._store.hget(keys.JOBS, job_id)
        if text is None:
            return None
        try:
            job = self._load_job(job_id, text)
            return _own(job, job.id, job_id)
        except ValueError as exc:
            self._foreign.ignored(keys.JOBS, job_id, exc)
            return None

    def states(self, job_id: str) -> dict[str, PeerState]:
        """What each peer last said of a job, by peer id."""
        hkey = keys.job_peers(job_id)

        def load(peer: str, text: str) -> PeerState:
            state = load_peer(text)
            if state.inc or job_id in self._ours:
                self._check(hkey, peer, text)
            return _own(state, state.peer_id, peer)

        return self._newest(hkey, load, sure=job_id in self._ours)

    def publish(self, job: Job, *, again: bool = False) -> None:
        """Write the job and its projection in the owner's list.

        ``again``: for its creator, which may have lost it; it is not our word.

        A job of the earlier application (``inc`` 0) stays one: it gets no mark and no seal.
        """
        short = {"id": job.id, "title": job.title, "status": job.status,
                 "createdAt": to_iso(job.created_at), "updatedAt": to_iso(job.updated_at)}
        for hkey, record in ((keys.JOBS, job_record(job)), (keys.user_jobs(job.owner), short)):
            if job.inc:
                self._write(hkey, job.id, record, last_word=not again)
            else:
                self._put(hkey, job.id, dumps(record))

    def report(self, job_id: str, state: PeerState) -> None:
        """Write a peer's own field; only that peer's worker may."""
        self._write(keys.job_peers(job_id), state.peer_id, peer_record(state),
                    last_word=True)

    def words(self, job_id: str) -> dict[str, Word]:
        """What each replica says of a job beside its share, by peer id."""
        hkey = keys.job_control(job_id)

        def load(peer: str, text: str) -> Word:
            self._check(hkey, peer, text)
            word = load_word(text)
            return _own(word, word.peer_id, peer)

        return self._newest(hkey, load)

    def say(self, job_id: str, word: Word) -> None:
        """Write a peer's own field; only that peer's worker may, and only more than before."""
        self._write(keys.job_control(job_id), word.peer_id, word_record(word), last_word=True)

    def adopt(self, job_id: str, *, state: PeerState | None, word: Word | None) -> None:
        """Take what the board shows of this peer for its last words, where there are none."""
        said = [(keys.job_peers(job_id), state.peer_id, peer_record(state))] if state else []
        if word:
            said.append((keys.job_control(job_id), word.peer_id, word_record(word)))
        for hkey, field, record in said:
            place = Place(hkey=hkey, field=field)
            if self.said is not None and self.said.record(place) is None:
                self.said.keep(place, record)

    def adopt_entry(self, job: Job) -> None:
        """Repeat the job's entry from now on, in the place of its creator."""
        if self.said is not None:
            self.said.keep(Place(hkey=keys.JOBS, field=job.id), job_record(job))

    def last_entry(self, job_id: str) -> Job | None:
        """The job's entry as this peer last wrote it, from our own disk."""
        return self._last(keys.JOBS, job_id, load_job)

    def last_state(self, job_id: str, peer_id: str) -> PeerState | None:
        """What this peer last said of its work on a job, from our own disk."""
        return self._last(keys.job_peers(job_id), peer_id, load_peer)

    def last_word(self, job_id: str, peer_id: str) -> Word | None:
        """What this peer last said of a job beside that, from our own disk."""
        return self._last(keys.job_control(job_id), peer_id, load_word)

    def say_again(self, place: Place) -> None:
        """Write our last word there once more."""
        if self.said is not None:
            record = self.said.record(place)
            if record is not None:
                self._write(place.hkey, place.field, record)
            self.said.was_said(place)

    def take_away(self, job_id: str, peer_id: str) -> None:
        """Remove what a peer said of a deleted job."""
        self._seen.forget(keys.job_peers(job_id))
        self._remove(keys.job_peers(job_id), peer_id)

    def take_down(self, job: Job) -> None:
        """Remove a deleted job from both lists; what was asked of it stays known."""
        self._remove(keys.user_jobs(job.owner), job.id)
        self._remove(keys.JOBS, job.id)

    def strike(self, owner: str, job_id: str) -> None:
        """Remove a deleted job from its owner's list, where a late message put it back."""
        hkey = keys.user_jobs(owner)
        if owner and self._store.hget(hkey, job_id) is not None:
            self._remove(hkey, job_id)

    def beat(self, beat: Beat) -> None:
        self._write(keys.PEERS, beat.peer_id, {
            "seq": beat.seq, "version": beat.version, "at": to_iso(beat.at),
            "revoked": revoked_record(beat.revoked), "vitals": vitals_record(beat.vitals),
        })

    def beats(self) -> dict[str, Beat]:
        """The last sign of life of every peer, by peer id."""
        return self._newest_of_ours(keys.PEERS, _load_beat)

    def earlier_profiles(self, username: str) -> Profiles:
        """The user's model profiles in the earlier application's form, its keys included."""
        key = keys.user_settings(username)
        return self._plain(key, load_profiles) or Profiles()

    def show_profiles(self, username: str, profiles: Profiles) -> None:
        """Write them in that form, without any key."""
        text = dumps(earlier_record(profiles))
        with self._confirming():
            self._store.set(keys.user_settings(username), text)

    def kept_profiles(self, username: str) -> dict[str, Profiles]:
        """The user's model profiles as each replica knows them, by peer id."""
        return self._newest_of_ours(
            keys.user_profiles(username), lambda _, text: load_kept(username, text))

    def keep_profiles(
        self, username: str, peer_id: str, record: Mapping[str, Any]
    ) -> None:
        """Write a peer's own field; only that peer's worker may."""
        self._write(keys.user_profiles(username), peer_id, record, last_word=True)

    def last_profiles(self, username: str, peer_id: str) -> Profiles | None:
        """What this peer last said of them, from our own disk."""
        return self._last(keys.user_profiles(username), peer_id, partial(load_kept, username))

    def count(self, field: str, usage: Usage) -> None:
        """Write what a worker counted; only that worker may, and never less than before."""
        self._write(keys.METRICS, field, usage_record(usage))

    def usages(self) -> dict[str, Usage]:
        """What every peer counted on each of its disks, by field."""
        return self._newest_of_ours(keys.METRICS, load_usage_of)

    def metrics_baseline(self) -> Totals:
        """What the earlier application counted over all its jobs."""
        return self._plain(keys.METRICS_BASELINE, load_totals) or Totals()

    def sealed(self, hkey: str, load: Callable[[str], T]) -> dict[str, T]:
        """What our processes wrote into a hash, by field."""
        return self._newest_of_ours(hkey, lambda _, text: load(text))

    def last_text(self, hkey: str, field: str) -> str | None:
        """What this peer last said there, from our own disk."""
        return self._last(hkey, field, str)

    def put_record(
        self, hkey: str, field: str, record: Mapping[str, Any], *, is_repeated: bool
    ) -> None:
        """Write a field that this replica's web process handed over; its worker does."""
        self._write(hkey, field, record, last_word=is_repeated)

    def put_plain(self, hkey: str, field: str, text: str | None) -> None:
        """The same of a text that is no object, or of a field that is to be empty."""
        if text is None:
            self._remove(hkey, field)
        else:
            self._put(hkey, field, text)

    def _load_job(self, job_id: str, text: str) -> Job:
        job = load_job(text)
        if job.inc or job_id in self._ours:
            self._check(keys.JOBS, job_id, text)
            self._ours.add(job_id)
        return job


def _own(value: T, said: str, field: str) -> T:
    """The value, where it says that it belongs in this field. Raises ValueError."""
    if said != field:
        raise ValueError("somebody else wrote it")
    return value


def _load_beat(peer_id: str, text: str) -> Beat:
    record = load_object(text)
    if not PEER_ID.fullmatch(peer_id):
        raise ValueError("not a peer")
    return Beat(peer_id=peer_id, inc=whole(record, "inc"), seq=whole(record, "seq"),
                version=text_of(record, "version"), at=from_iso(record.get("at")),
                revoked=load_revoked(record.get("revoked", {})),
                vitals=load_vitals(record.get("vitals")))
