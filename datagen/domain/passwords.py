"""What a password may be."""

from __future__ import annotations

from datagen.domain.errors import Problem

MAX_PASSWORD = 1024  # characters
MIN_CHOSEN = 8  # characters of one that a person chooses


def password_problems(path: str, password: str, *, least: int = 1) -> list[Problem]:
    """What is wrong with a password somebody wants to have."""
    fits = least <= len(password) <= MAX_PASSWORD
    try:
        password.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        fits = False
    rule = f"A password has {least} to {MAX_PASSWORD:,} characters."
    return [] if fits else [Problem(path=path, message=rule)]
