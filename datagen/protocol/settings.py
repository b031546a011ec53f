"""A user's model profiles as they are stored: in the earlier application's form, and in ours.

Ours has more: when what was deleted, when one was made active, dialect, parameters and limits.
Keys in it are sealed (``ports.Vault``). The earlier form, which can hold none that are, is read
with its keys as they lie there, and written without any.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from datagen.domain.profiles import (
    LONG_AGO,
    MAX_GONE,
    MAX_IN_FLIGHT,
    MAX_PER_MINUTE,
    OLDER_ID,
    Profile,
    Profiles,
)
from datagen.domain.users import USER_NAME
from datagen.protocol.fields import (
    dialect_of,
    from_iso,
    id_of,
    load_object,
    objects,
    optional_text,
    text_of,
    to_iso,
    whole,
    without_none,
)

MAX_PROFILES = 1_000  # of one user, of ours
_MOST = 100  # of one user, of the earlier application's
_MAX_KEY = 10_000  # characters; some keys are signed tokens


def load_profiles(text: str) -> Profiles:
    """The earlier application's, those that can be read; in its older form there is one.

    Raises ValueError for anything that is not a user's settings.
    """
    record = load_object(text)
    listed = record.get("profiles")
    if listed is None and not record.get("baseUrl"):
        return Profiles()
    if listed is None:
        return Profiles(all=(_profile({**record, "id": OLDER_ID}),), active_id=OLDER_ID)
    if not isinstance(listed, list):
        raise ValueError("profiles is not a list")  # noqa: TRY004 - one error kind for unreadable records
    return Profiles(all=_readable(listed[:_MOST]),
                    active_id=optional_text(record, "activeProfileId"))


def load_kept(username: str, text: str) -> Profiles:
    """What one replica keeps of a user's. Raises ValueError for anything else."""
    record = load_object(text)
    if id_of(record, "owner", USER_NAME) != username:
        raise ValueError("somebody else's")
    gone = objects(record, "gone")[:MAX_GONE]
    return Profiles(
        all=_readable(objects(record, "profiles")[:MAX_PROFILES]),
        active_id=optional_text(record, "activeProfileId"), active_at=_moment(record, "activeAt"),
        gone={text_of(one, "id"): from_iso(one.get("at")) for one in gone},
    )


def kept_record(username: str, profiles: Profiles) -> dict[str, Any]:
    """What one replica keeps; every key in ``profiles`` is sealed."""
    return without_none({
        "owner": username, "profiles": [profile_record(one) for one in profiles.all],
        "activeProfileId": profiles.active_id, "activeAt": to_iso(profiles.active_at),
        "gone": [{"id": one, "at": to_iso(at)} for one, at in profiles.gone.items()] or None,
    })


def earlier_record(profiles: Profiles) -> dict[str, Any]:
    """What the earlier application may read of them: no key at all."""
    names = ("id", "name", "baseUrl", "model", "path", "createdAt", "updatedAt")
    listed = [{name: one[name] for name in names if name in one}
              for one in map(profile_record, profiles.all)]
    return without_none({"profiles": listed, "activeProfileId": profiles.active_id})


def profile_record(profile: Profile) -> dict[str, Any]:
    """One profile with its key, as it is kept."""
    return without_none({
        "id": profile.id, "name": profile.name, "baseUrl": profile.base_url,
        "apiKey": profile.api_key, "model": profile.model, "path": profile.path,
        "createdAt": to_iso(profile.created_at), "updatedAt": to_iso(profile.updated_at),
        "dialect": profile.dialect, "parameters": dict(profile.parameters) or None,
        "requestsPerMinute": profile.requests_per_minute,
        "tokensPerMinute": profile.tokens_per_minute,
        "maxInFlight": profile.max_in_flight, "polled": profile.polled or None,
    })


def _readable(records: list[Any]) -> tuple[Profile, ...]:
    found = []
    for record in records:
        try:
            found.append(_profile(record))
        except (ValueError, AttributeError):  # it is no profile, or no object at all
            continue
    return tuple(found)


def _profile(record: Mapping[str, Any]) -> Profile:
    base_url, parameters = optional_text(record, "baseUrl") or "", record.get("parameters")
    return Profile(
        id=text_of(record, "id"),
        name=optional_text(record, "name") or "",
        base_url=base_url.rstrip("/"),
        path=optional_text(record, "path") or None,
        model=optional_text(record, "model") or None,
        api_key=optional_text(record, "apiKey", _MAX_KEY) or None,
        dialect=dialect_of(record),
        parameters=parameters if isinstance(parameters, dict) else {},
        requests_per_minute=_bound(record, "requestsPerMinute", MAX_PER_MINUTE),
        tokens_per_minute=_bound(record, "tokensPerMinute", MAX_PER_MINUTE),
        max_in_flight=_bound(record, "maxInFlight", MAX_IN_FLIGHT),
        polled=record.get("polled") is True,
        created_at=_moment(record, "createdAt"),
        updated_at=_moment(record, "updatedAt"),
    )


def _moment(record: Mapping[str, Any], name: str) -> datetime:
    return from_iso(record[name]) if record.get(name) is not None else LONG_AGO


def _bound(record: Mapping[str, Any], name: str, most: int) -> int | None:
    """From 1 to ``most``; None = absent. Raises ValueError."""
    if record.get(name) is None:
        return None
    if not (bound := whole(record, name, most=most)):
        raise ValueError(f"{name} allows nothing")
    return bound
