"""What a model server says, without the secrets it was called with. Pure functions."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote

MESSAGE_LIMIT = 240  # characters of a server's own words that people get to read
MOST_READ = 10_000  # characters of a server's own words that are looked through
_SHORTEST_KEY = 16  # characters; shorter ones, such as EMPTY, are words that a record may hold
_HIDDEN = "[hidden]"
_SECRETS = re.compile(
    r"(?i)(\bbearer\s+)[^\s\"',;}]+"
    r"|(\b(?:authorization|api[_-]?key|token|password|secret)\b[\"']?\s*[:=]\s*[\"']?)"
    r"(?!bearer\b)[^\s\"',;}]+"
    r"|\bsk-[\w.*-]{6,}"
)


def clean(text: str, secrets: tuple[str, ...] = (), limit: int = MESSAGE_LIMIT) -> str:
    """``text`` on one line, without secrets, cut at ``limit`` characters."""
    spellings = [written for secret in secrets for written in _spellings(secret)]
    goes_on, text = len(text) > MOST_READ, text[:MOST_READ]
    for written in spellings:
        text = text.replace(written, _HIDDEN)
    if goes_on:  # where it was cut, there may be half a secret
        text = text[:-max(map(len, spellings), default=1)]
    text = _SECRETS.sub(lambda m: f"{m.group(1) or m.group(2) or ''}{_HIDDEN}", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


@lru_cache(256)
def _spellings(secret: str) -> tuple[str, ...]:
    """A secret as servers repeat it, the longest spelling first; "" is none."""
    raw = secret.encode()
    written = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), raw.hex(),
               b64encode(raw).decode().rstrip("=")}
    return tuple(sorted(filter(None, written), key=len, reverse=True))


def holds_key(text: str, secrets: tuple[str, ...]) -> bool:
    """Whether a reply repeats a key that is worth keeping, in any of its spellings."""
    return any(written in text for secret in secrets if len(secret) >= _SHORTEST_KEY
               for written in _spellings(secret))
