"""Strings by their ``format`` (draft 2020-12, section 7.3).

Addresses and numbers come from the ranges that RFC 2606, 5737 and 3849 reserve for examples.
"""

from __future__ import annotations

import string
import unicodedata
import uuid as uuids
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from datagen.model.sample import words

_START = datetime(2023, 1, 1, tzinfo=UTC)
_SPAN_SECONDS = 3 * 365 * 24 * 3600  # three years
_HOSTS = ("example.com", "example.net", "example.org")


def _moment(rng: Random) -> datetime:
    return _START + timedelta(seconds=rng.randrange(_SPAN_SECONDS))


def date(rng: Random) -> str:
    return _moment(rng).date().isoformat()


def date_time(rng: Random) -> str:
    return _moment(rng).strftime("%Y-%m-%dT%H:%M:%SZ")


def time(rng: Random) -> str:
    return _moment(rng).strftime("%H:%M:%SZ")


def duration(rng: Random) -> str:
    return rng.choice((f"PT{rng.randint(1, 59)}M", f"PT{rng.randint(1, 23)}H",
                       f"P{rng.randint(1, 28)}D", f"P{rng.randint(1, 11)}M"))


def email(rng: Random, first: str | None = None, last: str | None = None) -> str:
    """An address at a host that exists for examples only."""
    first = _ascii(first or rng.choice(words.FIRST_NAMES))
    last = _ascii(last or rng.choice(words.LAST_NAMES))
    return f"{first}.{last}@{rng.choice(_HOSTS)}"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(char for char in plain.lower() if char.isalnum()) or "user"


def hostname(rng: Random) -> str:
    return f"{rng.choice(words.PLAIN)}.{rng.choice(_HOSTS)}"


def url(rng: Random) -> str:
    return f"https://www.{rng.choice(_HOSTS)}/{rng.choice(words.PLAIN)}/{rng.randint(1, 9999)}"


def uuid(rng: Random) -> str:
    return str(uuids.UUID(int=rng.getrandbits(128), version=4))


def ipv4(rng: Random) -> str:
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"


def ipv6(rng: Random) -> str:
    return f"2001:db8::{rng.randint(1, 0xFFFF):x}"


def _word(rng: Random) -> str:
    return rng.choice(words.PLAIN)


_MAKERS: dict[str, Callable[[Random], str]] = {
    "date": date, "date-time": date_time, "time": time, "duration": duration,
    "email": email, "idn-email": email, "hostname": hostname, "idn-hostname": hostname,
    "uri": url, "iri": url, "uuid": uuid, "ipv4": ipv4, "ipv6": ipv6,
    "uri-reference": lambda rng: f"/{_word(rng)}/{rng.randint(1, 9999)}",
    "iri-reference": lambda rng: f"/{_word(rng)}/{rng.randint(1, 9999)}",
    "uri-template": lambda rng: f"/{_word(rng)}/{{id}}",
    "json-pointer": lambda rng: f"/{_word(rng)}/{rng.randint(0, 9)}",
    "relative-json-pointer": lambda rng: f"{rng.randint(0, 3)}/{_word(rng)}",
    "regex": lambda rng: f"^{_word(rng)}[0-9]{{{rng.randint(1, 4)}}}$",
}
# Stretchable forms, for fields with a length: (before, after) the letters that fill the gap.
_STRETCH = {
    "email": ("", "@x.org"), "idn-email": ("", "@x.org"), "hostname": ("", ""),
    "idn-hostname": ("", ""), "uri": ("x:", ""), "iri": ("x:", ""), "uri-reference": ("", ""),
    "iri-reference": ("", ""), "uri-template": ("", ""), "json-pointer": ("/", ""),
    "relative-json-pointer": ("0/", ""), "regex": ("", ""),
}


def by_format(name: str, rng: Random) -> str | None:
    """A usual string of this format, or None for a format nobody defined."""
    maker = _MAKERS.get(name)
    return maker(rng) if maker is not None else None


def stretched(name: str, length: int, rng: Random) -> str | None:
    """A string of this format with exactly ``length`` characters, where that can be."""
    if name not in _STRETCH:
        return None
    before, after = _STRETCH[name]
    gap = length - len(before) - len(after)
    letters = "".join(rng.choices(string.ascii_lowercase, k=max(gap, 0)))
    if name.endswith("hostname"):  # labels have at most 63 characters
        letters = "".join("." if i % 50 == 49 and i + 1 < gap else c for i, c in enumerate(letters))
    return before + letters + after if gap >= 0 else None
