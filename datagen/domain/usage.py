"""What was asked of models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Counts that only ever grow."""

    calls: int = 0  # those that a fault of the server ended too
    attempts: int = 0  # calls that were answered: each an attempt at a record
    prompt_tokens: int = 0  # as far as servers say
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both together, which have no call in common."""
        return Usage(
            calls=self.calls + other.calls,
            attempts=self.attempts + other.attempts,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )

    def joined(self, other: Usage) -> Usage:
        """What is known of one count from two places."""
        return Usage(
            calls=max(self.calls, other.calls),
            attempts=max(self.attempts, other.attempts),
            prompt_tokens=max(self.prompt_tokens, other.prompt_tokens),
            completion_tokens=max(self.completion_tokens, other.completion_tokens),
        )
