"""What was asked of models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Counts that only ever grow."""

    calls: int = 0  # those that a fault of the server ended too
    attempts: int = 0  # calls that were answered: each an attempt at a record
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated_tokens: int = 0  # of these two: from lengths, since the server did not say
    waiting_ms: int = 0  # with records to make, and no call under way
    working_ms: int = 0  # with at least one call under way

    def __add__(self, other: Usage) -> Usage:
        """Both together, which have no call in common."""
        return self._with(other, lambda one, two: one + two)

    def joined(self, other: Usage) -> Usage:
        """What is known of one count from two places."""
        return self._with(other, max)

    def without_times(self) -> Usage:
        """The counts that change with calls alone."""
        return replace(self, waiting_ms=0, working_ms=0)

    @property
    def tokens(self) -> int:
        """All, prompts and answers."""
        return self.prompt_tokens + self.completion_tokens

    def _with(self, other: Usage, both: Callable[[int, int], int]) -> Usage:
        return Usage(**{field.name: both(getattr(self, field.name), getattr(other, field.name))
                        for field in fields(Usage)})


NOTHING_USED = Usage()
