"""What the name of a field says."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def tokens(name: str) -> tuple[str, ...]:
    """``customerEmail``, ``customer_email`` and ``Customer e-mail`` alike, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("e-mail", "email"))
    return tuple(part for part in re.split(r"[^a-z0-9]+", spaced.lower()) if part)
