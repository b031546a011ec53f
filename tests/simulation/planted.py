"""Faults of the protocol, planted on purpose: the simulation has to find each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from unittest import mock

from datagen.domain.asked import Asked
from datagen.domain.jobs import Job, PeerState
from datagen.engine import closing, hearing, journal, roster
from datagen.engine.repeating import Repeating
from datagen.engine.reporter import Reporter
from datagen.protocol.board import Board
from datagen.protocol.fields import dumps
from datagen.protocol.requests import ask_here
from datagen.protocol.said import Said
from datagen.services.generation import Generation

Plant = Callable[[], AbstractContextManager[Any]]


def _missing_by_count(self: journal.Journal) -> Iterator[int]:
    at = self._share.start + self.ok + self.failed
    while at < self._share.end:
        yield at
        at += 1


def _scan_to_the_first_fault(self: journal.Journal) -> None:
    offset = 0
    with self._path.open("rb") as source:
        for entry in source:
            record = journal._record(journal._checked(entry))
            if record is None and entry != b"\n":
                return
            if record is not None and self.lacks(int(record["i"])):
                self._note(record, offset)
            offset += len(entry)


def _hasty(
    job: Job, states: Mapping[str, PeerState], now: datetime, *, asked: Asked, overdue: bool
) -> Job:
    ended = {peer: state for peer, state in states.items() if state.finished_at}
    if ended and not job.is_over:
        return closing._closed(job, ended, None, now, asked.end)
    return closing.projected(job, states, now, asked=asked, overdue=overdue)


async def _say_nothing_more(self: Reporter, _: Any) -> bool:
    return True


def _sync_nothing(self: journal.Journal) -> None:
    self._dirty = False


def _hear_and_keep_silent(self: hearing.Hearing, job_id: str, here: Asked) -> Asked:
    known = hearing._joined(self._board.asked(job_id).values(), here)
    ask_here(self._desk, job_id, known)
    return known


def _write_equal_bytes(self: Board, hkey: str, field: str, record: Mapping[str, Any]) -> None:
    """A second try carries the mark of the first."""
    said = self.__dict__.setdefault("said", {})
    text = dumps({**record, "lastUpdateAt": None})
    if said.get((hkey, field), ("",))[0] != text:
        said[hkey, field] = text, dumps({**record, "inc": self._inc, "rev": next(self._revs)})
    text = said[hkey, field][1]
    self._put(hkey, field, self._seal.put_on(hkey, field, text) if self._seal else text)


def _in_place_of(owner: Any, name: str, new: Any) -> Plant:
    return lambda: mock.patch.object(owner, name, new)


# What is broken, and a seed whose history shows it.
PLANTED: Mapping[str, tuple[Plant, int]] = {
    "it resumes by line count": (
        _in_place_of(journal.Journal, "missing", _missing_by_count), 9),
    "a torn line costs all that follow": (
        _in_place_of(journal.Journal, "_scan", _scan_to_the_first_fault), 155),
    "it closes without coverage": (_in_place_of(roster, "projected", _hasty), 1),
    "the last word is dropped": (_in_place_of(Reporter, "last_word", _say_nothing_more), 1),
    "a start has no number of its own": (
        _in_place_of(Generation, "_next_inc", lambda self: 1), 0),
    "what is counted was not synced": (_in_place_of(journal.Journal, "sync", _sync_nothing), 9),
    "a request is heard and not passed on": (
        _in_place_of(hearing.Hearing, "of", _hear_and_keep_silent), 2),
    "a second try has equal bytes": (_in_place_of(Board, "_write", _write_equal_bytes), 46),
    "nothing is said again": (
        _in_place_of(Repeating, "some", lambda self, *_, **__: None), 3),
    "what a lost disk said is not remembered": (
        _in_place_of(Repeating, "_remember", lambda self, _: None), 182),
    "an earlier start's words are not said again": (
        _in_place_of(Said, "_read", lambda self: iter(())), 0),
}
