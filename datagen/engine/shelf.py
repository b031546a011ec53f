"""The peers' parts of a job as one ordered stream, and which of them can't be read."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from datagen.domain.errors import NotThere, StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.folds import Case
from datagen.domain.jobs import Part
from datagen.engine.journal import failed_line, ok_line
from datagen.ports import Clock, FileStore
from datagen.protocol.lines import result_lines
from datagen.protocol.manifests import edition_lines

TRIES = 3  # that fail, until a file counts as one that isn't there
PATIENCE = 60.0  # seconds between the first of them and the last, at least
LOST = "No readable result of this record is stored."


class FileError(StoreError):
    """A part can't be read here, now or at all."""


class _ShortError(StoreError):
    """A part that is not what was said of it."""


@dataclass(kw_only=True)
class _Failing:
    since: float  # monotonic seconds
    times: int = 0


class Shelf:
    """Reads parts. All methods block; safe to call from several threads."""

    def __init__(self, files: FileStore, clock: Clock) -> None:
        self._files, self._clock = files, clock
        self._failing: dict[str, _Failing] = {}  # by file id

    def unreadable(self) -> Collection[str]:
        """Ids of files that count as not stored, since they can't be fetched here."""
        return {cid for cid, one in tuple(self._failing.items())
                if one.times >= TRIES and self._clock.monotonic() - one.since >= PATIENCE}

    def stored(self, cid: str) -> None:
        """This file was stored a moment ago, perhaps under the id that it had before."""
        self._failing.pop(cid, None)

    def lines(self, part: Part, *, ours: bool = True) -> Iterator[ResultLine]:
        """What a part holds, in order, each index once; nothing outside its range.

        Raises FileError when it can't be read, or holds less than it says. ``ours``: False for
        what the earlier application wrote: a line that is torn there is a failed record.
        """
        if not part.cid:
            return
        try:
            yield from self._read(part, ours=ours)
        except (StoreError, NotThere) as exc:
            if isinstance(exc, NotThere | _ShortError):  # else it is the store that fails, for all
                now = self._clock.monotonic()
                self._failing.setdefault(part.cid, _Failing(since=now)).times += 1
            raise FileError(f"Records of this job can't be read here yet: {exc}") from exc
        self._failing.pop(part.cid, None)

    def _read(self, part: Part, *, ours: bool) -> Iterator[ResultLine]:
        due = part.start
        with self._files.open(part.cid, ours=ours, sha256=part.sha256) as stream:
            count = 0
            for line in result_lines(stream):
                if due <= line.i < part.end:
                    if not ours:
                        yield from _lost(due, line.i)
                    due, count = line.i + 1, count + 1
                    yield line
        if not ours:
            yield from _lost(due, part.end)
        elif count != part.ok + part.failed:
            raise _ShortError("A file holds fewer records than it should.")

    def merged(self, case: Case, more: Sequence[Source] = ()) -> Iterator[ResultLine]:
        """All that is stored of a job, in order, each index once; constant memory.

        For one index: the higher round, good before failed, the share's owner, earlier in
        ``peers``, then by content: everybody who reads the same files chooses the same.
        ``more``: records beside those stored. Raises StoreError.
        """
        sources = [
            Source(start=part.start, end=part.end, peer=peer, round=part.round,
                   lines=self.lines(part, ours=bool(state.inc)))
            for peer, part in case.parts(self.unreadable())
            if (state := case.states[peer]) and part.cid
        ]
        if case.edition is not None:
            sources.append(Source(end=case.job.total_records, round=case.edition.round,
                                  lines=edition_lines(self._files, case.edition)))
        owners = _Owners(case)
        for together in _overlapping([*sources, *more]):
            if len(together) == 1:
                yield from together[0].lines
                continue
            found = heapq.merge(*map(owners.ranked, together), key=lambda one: one.rank)
            for _, group in itertools.groupby(found, key=lambda one: one.rank[0]):
                yield _best(list(group))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Records in order of their index, each once, all within a range."""

    start: int = 0  # half-open
    end: int
    peer: str = ""  # who has them; "" = an edition
    round: int
    lines: Iterator[ResultLine]


def _overlapping(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """The sources in order, those together whose ranges meet: others need no comparing."""
    group: list[Source] = []
    end = 0
    for source in sorted(sources, key=lambda one: (one.start, one.end)):
        if group and source.start >= end:
            yield group
            group = []
        group.append(source)
        end = max(end, source.end)
    if group:
        yield group


class _Ranked(NamedTuple):
    rank: tuple[int, int, bool, bool, int]  # index first; the lowest is chosen
    line: ResultLine


class _Owners:
    """Whose share an index is in."""

    def __init__(self, case: Case) -> None:
        self._shares: Mapping[str, range] = {
            peer: range(share.start, share.end) for peer, share in case.shares.items()}
        self._places = {peer: place for place, peer in enumerate(case.job.peers)}

    def ranked(self, source: Source) -> Iterator[_Ranked]:
        own = self._shares.get(source.peer, range(0))
        order, number = self._places.get(source.peer, len(self._places)), -source.round
        for line in source.lines:
            yield _Ranked((line.i, number, not line.ok, line.i not in own, order), line)


def _lost(start: int, end: int) -> Iterator[ResultLine]:
    return (ResultLine(i=i, ok=False, error=LOST) for i in range(start, end))


def _best(group: list[_Ranked]) -> ResultLine:
    if len(group) == 1:
        return group[0].line
    return min(group, key=lambda one: (one.rank, hashlib.sha256(written(one.line)).digest())).line


def written(line: ResultLine) -> bytes:
    """A result line as it is stored."""
    if not line.ok:
        return failed_line(line.i, line.error or "", line.raw or "")
    try:
        return orjson.dumps({"i": line.i, "ok": True, "data": line.data})
    except TypeError:  # a whole number beyond 64 bits
        return ok_line(line.i, line.data)
