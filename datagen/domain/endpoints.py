"""Which endpoint a job's calls go to, and which key may go along."""

from __future__ import annotations

from urllib.parse import urlsplit

from datagen.domain.chat import Dialect, Endpoint, Limits
from datagen.domain.errors import Conflict
from datagen.domain.jobs import Inference
from datagen.domain.profiles import Profile, Profiles

NODE_PATH = "/create_chat_completion"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def dialect_for(path: str) -> Dialect:
    """The dialect a path speaks when nobody says: the node's own call, else OpenAI's."""
    return "ratio1" if path.rstrip("/").endswith(NODE_PATH) else "openai"


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port that a key belongs to; None when ``url`` is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port or _DEFAULT_PORTS[parts.scheme]


def same_origin(url: str, other: str) -> bool:
    """Whether a key for the one may go to the other; never where one is no address."""
    there = origin(url)
    return there is not None and there == origin(other)


def endpoint_for(
    inference: Inference, own: Endpoint, profiles: Profiles | None = None
) -> Endpoint:
    """Where a job's calls go; every key goes to its own origin only.

    A job made with the server's own endpoint follows it to where it moved since.
    ``profiles``: those of the job's owner, where it was made with one, keys ready to be sent.
    Raises Conflict, with what the owner can do, where none is for this server by now.
    """
    if inference.own:
        return own
    profile = _profile_of(inference, profiles) if profiles else None
    dialect = inference.dialect or dialect_for(inference.path)
    if profile is not None:
        _check_key(profile)
        return Endpoint(
            base_url=inference.base_url, path=inference.path, model=inference.model,
            dialect=dialect, api_key=profile.api_key,
            key_url=profile.base_url, limits=profile.limits, polled=profile.polled,
        )
    same_call = (inference.base_url, inference.path) == (own.base_url, own.path)
    return Endpoint(
        base_url=inference.base_url,
        path=inference.path,
        model=inference.model,
        dialect=own.dialect if same_call else dialect,
        api_key=own.api_key if same_call else None,
        limits=own.limits if same_call else Limits(), polled=own.polled and same_call,
    )


def endpoint_of(profile: Profile, own: Endpoint) -> Endpoint:
    """Where a profile's calls go; its key, ready to be sent, goes along. Raises Conflict."""
    _check_key(profile)
    path = profile.path or own.path
    return Endpoint(
        base_url=profile.base_url, path=path, model=profile.model,
        dialect=profile.dialect or dialect_for(path), api_key=profile.api_key,
        key_url=profile.base_url, limits=profile.limits, polled=profile.polled,
    )


def is_standing_in(profile: Profile, inference: Inference) -> bool:
    """Whether calls of a job can go on with this profile."""
    return same_origin(inference.base_url, profile.base_url)


def _check_key(profile: Profile) -> None:
    if profile.is_locked:
        raise Conflict(f"The key of the model profile {profile.name} can't be read any more, since "
                       "the server's session secret changed. Enter it again under Models.")


def _profile_of(inference: Inference, profiles: Profiles) -> Profile | None:
    """The one that was chosen, or else any whose key belongs to the same server."""
    wanted = inference.profile_id
    for profile in sorted(profiles.all, key=lambda p: p.id != (wanted or profiles.active_id)):
        if is_standing_in(profile, inference):
            return profile
    if wanted is None:
        return None
    raise Conflict(
        "This job was made with a model profile, and its owner has none for the server "
        f"{inference.base_url} any more. Add one, or cancel the job and create the dataset with "
        "another model."
    )
