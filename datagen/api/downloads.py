"""Downloads: what a query asks for, and how many a user has under way.

Without a query it is what the earlier application gave.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from datagen.domain.downloads import DELIMITERS, FORMS, OPTIONS, Wish
from datagen.domain.errors import InputError, Problem, TooManyTries

AT_ONCE = 6  # downloads of one user: each holds some 10 MB until all of it has gone
_AGAIN = 5.0  # seconds


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


def whole_in(
    query: Mapping[str, str], name: str, default: int, *, least: int = 0, most: int
) -> int:
    """A whole number of a query. Raises InputError."""
    said = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", said) or not least <= int(said) <= most:
        message = f"{name} must be a whole number from {least:,} to {most:,}."
        raise InputError(message, [Problem(path=name, message=message)])
    return int(said)


class Downloads:
    """How many every user has under way. For one event loop."""

    def __init__(self) -> None:
        self._under_way: Counter[str] = Counter()

    def begin(self, user: str) -> None:
        """One more, until its ``end``. Raises TooManyTries."""
        if self._under_way[user] >= AT_ONCE:
            raise TooManyTries(f"You have {AT_ONCE} downloads under way. Wait until one of them "
                               "has ended.", retry_after=_AGAIN)
        self._under_way[user] += 1

    def end(self, user: str) -> None:
        """One less."""
        self._under_way[user] -= 1
        if not self._under_way[user]:
            del self._under_way[user]


class Sent(StreamingResponse):
    """Tells once it has gone, or its client has."""

    def __init__(self, *args: Any, over: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()
