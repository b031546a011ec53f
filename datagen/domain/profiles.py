"""A user's own model servers, as the earlier application kept them."""

from __future__ import annotations

from dataclasses import dataclass, field

from datagen.domain.chat import Limits

MAX_PER_MINUTE = 1_000_000_000  # requests or tokens
MAX_IN_FLIGHT = 1_024  # calls at once, to any one server


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One model server, and the key that may go to it and to nobody else."""

    id: str | None  # None: the older form, which knew one server per user and no ids
    base_url: str
    api_key: str | None = field(repr=False)
    requests_per_minute: int | None = None  # these three from 1; None = no bound of its own
    tokens_per_minute: int | None = None
    max_in_flight: int | None = None
    polled: bool = False  # a node's calls are handed in, and their answers asked for

    @property
    def limits(self) -> Limits:
        """What its calls may come to."""
        return Limits(requests_per_minute=self.requests_per_minute,
                      tokens_per_minute=self.tokens_per_minute,
                      max_in_flight=self.max_in_flight)


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """All of a user's."""

    all: tuple[Profile, ...] = ()
    active_id: str | None = None
