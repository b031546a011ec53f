"""What a share is told while it is worked on, and what it shows of its progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from datagen.domain.asked import NOTHING, Asked


class Orders:
    """What a share is told while it is worked on."""

    def __init__(
        self, asked: Asked, number: int = 0, *, begun: float = 0.0, owner: str = ""
    ) -> None:
        """``number``: the round it is worked on in; ``begun``: monotonic seconds."""
        self.begun, self.owner = begun, owner
        self.asked, self.round = NOTHING, number
        self.over = False  # the round has ended, whoever ended it: nothing of it counts any more
        self.halt = asyncio.Event()  # begin no more records: it is ended, or the worker stops
        self.is_put_back = False
        self.moved: Callable[[], float] = lambda: begun  # when a record came last
        self.tell(asked)

    @property
    def ended(self) -> bool:
        """Whether people asked for its end."""
        return self.asked.ends(self.round) is not None

    def tell(self, asked: Asked) -> None:
        """More was asked, or the same again."""
        self.asked = self.asked.joined(asked)
        if self.ended:
            self.halt.set()

    def drop(self) -> None:
        """The round has ended."""
        self.over = True
        self.halt.set()

    def put_back(self) -> None:
        """Others shall have their turn; it is tried again later."""
        self.is_put_back = True
        self.halt.set()
