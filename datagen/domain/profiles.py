"""A user's own model servers, as the earlier application kept them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One model server, and the key that may go to it and to nobody else."""

    id: str | None  # None: the older form, which knew one server per user and no ids
    base_url: str
    api_key: str | None = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """All of a user's."""

    all: tuple[Profile, ...] = ()
    active_id: str | None = None
