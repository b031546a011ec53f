"""Password files of Apache's ``htpasswd``: which lines can become accounts, and why not.

Only bcrypt lines can: the other kinds are so weak, or so rare, that a new password is the
better answer. A reason never repeats what stands in the line's password field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MIN_COST, MAX_COST = 4, 13  # of bcrypt; 13 is about half a second for each attempt to sign in
MAX_LINES = 20_000  # of one file

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_NAME = re.compile(r"[a-z0-9._-]{3,64}")
_KINDS = (  # what a password field starts with, and what people call that kind
    ("$apr1$", "apr1 (MD5)"), ("$1$", "crypt (MD5)"), ("$5$", "crypt (SHA-256)"),
    ("$6$", "crypt (SHA-512)"), ("$y$", "yescrypt"), ("$7$", "scrypt"), ("$argon2", "argon2"),
    ("{SHA}", "{SHA} (SHA-1)"), ("{SSHA}", "{SSHA} (salted SHA-1)"), ("$2x$", "bcrypt $2x$"),
    ("$2$", "bcrypt $2$"), ("$", "an unknown kind"), ("{", "an unknown kind"),
)
_ONLY = "Only bcrypt can be taken over; give this person a new password."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line that can become an account."""

    line: int  # from 1
    name: str  # canonical
    bcrypt: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A line that can't, and why."""

    line: int  # from 1
    name: str  # as written, at most 64 characters; "" where there is none
    reason: str


def parse(text: str) -> tuple[list[Entry], list[Refusal]]:
    """The file's lines in their order; empty ones and comments are passed over."""
    entries: list[Entry] = []
    refusals: list[Refusal] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if len(entries) + len(refusals) >= MAX_LINES:
            refusals.append(Refusal(line=number, name="", reason=(
                f"This file has more than {MAX_LINES:,} lines. Split it; from here on nothing "
                "was read.")))
            break
        name, colon, rest = line.partition(":")
        stored, _, more = rest.strip().partition(":")
        name, known = name.strip(), name.strip().lower()
        reason = _name_problem(known, seen, colon) or _why_not(stored, more)
        if reason:
            refusals.append(Refusal(line=number, name=name[:64] if colon else "", reason=reason))
        else:
            entries.append(Entry(line=number, name=known, bcrypt=stored))
        if colon:
            seen.setdefault(known, number)
    return entries, refusals


def cost(stored: str) -> int:
    """The cost of a bcrypt hash. Raises ValueError for one that is never computed here."""
    found = _BCRYPT.fullmatch(stored)
    if found is None or not MIN_COST <= int(found[1]) <= MAX_COST:
        raise ValueError("this is no bcrypt hash of a cost that is taken")
    return int(found[1])


def _name_problem(name: str, seen: dict[str, int], colon: str) -> str:
    if not colon:
        return "This is not a line of a password file: it holds no colon."
    if not _NAME.fullmatch(name):
        return "A user name has 3 to 64 letters (a-z), digits, dots, dashes or underscores."
    if name in seen:
        return f"Line {seen[name]} names the same person; upper and lower case are one."
    return ""


def _why_not(stored: str, more: str) -> str:
    """Why a password field can't be taken over; "" when it can."""
    found = _BCRYPT.fullmatch(stored)
    if found:
        fits = MIN_COST <= int(found[1]) <= MAX_COST
        return "" if fits else (
            f"bcrypt with cost {int(found[1])}: only costs from {MIN_COST} to {MAX_COST} are "
            "taken, since every sign-in has to compute it. Give this person a new password.")
    if re.match(r"\$2[aby]\$", stored):
        return "A bcrypt hash that is damaged or cut off."
    if not stored:
        return "There is no password in this line."
    kind = next((name for start, name in _KINDS if stored.startswith(start)), "")
    if not kind and re.fullmatch(r"[0-9a-f]{32}", more):
        kind = "htdigest (MD5)"
    if not kind:
        crypt = re.fullmatch(r"[./A-Za-z0-9]{13}", stored)
        kind = "crypt (DES) or plain text" if crypt else "plain text"
    return f"{kind}. {_ONLY}"
