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
        Problem(path=path, message=f"{what} has 1 to {MAX_NAME} characters.")
        for path, value, what in (("name", asked.name, "A name"),
                                  ("country", asked.country, "A country"))
        if not 0 < len(value) <= MAX_NAME
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


def _text(value: object) -> str:
    """Trimmed; "" for what is no text, or holds characters that can't be seen."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return "" if any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in text) else text
