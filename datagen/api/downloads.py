"""Downloads: what a query asks for, how many there are at once, what they may hold.

Without a query it is what the earlier application gave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from datagen.domain.downloads import DELIMITERS, FORMS, OPTIONS, Wish
from datagen.domain.errors import InputError, Problem, TooManyTries

AT_ONCE = 6  # downloads of one user: each holds some 2 MB until all of it has gone
OF_ALL = 60  # over all users, except that everybody may have one
LANES = 12  # threads that read datasets: those of other handlers are not for what takes long
_AGAIN = 5.0  # seconds
_PIECE = 128 * 1024  # bytes handed to the server at once; the rest waits until they are taken


def read_wish(query: Mapping[str, str]) -> Wish:
    """The file that a query asks for. Raises InputError with a Problem for each wrong option."""
    said = {name: query.get(name, allowed[0]) for name, allowed in OPTIONS.items()}
    wrong = [
        Problem(path=name, message=f"{name} must be {', '.join(OPTIONS[name][:-1])} or "
                                   f"{OPTIONS[name][-1]}.")
        for name, value in said.items() if value not in OPTIONS[name]
    ]
    if wrong:
        raise InputError(wrong[0].message, wrong)
    return Wish(
        form=next(form for form in FORMS if form == said["format"]),
        skip_failed=said["failed"] == "skip", safe=said["safe"] == "true",
        partial=said["partial"] == "true", delimiter=DELIMITERS[said["delimiter"]],
        bom=said["bom"] == "true", spread=said["nested"] == "columns",
    )


class Downloads:
    """How many every user has under way. For one event loop."""

    def __init__(self) -> None:
        self.lanes = CapacityLimiter(LANES)
        self._under_way: Counter[str] = Counter()

    def begin(self, user: str) -> None:
        """One more, until its ``end``. Raises TooManyTries.

        Where many have downloads, each has fewer; who has none can always begin one.
        """
        own = self._under_way[user]
        share = min(AT_ONCE, max(1, OF_ALL // max(1, len(self._under_way))))
        if own >= share:
            raise TooManyTries(f"You have {own} download{'s' * (own != 1)} under way, as many as "
                               "one may now. Wait until one of them has ended.",
                               retry_after=_AGAIN)
        self._under_way[user] += 1

    def end(self, user: str) -> None:
        """One less."""
        self._under_way[user] -= 1
        if not self._under_way[user]:
            del self._under_way[user]


class Sent(StreamingResponse):
    """Tells once it has gone, or its client has."""

    def __init__(self, chunks: Iterator[bytes], *, over: Callable[[], None],
                 lanes: CapacityLimiter, **options: Any) -> None:
        """``lanes``: the threads that make the ``chunks``."""
        super().__init__(pieces(chunks, lanes), **options)
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()


async def pieces(chunks: Iterator[bytes], lanes: CapacityLimiter) -> AsyncIterator[bytes]:
    """The chunks, made in ``lanes``, as the client takes them."""
    while (chunk := await to_thread.run_sync(next, chunks, None, limiter=lanes)) is not None:
        for at in range(0, len(chunk), _PIECE):
            yield chunk[at:at + _PIECE]
