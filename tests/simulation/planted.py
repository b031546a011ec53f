"""Faults of the protocol, planted on purpose: the simulation has to find each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from datagen.domain import editions
from datagen.domain.asked import NOTHING, Asked
from datagen.domain.exports import ResultLine
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition
from datagen.engine import closing, entries, hearing, journal, roster, sealing, stillness
from datagen.engine.repeating import Repeating
from datagen.engine.reporter import Reporter
from datagen.engine.shelf import Shelf
from datagen.ports import Clock
from datagen.protocol.board import Board
from datagen.protocol.fields import dumps
from datagen.protocol.said import Place, Said
from datagen.services.generation import Generation

Plant = Callable[[], AbstractContextManager[Any]]
_say, _merged, _edition = hearing.Hearing.say, Shelf.merged, sealing._edition
_joined = Asked.joined


def _missing_by_count(self: journal.Journal, *, backwards: bool = False) -> Iterator[int]:
    at = self._share.start + self.ok + self.failed
    while at < self._share.end:
        yield at
        at += 1


def _complete_with_one_part(self: Case, without: Any = ()) -> bool:
    return any(self.parts(without))


def _covered_or_not(
    case: Case, counts: Any, *, by: str, clock: Clock
) -> Any:
    """An edition is made of whatever there is."""
    total = counts.ok + counts.failed
    return _edition(replace(case, job=replace(case.job, total_records=total)), counts, by=by,
                    clock=clock)


async def _say_nothing_more(self: Reporter, _: Any) -> bool:
    return True


def _sync_nothing(self: journal.Journal) -> None:
    self._dirty = False


def _say_no_requests(self: hearing.Hearing, job_id: str, word: editions.Word) -> None:
    _say(self, job_id, replace(word, asked=NOTHING))


def _joined_to_the_first(self: Asked, other: Asked) -> Asked:
    known = [one for one in (self.rename, other.rename) if one]
    return replace(_joined(self, other), rename=min(known, default=None))


def _take_unread(self: closing.Closing, job_id: str, edition: Edition) -> bool:
    return True


def _without_the_base(self: Shelf, case: Case) -> Iterator[ResultLine]:
    return _merged(self, Case(job=replace(case.job, edition=None), states=case.states,
                              here=case.asked))


def _write_equal_bytes(
    self: Board, hkey: str, field: str, record: Mapping[str, Any], *, last_word: bool = False
) -> None:
    """What says the same carries the mark of the first time."""
    if last_word and self.said is not None:
        self.said.keep(Place(hkey=hkey, field=field), record)
    first = self.__dict__.setdefault("first_bytes", {})
    text = dumps({**record, "lastUpdateAt": None})
    if first.get((hkey, field), ("",))[0] != text:
        first[hkey, field] = text, dumps({**record, "inc": self._inc, "rev": next(self._revs)})
    text = first[hkey, field][1]
    self._put(hkey, field, self._seal.put_on(hkey, field, text) if self._seal else text)


def _together(*plants: Plant) -> Plant:
    @contextmanager
    def all_of_them() -> Iterator[None]:
        with ExitStack() as stack:
            for plant in plants:
                stack.enter_context(plant())
            yield

    return all_of_them


def _in_place_of(owner: Any, name: str, new: Any) -> Plant:
    return lambda: mock.patch.object(owner, name, new)


# What is broken, and seeds whose histories show it: more than one, since whatever changes the
# worker changes its histories.
PLANTED: Mapping[str, tuple[Plant, tuple[int, ...]]] = {
    "it resumes by line count": (
        _in_place_of(journal.Journal, "missing", _missing_by_count), (346, 108, 9)),
    "what is counted was not synced": (
        _in_place_of(journal.Journal, "sync", _sync_nothing), (93, 108, 9)),
    "it closes without coverage": (
        _together(_in_place_of(Case, "is_complete", _complete_with_one_part),
                  _in_place_of(sealing, "_edition", _covered_or_not)), (1, 5, 0)),
    "one peer is a quorum": (
        _in_place_of(editions, "is_quorum", lambda job, peers: bool(peers)), (852, 1386)),
    "a promise does not bind": (
        _in_place_of(editions, "heard", lambda mine, votes: mine), (11, 14, 36)),
    "a proposal is taken unread": (
        _in_place_of(closing.Closing, "carry", _take_unread), (83, 1406)),
    "a new round forgets the one before": (
        _in_place_of(Shelf, "merged", _without_the_base), (135, 10, 374)),
    "a title does not get into the list": (
        _in_place_of(entries, "named", lambda job, rename: job), (1, 5, 0)),
    "the first title counts": (_in_place_of(Asked, "joined", _joined_to_the_first), (85, 27, 17)),
    "nobody helps": (_in_place_of(roster, "share_to_help", lambda *_, **__: None), (13, 9, 6)),
    "time counts in which nobody looked": (
        _in_place_of(stillness, "LONGEST", float("inf")), (256, 83, 182)),
    "nobody closes in the creator's place": (
        _in_place_of(closing.Closing, "_is_my_turn", lambda *_, **__: False), (12, 14, 23)),
    "the last word is dropped": (
        _in_place_of(Reporter, "last_word", _say_nothing_more), (13, 6, 8)),
    "a start has no number of its own": (
        _in_place_of(Generation, "_next_inc", lambda self: 1), (3, 1, 0)),
    "a request is heard and not passed on": (
        _in_place_of(hearing.Hearing, "say", _say_no_requests), (4, 2, 20)),
    "a second try has equal bytes": (_in_place_of(Board, "_write", _write_equal_bytes), (1, 2, 0)),
    "nothing is said again": (
        _in_place_of(Repeating, "some", lambda self, *_, **__: None), (14, 7, 11)),
    "an earlier start's words are not said again": (
        _in_place_of(Said, "_read", lambda self: iter(())), (7, 24, 42)),
    "a lost creator's entries are not repeated": (
        _in_place_of(Board, "adopt_entry", lambda self, job: None), (485, 495, 499)),
}
