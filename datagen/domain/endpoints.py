"""Which endpoint a job's calls go to, and which key may go along."""

from __future__ import annotations

from urllib.parse import urlsplit

from datagen.domain.chat import Dialect, Endpoint
from datagen.domain.jobs import Inference

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


def endpoint_for(inference: Inference, own: Endpoint) -> Endpoint:
    """Where a job's calls go; the server's key goes to the server's own origin only.

    A job made with the server's own endpoint follows it to where it moved since.
    """
    if inference.own:
        return own
    same_call = inference.path == own.path and inference.base_url == own.base_url
    return Endpoint(
        base_url=inference.base_url,
        path=inference.path,
        model=inference.model,
        dialect=own.dialect if same_call else dialect_for(inference.path),
        api_key=own.api_key if same_origin(inference.base_url, own.base_url) else None,
    )
