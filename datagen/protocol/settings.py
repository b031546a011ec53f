"""A user's settings as the earlier application stored them; only ever read, keys included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datagen.domain.profiles import MAX_IN_FLIGHT, MAX_PER_MINUTE, Profile, Profiles
from datagen.protocol.fields import load_object, optional_text, whole, without_none

_MOST = 100  # profiles of one user
_MAX_KEY = 10_000  # characters; some keys are signed tokens


def load_profiles(text: str) -> Profiles:
    """The profiles, those that can be read; in the older form the settings are one themselves.

    Raises ValueError for anything that is not a user's settings.
    """
    record = load_object(text)
    listed = record.get("profiles")
    if listed is None:
        return Profiles(all=(_profile({**record, "id": None}),))
    if not isinstance(listed, list):
        raise ValueError("profiles is not a list")  # noqa: TRY004 - one error kind for unreadable records
    return Profiles(
        all=tuple(p for p in map(_readable, listed[:_MOST]) if p is not None),
        active_id=optional_text(record, "activeProfileId"),
    )


def _readable(record: object) -> Profile | None:
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        return None
    try:
        return _profile(record)
    except ValueError:
        return None


def _profile(record: Mapping[str, Any]) -> Profile:
    return Profile(
        id=optional_text(record, "id"),
        base_url=optional_text(record, "baseUrl") or "",
        api_key=optional_text(record, "apiKey", _MAX_KEY) or None,
        requests_per_minute=_bound(record, "requestsPerMinute", MAX_PER_MINUTE),
        tokens_per_minute=_bound(record, "tokensPerMinute", MAX_PER_MINUTE),
        max_in_flight=_bound(record, "maxInFlight", MAX_IN_FLIGHT),
        polled=record.get("polled") is True,
    )


def _bound(record: Mapping[str, Any], name: str, most: int) -> int | None:
    """From 1 to ``most``; None = absent. Raises ValueError."""
    if record.get(name) is None:
        return None
    if not (bound := whole(record, name, most=most)):
        raise ValueError(f"{name} allows nothing")
    return bound


def limit_record(profile: Profile) -> dict[str, Any]:
    """The part of a profile's record that says what its calls may come to."""
    return without_none({
        "requestsPerMinute": profile.requests_per_minute,
        "tokensPerMinute": profile.tokens_per_minute,
        "maxInFlight": profile.max_in_flight, "polled": profile.polled or None,
    })
