"""What one share has come to so far, and the PeerState that says so."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from datagen.domain.chat import ChatReply
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
        share: Share,
        journal: Journal,
        clock: Clock,
        before: PeerState | None,
        begun: bool = True,
        of: str | None = None,
        number: int = 0,
    ) -> None:
        """``share``: this peer's; ``before``: what it said of the job when it last did.

        ``begun``: False for a share that is ended without a start; ``of`` and ``number``: the
        peer whose share the journal is of, and the round; None = this peer's, the first.
        """
        self._peer_id, self._owner, self._share = peer_id, owner, share
        self._before, self._of, self._round = before, of, number
        self.parts: tuple[Part, ...] = before.parts if before else ()
        self._journal, self._clock = journal, clock
        self._started_at = (before and before.started_at) or (clock.now() if begun else None)
        self._calls = before.calls if before else 0
        self._prompt_tokens = before.prompt_tokens if before else 0
        self._completion_tokens = before.completion_tokens if before else 0
        self._coerced = Counter(before.coerced if before else {})
        self._in_flight: dict[int, InFlight] = {}
        self._troubles: dict[str, str] = {}
        self._finish: tuple[str | None, str | None, datetime] | None = None
        is_over = not begun or not journal.left
        if before and before.finished_at and is_over and _holds(journal, before):
            self._finish = before.result_cid, before.errors_cid, before.finished_at
        self.records = 0  # journalled since the start
        self.changes = 0  # grows with everything a reader could see

    @contextlib.contextmanager
    def calling(self, index: int, attempt: int) -> Iterator[None]:
        """Shows a record as in flight while its model call lasts."""
        self._calls += 1
        self.changes += 1
        self._in_flight[index] = InFlight(
            index=index, attempt=attempt, started_at=self._clock.now()
        )
        try:
            yield
        finally:
            self.changes += 1
            del self._in_flight[index]

    def answered(self, reply: ChatReply) -> None:
        """Count a reply's tokens, where the server says them."""
        self._prompt_tokens += max(0, reply.prompt_tokens or 0)
        self._completion_tokens += max(0, reply.completion_tokens or 0)

    def recorded(self, coerced: Iterable[str] = ()) -> None:
        """One more record is in the journal; ``coerced``: the fields of its converted values."""
        self._coerced.update(_short(path) for path in coerced)
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
        waiting = sorted(self._in_flight.values(), key=lambda item: (item.started_at, item.index))
        own = self._own() if self._of is None else self._beside()
        return replace(
            own,
            last_update_at=self._clock.now(),
            in_flight=tuple(waiting[:MAX_IN_FLIGHT]),
            calls=self._calls,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            coerced=self._most_coerced(),
            trouble=clip(" ".join(self._troubles.values())) or None,
            parts=self.parts,
            owner=self._owner,
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
