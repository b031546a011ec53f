"""Calls that read a whole dataset: of each user few at once, so that others are answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from datagen.domain.errors import TooManyTries

T = TypeVar("T")

LANES = 6  # threads of these calls: those of the quick ones are others
OF_ONE = 2  # of them, for one user
IN_LINE = 30  # calls of one user, those that wait for their turn included
_AGAIN = 2.0  # seconds


class Fair:
    """For one event loop."""

    def __init__(self) -> None:
        self.lanes = CapacityLimiter(LANES)
        self._own: dict[str, CapacityLimiter] = {}  # by user
        self._asked: Counter[str] = Counter()

    async def run(self, user: str, work: Callable[..., T], *args: Any, **options: Any) -> T:
        """What ``work`` answers, once it is the user's turn. Raises TooManyTries."""
        if self._asked[user] >= IN_LINE:
            raise TooManyTries("You ask for more at once than can be read. Try again in a moment.",
                               retry_after=_AGAIN)
        self._asked[user] += 1
        try:
            async with self._own.setdefault(user, CapacityLimiter(OF_ONE)):
                return await to_thread.run_sync(partial(work, *args, **options),
                                                limiter=self.lanes)
        finally:
            self._asked[user] -= 1
            if not self._asked[user]:
                del self._asked[user], self._own[user]
