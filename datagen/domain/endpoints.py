"""Which endpoint a job's calls go to, and which key may go along."""

from __future__ import annotations

from urllib.parse import urlsplit

from datagen.domain.chat import Dialect, Endpoint
from datagen.domain.jobs import Inference

NODE_PATH = "/create_chat_completion"


def dialect_for(path: str) -> Dialect:
    """The dialect a path speaks when nobody says: the node's own call, else OpenAI's."""
    return "ratio1" if path.rstrip("/").endswith(NODE_PATH) else "openai"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a key belongs to."""
    parts = urlsplit(url)
    standard = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or standard


def endpoint_for(inference: Inference, own: Endpoint) -> Endpoint:
    """The endpoint of a job's snapshot; the server's key only for the server's own origin."""
    same_call = inference.path == own.path and inference.base_url == own.base_url
    return Endpoint(
        base_url=inference.base_url,
        path=inference.path,
        model=inference.model,
        dialect=own.dialect if same_call else dialect_for(inference.path),
        api_key=own.api_key if origin(inference.base_url) == origin(own.base_url) else None,
    )
