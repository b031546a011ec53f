"""How people sign up: the mail server, and how often somebody may try."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from datagen.environment import Reader


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """How mails leave; unused while ``host`` is None."""

    host: str | None
    port: int
    user: str | None
    password: str | None = field(repr=False)
    sender: str | None


@dataclass(frozen=True, kw_only=True)
class SignUpLimits:
    """How often somebody may sign up, or have the mail sent again, counted by each replica."""

    register_seconds: float
    register_per_address: int
    register_per_email: int
    resend_seconds: float
    resend_per_address: int
    resend_per_email: int
    kept_seconds: float  # of an undelivered password


def read_smtp(env: Reader) -> Smtp:
    """Notes what is wrong as a problem of the environment."""
    smtp = Smtp(
        host=env.text("DATAGEN_SMTP_HOST"),
        port=env.whole("DATAGEN_SMTP_PORT", 587, 1, 65535),
        user=env.text("DATAGEN_SMTP_USER"),
        password=env.raw("DATAGEN_SMTP_PASS"),
        sender=env.text("DATAGEN_SMTP_FROM"),
    )
    if smtp.host and not re.fullmatch(r"[^\s@<>,]{1,64}@[^\s@<>,]{1,255}", smtp.sender or ""):
        env.problems.append("DATAGEN_SMTP_FROM must be the address our mails come from.")
    return smtp


def read_limits(env: Reader) -> SignUpLimits:
    """The same."""

    def seconds(name: str, default: float) -> float:
        return env.number(f"DATAGEN_REGISTER_{name}_SECONDS", default, 1, 31 * 86_400)

    def tries(name: str, default: int) -> int:
        return env.whole(f"DATAGEN_REGISTER_{name}", default, 1, 100_000)

    return SignUpLimits(
        register_seconds=seconds("RATE_WINDOW", 900),
        register_per_address=tries("RATE_MAX_PER_IP", 10),
        register_per_email=tries("RATE_MAX_PER_EMAIL", 3),
        resend_seconds=seconds("RESEND_WINDOW", 900),
        resend_per_address=tries("RESEND_MAX_PER_IP", 5),
        resend_per_email=tries("RESEND_MAX_PER_EMAIL", 2),
        kept_seconds=seconds("FAILURE_TTL", 86_400),
    )
