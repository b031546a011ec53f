"""What of a share is in the file store: parts that grow with the journal and merge as they grow.

A machine may die with its disk; what it stored before is carried on by the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from datagen.domain.folds import Case, parts_of
from datagen.domain.jobs import Part, Share
from datagen.engine.journal import Journal
from datagen.engine.outbox import upload
from datagen.engine.tally import Tally
from datagen.ports import FileStore

EVERY_SECONDS, EVERY_RECORDS = 60.0, 500  # of which the first leads to a new part
FIRST_SECONDS = 10.0  # until the first part; the pauses double
TOGETHER_SECONDS = 5.0  # instead, while two peers are at one share


class Stock:
    """The parts of one journal. All methods block; one thread at a time. Raises StoreError."""

    def __init__(
        self, *, journal: Journal, share: Share, number: int, backwards: bool, tally: Tally,
        files: FileStore, name: str, lost: Collection[str] = (),
    ) -> None:
        """``number``: the round; ``backwards``: it grows from the far end; ``name``: of files.

        ``lost``: ids of files that can't be read any more.
        """
        self._journal, self._share, self._round = journal, share, number
        self._backwards, self._tally, self._files, self._name = backwards, tally, files, name
        chain = [part for part in tally.parts
                 if part.whole and self._is_ours(part) and part.cid not in lost
                 and journal.counts(Share(start=part.start, end=part.end))
                 == (part.ok, part.failed)]
        self._chain = list(self._connected(chain))  # from the end where it begins to grow
        self._replaced: list[str] = []  # ids of files that others have taken the place of
        self._tell()

    def wanted(self, case: Case) -> Iterator[tuple[Part, bool]]:
        """Parts of any peer with records that the journal lacks; whether they are ours."""
        for state in case.states.values():
            for part in parts_of(state):
                if part.round == self._round and part.cid and self._lacks_some_of(part):
                    yield part, bool(state.inc)

    def grow(self) -> bool:
        """Store what the journal has beyond the parts; whether there was anything."""
        run = self._journal.run(backwards=self._backwards)
        if self._chain:
            last = self._chain[-1]
            new = (Share(start=run.start, end=last.start) if self._backwards
                   else Share(start=last.end, end=run.end))
        else:
            new = run
        if new.end <= new.start or not sum(self._journal.counts(new)):
            return False
        chain = list(self._chain)
        while chain and sum(self._journal.counts(new)) >= chain[-1].ok + chain[-1].failed:
            part = chain.pop()  # so there are few, and no record is stored often
            self._replaced.append(part.cid)
            new = Share(start=min(new.start, part.start), end=max(new.end, part.end))
        chain.append(self._stored(new, whole=True))
        self._chain = chain
        self._tell()
        return True

    def finish(self) -> str:
        """Store all there is as one part; of a share that ends early, a partial one. Its id."""
        if [(p.start, p.end) for p in self._chain] != [(self._share.start, self._share.end)]:
            self._replaced += [part.cid for part in self._chain]
            self._chain = [self._stored(self._share, whole=not self._journal.left)]
            self._tell()
        return self._chain[0].cid

    def delivered(self, cid: str | None, sha256: str | None) -> None:
        """The whole journal is in the file with this id and checksum."""
        self._replaced += [part.cid for part in self._chain if part.cid != cid]
        self._chain = [self._part(self._share, cid or "", sha256, whole=not self._journal.left)]
        self._tell()

    def tidy_up(self) -> None:
        """Delete files that nobody is told of any more: once the last word is stored."""
        while self._replaced:
            if self._replaced[-1]:
                self._files.remove(self._replaced[-1])
            self._replaced.pop()

    def _lacks_some_of(self, part: Part) -> bool:
        first, last = max(part.start, self._share.start), min(part.end, self._share.end)
        return self._journal.lacks_some(Share(start=first, end=max(first, last)))

    def _is_ours(self, part: Part) -> bool:
        return (part.round == self._round and self._share.start <= part.start
                and part.end <= self._share.end)

    def _connected(self, parts: list[Part]) -> Iterator[Part]:
        at = self._share.end if self._backwards else self._share.start
        for part in sorted(parts, key=lambda part: part.start, reverse=self._backwards):
            first, last = (part.end, part.start) if self._backwards else (part.start, part.end)
            if first == at:
                yield part
                at = last

    def _stored(self, span: Share, *, whole: bool) -> Part:
        cid, sha256 = "", None
        if sum(self._journal.counts(span)):  # there are file stores that refuse an empty file
            cid, sha256 = upload(
                self._journal.folder, partial(self._journal.ordered, span=span), self._files,
                f"{self._name}_round{self._round}_{span.start}-{span.end}.jsonl")
        return self._part(span, cid, sha256, whole=whole)

    def _part(self, span: Share, cid: str, sha256: str | None, *, whole: bool) -> Part:
        ok, failed = self._journal.counts(span)
        return Part(start=span.start, end=span.end, cid=cid, sha256=sha256, round=self._round,
                    ok=ok, failed=failed, whole=whole)

    def _tell(self) -> None:
        kept = [part for part in self._tally.parts if not self._is_ours(part)]
        self._tally.stored((*kept, *self._chain))
