"""What is used of models, counted call by call: some additions, no values made."""

from __future__ import annotations

from datagen.domain.usage import Usage


class Counts:
    """Only ever grows, from where it was. Times are monotonic seconds."""

    __slots__ = ("_attempts", "_busy", "_calls", "_completion", "_estimated", "_open", "_prompt",
                 "_since", "_waiting", "_working")

    def __init__(self, before: Usage | None = None) -> None:
        usage = before or Usage()
        self._calls, self._attempts = usage.calls, usage.attempts
        self._prompt, self._completion = usage.prompt_tokens, usage.completion_tokens
        self._estimated = usage.estimated_tokens
        self._waiting, self._working = float(usage.waiting_ms), float(usage.working_ms)
        self._open = self._busy = 0  # shares with records to make, calls under way
        self._since = 0.0

    def opened(self, now: float) -> None:
        """A share begins to make records."""
        self._turn(now)
        self._open += 1

    def closed(self, now: float) -> None:
        """It makes no more."""
        self._turn(now)
        self._open -= 1

    def called(self, now: float) -> None:
        """A call begins."""
        self._calls += 1
        if not self._busy:
            self._turn(now)
        self._busy += 1

    def ended(self, now: float) -> None:
        """A call has ended, whatever came of it."""
        if self._busy == 1:
            self._turn(now)
        self._busy -= 1

    def answered(self, prompt: int, completion: int, estimated: int) -> None:
        """An answer came; so many of its tokens are estimates."""
        self._attempts += 1
        self._prompt += prompt
        self._completion += completion
        self._estimated += estimated

    def usage(self, now: float) -> Usage:
        """As of now."""
        self._turn(now)
        return Usage(
            calls=self._calls, attempts=self._attempts, prompt_tokens=self._prompt,
            completion_tokens=self._completion, estimated_tokens=self._estimated,
            waiting_ms=int(self._waiting), working_ms=int(self._working),
        )

    def _turn(self, now: float) -> None:
        """What it was since the last turn, it was for so long."""
        if self._busy:
            self._working += 1000 * (now - self._since)
        elif self._open:
            self._waiting += 1000 * (now - self._since)
        self._since = now
