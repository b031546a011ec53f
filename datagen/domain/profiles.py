"""A user's own model servers: what is kept of each, and how what replicas know comes together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from datagen.domain.chat import Dialect, Limits

MAX_PER_MINUTE = 1_000_000_000  # requests or tokens
MAX_IN_FLIGHT = 1_024  # calls at once, to any one server
MAX_GONE = 200  # deleted profiles that are remembered, so that nobody brings them back
OLDER_ID = "default"  # of the one server in the earlier application's older form
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One model server, and the key that may go to it and to nobody else."""

    id: str
    name: str = ""
    base_url: str
    path: str | None = None  # None = as the server's own
    model: str | None = None
    api_key: str | None = field(repr=False)  # sealed, but for what the earlier application left
    dialect: Dialect | None = None  # None = as the path says
    parameters: Mapping[str, Any] = field(default_factory=dict)
    requests_per_minute: int | None = None  # these three from 1; None = no bound of its own
    tokens_per_minute: int | None = None
    max_in_flight: int | None = None
    is_locked: bool = False  # it has a key that can't be opened here any more
    polled: bool = False  # a node's calls are handed in, and their answers asked for
    created_at: datetime = LONG_AGO
    updated_at: datetime = LONG_AGO

    @property
    def limits(self) -> Limits:
        """What its calls may come to."""
        return Limits(requests_per_minute=self.requests_per_minute,
                      tokens_per_minute=self.tokens_per_minute,
                      max_in_flight=self.max_in_flight)


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """All of a user's, as one replica knows them."""

    all: tuple[Profile, ...] = ()  # the first made first
    active_id: str | None = None  # None = the server's own model
    active_at: datetime = LONG_AGO  # when that was chosen
    gone: Mapping[str, datetime] = field(default_factory=dict)  # deleted: id -> when

    def get(self, profile_id: str) -> Profile | None:
        """The one with this id."""
        return next((profile for profile in self.all if profile.id == profile_id), None)

    @property
    def active(self) -> Profile | None:
        """The one that is used unless another is named."""
        return self.get(self.active_id) if self.active_id else None

    @property
    def latest(self) -> datetime:
        """When something was last changed."""
        return max((self.active_at, *self.gone.values(), *(p.updated_at for p in self.all)))


def merged(known: Iterable[Profiles], earlier: Profiles) -> Profiles:
    """What replicas know, put together: of each profile the version that was changed last.

    ``earlier``: what the earlier application stored, by which nothing of ours is replaced.
    The same whatever the order of ``known``.
    """
    gone: dict[str, datetime] = {}
    newest: dict[str, Profile] = {}
    active = (LONG_AGO, "")
    for one in known:
        for profile_id, at in one.gone.items():
            gone[profile_id] = max(at, gone.get(profile_id, at))
        for profile in one.all:
            other = newest.get(profile.id)
            if other is None or _rank(profile) > _rank(other):
                newest[profile.id] = profile
        active = max(active, (one.active_at, one.active_id or ""))
    left = {p.id: p for p in newest.values() if p.id not in gone or p.updated_at > gone[p.id]}
    for profile in earlier.all:
        if profile.id not in gone:
            left.setdefault(profile.id, profile)
    chosen = active[1] if active[0] > LONG_AGO else earlier.active_id
    return Profiles(
        all=tuple(sorted(left.values(), key=lambda p: (p.created_at, p.id))),
        active_id=chosen if chosen in left else None, active_at=active[0],
        gone=dict(sorted(gone.items(), key=lambda one: (one[1], one[0]))[-MAX_GONE:]),
    )


def without(profiles: Profiles, profile_id: str, at: datetime) -> Profiles:
    """All but one, which is deleted."""
    return replace(
        profiles, all=tuple(p for p in profiles.all if p.id != profile_id),
        gone={**profiles.gone, profile_id: at},
        active_id=None if profiles.active_id == profile_id else profiles.active_id,
    )


def with_one(profiles: Profiles, profile: Profile) -> Profiles:
    """All, this one changed or added."""
    others = tuple(p for p in profiles.all if p.id != profile.id)
    return replace(profiles, all=(*others, profile))


def _rank(profile: Profile) -> tuple[datetime, str]:
    """The later one counts; of two at once that of which one can tell which it is."""
    return profile.updated_at, repr((profile.base_url, profile.path, profile.model, profile.name,
                                     profile.api_key, sorted(profile.parameters.items())))
