"""What one share has come to so far, and the PeerState that says so."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from datagen.domain.jobs import (
    MAX_COERCED,
    MAX_IN_FLIGHT,
    MAX_LATEST_ERRORS,
    MAX_PARTS,
    Effort,
    InFlight,
    Part,
    PeerState,
    RecordError,
    Share,
)
from datagen.engine.counts import Counts
from datagen.engine.journal import Journal
from datagen.ports import Clock
from datagen.protocol.fields import dumps

# With these bounds a PeerState stays below 16 KB, what a replicated store likes to carry.
MAX_MESSAGE = 300  # characters of one message
MAX_MESSAGE_BYTES = 450  # of its JSON: some characters need up to six bytes
MAX_PATH, MAX_PATH_BYTES = 60, 80  # of a field whose values were converted
OTHER_FIELDS = "other fields"  # where more than MAX_COERCED have such values


class Tally:
    """Counts of one share; lives in the event loop, is read from there too."""

    def __init__(
        self,
        *,
        peer_id: str,
        owner: str,
        unsealed: bool = False,
        share: Share,
        journal: Journal,
        clock: Clock,
        before: PeerState | None,
        begun: bool = True,
        of: str | None = None,
        number: int = 0,
    ) -> None:
        """``unsealed``: the job's entry bears no mark of ours.

        ``share``: this peer's; ``before``: what it said of the job when it last did.

        ``begun``: False for a share that is ended without a start; ``of`` and ``number``: the
        peer whose share the journal is of, and the round; None = this peer's, the first.
        """
        self._peer_id, self._owner, self._share = peer_id, owner, share
        self._unsealed = unsealed
        self._before, self._of, self._round = before, of, number
        self.parts: tuple[Part, ...] = before.parts if before else ()
        self._journal, self._clock = journal, clock
        self._started_at = (before and before.started_at) or (clock.now() if begun else None)
        self.counts = Counts(before.usage if before else None)
        self.allowed: Callable[[], int] | None = None  # calls at once to the model server
        self.moved = clock.monotonic()  # when something came of it last
        self._coerced = Counter(before.coerced if before else {})
        self._in_flight: dict[int, tuple[float, int]] = {}  # by index: since when, attempt
        self._troubles: dict[str, str] = {}
        self._finish: tuple[str | None, str | None, datetime] | None = None
        is_over = not begun or not journal.left
        if before and before.finished_at and is_over and _holds(journal, before):
            self._finish = before.result_cid, before.errors_cid, before.finished_at
        self.records = 0  # journalled since the start
        self.changes = 0  # grows with everything a reader could see

    def begin(self, index: int, attempt: int) -> None:
        """A record shows as in flight from now on."""
        self.changes += 1
        self._in_flight[index] = self._clock.monotonic(), attempt

    def end(self, index: int) -> None:
        """Its call is over."""
        self.changes += 1
        self._in_flight.pop(index, None)

    def recorded(self, coerced: Iterable[str] = ()) -> None:
        """One more record is in the journal; ``coerced``: the fields of its converted values."""
        if coerced:
            self._coerced.update(_short(path) for path in coerced)
        self.moved = self._clock.monotonic()
        self.records += 1
        self.changes += 1

    def trouble(self, kind: str, sentence: str | None) -> None:
        """Why nothing moves ("model", "disk", "files"); None: it is over."""
        if sentence is None:
            if self._troubles.pop(kind, None) is not None:
                self.changes += 1
        elif self._troubles.get(kind) != sentence:
            self._troubles[kind] = sentence
            self.changes += 1

    def stored(self, parts: tuple[Part, ...]) -> None:
        """These are in the file store now."""
        if parts != self.parts:
            self.parts = parts[-MAX_PARTS:]
            self.changes += 1

    def finished(self, result_cid: str | None, errors_cid: str | None, at: datetime) -> None:
        """The share is complete and its files are stored."""
        self._finish = (result_cid, errors_cid, at)
        self._troubles.clear()
        self.changes += 1

    def state(self) -> PeerState:
        """The next PeerState to write."""
        own = self._own() if self._of is None else self._beside()
        now = self._clock.now()
        return replace(
            own,
            last_update_at=now,
            in_flight=self._longest_waits(now),
            under_way=len(self._in_flight),
            allowed=self.allowed() if self.allowed and self._in_flight else None,
            usage=self.counts.usage(self._clock.monotonic()),
            coerced=self._most_coerced(),
            trouble=clip(" ".join(self._troubles.values())) or None,
            parts=self.parts,
            owner=self._owner,
            unsealed=self._unsealed,
        )

    def _longest_waits(self, now: datetime) -> tuple[InFlight, ...]:
        mark = self._clock.monotonic()
        return tuple(
            InFlight(index=index, attempt=attempt, started_at=now - timedelta(seconds=mark - since))
            for since, index, attempt in heapq.nsmallest(MAX_IN_FLIGHT, (
                (since, index, attempt) for index, (since, attempt) in self._in_flight.items()))
        )

    def _own(self) -> PeerState:
        result_cid, errors_cid, finished_at = self._finish or (None, None, None)
        return PeerState(
            peer_id=self._peer_id,
            share=self._share,
            generated_ok=self._journal.ok,
            generated_failed=self._journal.failed,
            started_at=self._started_at,
            finished_at=finished_at,
            result_cid=result_cid,
            errors_cid=errors_cid,
            errors=tuple(
                RecordError(index=error.index, message=clip(error.message))
                for error in self._journal.latest_errors[-MAX_LATEST_ERRORS:]
            ),
        )

    def _beside(self) -> PeerState:
        """What it said of its own share stands."""
        before = self._before or PeerState(peer_id=self._peer_id, share=self._share)
        return replace(before, started_at=self._started_at, effort=Effort(
            of=self._of or self._peer_id, round=self._round, ok=self._journal.ok,
            failed=self._journal.failed,
        ))

    def _most_coerced(self) -> Mapping[str, int]:
        """Converted values by field, the most frequent first; the rest in one sum."""
        ranked = [item for item in self._coerced.most_common() if item[0] != OTHER_FIELDS]
        few = len(self._coerced) <= MAX_COERCED
        shown = dict(ranked if few else ranked[: MAX_COERCED - 1])
        rest = self._coerced.total() - sum(shown.values())
        return {**shown, OTHER_FIELDS: rest} if rest else shown


def _holds(journal: Journal, before: PeerState) -> bool:
    """Whether all is there that was counted."""
    return journal.ok >= before.generated_ok and journal.failed >= before.generated_failed


def _short(path: str) -> str:
    """A field's path that fits into a PeerState."""
    kept = path.encode("utf-8", "replace").decode()[:MAX_PATH]
    while _size(kept) > MAX_PATH_BYTES:
        kept = kept[:-4]
    return kept if kept == path else f"{kept}…"


def clip(text: str, spare: int = 0) -> str:
    """The beginning of a message that fits into a PeerState, with "…" where it was cut.

    ``spare``: characters that stay free for plain words behind it.
    """
    text = text.encode("utf-8", "replace").decode()
    most, most_bytes = MAX_MESSAGE - spare, MAX_MESSAGE_BYTES - spare
    if len(text) <= most and _size(text) <= most_bytes:
        return text
    kept = text[: most - 1]
    while kept and _size(kept) > most_bytes - 3:  # "…" is three bytes
        kept = kept[: len(kept) * 9 // 10]
    return kept + "…"


def _size(text: str) -> int:
    return len(dumps(text).encode())
