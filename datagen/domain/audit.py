"""Who did what to accounts and data, when, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

What = Literal[
    "signed in", "sign-in failed", "signed out", "sessions ended", "signed up",
    "password changed", "password reset", "account created", "account deactivated",
    "role changed", "token created", "token revoked", "model saved", "model deleted",
    "dataset exported", "records read", "dataset deleted",
]
WHATS: frozenset[str] = frozenset(get_args(What))
# What admins alone do: whatever others do, it does not push these out.
OF_ADMINS: frozenset[What] = frozenset({
    "password reset", "account created", "account deactivated", "role changed"})
NOBODY = "(no such account)"  # what was typed there may be a password


@dataclass(frozen=True, kw_only=True)
class Event:
    """One entry of the audit log."""

    at: datetime
    what: What
    who: str  # user name, or NOBODY
    about: str = ""  # whom or what it was done to
    address: str = ""  # where the request came from
    times: int = 1  # in about five minutes
    peer: str = ""  # where it was noted
