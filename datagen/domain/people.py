"""Who is behind a user name, as far as the store knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class UserIndex:
    """What was said at sign-up."""

    username: str
    email: str | None = None  # lower-cased
    name: str | None = None
    country: str | None = None
    created_at: datetime
    job_count: int | None = None


@dataclass(frozen=True, kw_only=True)
class MailFailure:
    """A sign-up mail that did not leave."""

    email: str
    username: str
    attempts: int
    status: str
    failed_at: datetime
    sealed: str | None = field(default=None, repr=False)  # the password, encrypted
    mark: str | None = None  # of the account's password as it was then; None = nobody knows
