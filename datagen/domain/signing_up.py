"""What somebody says who wants an account."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from datagen.domain.errors import InputError, Problem

MAX_NAME = 120  # characters; of a country too
MAX_EMAIL = 200
# No character that means something in a mail's header, and a domain of labels.
EMAIL_PATTERN = (r"[!#$%&*+\-./0-9=?A-Z^_`a-z{|}~]{1,64}"
                 r"@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_EMAIL = re.compile(EMAIL_PATTERN)
_JOINERS = "\u200c\u200d"  # part of how names are written in Persian, Hindi and emoji


@dataclass(frozen=True, kw_only=True)
class SignUp:
    """A person, as they introduce themselves."""

    name: str
    email: str  # lower-cased
    country: str


def check(name: object, email: object, country: object) -> SignUp:
    """What was sent, trimmed. Raises InputError with a Problem per field."""
    asked = SignUp(name=_text(name), email=_text(email).lower(), country=_text(country))
    problems = [
        Problem(path=path, message=message)
        for path, value, what in (("name", asked.name, "A name"),
                                  ("country", asked.country, "A country"))
        if (message := _problem(value, what)) is not None
    ]
    if (message := email_problem(asked.email)) is not None:
        problems.append(Problem(path="email", message=message))
    if problems:
        raise InputError(problems[0].message, problems)
    return asked


def email_problem(email: str) -> str | None:
    """What is wrong with a lower-cased address, in a sentence."""
    fits = len(email) <= MAX_EMAIL and _EMAIL.fullmatch(email)
    return None if fits else "Enter an e-mail address such as name@example.com."


def _problem(value: str, what: str) -> str | None:
    if not 0 < len(value) <= MAX_NAME:
        return f"{what} has 1 to {MAX_NAME} characters."
    hidden = any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char not in _JOINERS
                 for char in value)
    return f"{what} holds a character that can’t be seen: type it anew." if hidden else None


def _text(value: object) -> str:
    """Trimmed; "" for what is no text."""
    return value.strip() if isinstance(value, str) else ""
