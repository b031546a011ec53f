"""Who acts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Role = Literal["admin", "user"]
USER_NAME = re.compile(r"[a-z0-9._-]{3,64}")  # WIRE.md, 5; names keys of the store


@dataclass(frozen=True, kw_only=True)
class User:
    """The person every service acts for."""

    name: str  # canonical: trimmed, lower-cased, a USER_NAME
    role: Role
    address: str | None = field(default=None, compare=False)  # where the request came from


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account without its password."""

    name: str
    role: Role
    active: bool  # False: deactivated, can't sign in
    imported: bool = False  # its password is another server's until the first sign-in
    must_change: bool = False  # its password was made for its owner, who has to choose another
    ended_at: datetime | None = None  # sessions opened before are over
    tokens_ended_at: datetime | None = None  # so are personal tokens made before
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Session:
    """A signed-in user, as proven by a token."""

    user: User
    id: str  # hash of the token: safe to store and to log
    issued_at: datetime
    expires_at: datetime
    must_change: bool = False  # good for nothing but choosing a password
    scope: Literal["read", "run"] | None = None  # of a personal token; None = may do everything
