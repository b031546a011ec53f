"""Personal tokens: what a user's scripts show in place of a password."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from datagen.domain.users import USER_NAME

Scope = Literal["read", "run"]
MAX_LIVE = 20  # of one user
MAX_KNOWN = 100  # of one user, those that were revoked before their end too
MAX_NAME = 60  # characters
MAX_DAYS = 365
PREFIX = "dgp_"
_TEXT = re.compile(r"dgp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})~([a-z0-9._-]{3,64})")


@dataclass(frozen=True, kw_only=True)
class Token:
    """One personal token; its secret is known to its owner alone."""

    id: str  # 12 hex digits
    name: str
    scope: Scope
    digest: str = field(repr=False)  # SHA-256 of the secret, which is 256 random bits
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None  # revoked
    used_at: datetime | None = None  # to some minutes

    def is_live(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return self.ended_at is None and now < self.expires_at

    def fits(self, digest: str) -> bool:
        """Whether this is the digest of its secret."""
        return hmac.compare_digest(self.digest, digest)

    def joined(self, other: Token) -> Token:
        """What is known of one token from two places: an end stays, a use only gets later."""
        return replace(
            self,
            ended_at=min(filter(None, (self.ended_at, other.ended_at)), default=None),
            used_at=max(filter(None, (self.used_at, other.used_at)), default=None))


def merged(lists: Iterable[Iterable[Token]]) -> tuple[Token, ...]:
    """All that several replicas know, newest first."""
    found: dict[str, Token] = {}
    for tokens in lists:
        for token in tokens:
            found[token.id] = found[token.id].joined(token) if token.id in found else token
    return tuple(sorted(found.values(), key=lambda t: (t.created_at, t.id), reverse=True))


def spelled(token_id: str, secret: str, username: str) -> str:
    """The text that a script sends."""
    return f"{PREFIX}{token_id}_{secret}~{username}"


def parts(text: str) -> tuple[str, str, str] | None:
    """Id, secret and user name; None for what is no personal token."""
    found = _TEXT.fullmatch(text)
    return (found[1], found[2], found[3]) if found and USER_NAME.fullmatch(found[3]) else None
