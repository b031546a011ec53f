"""What a download's query asks for; without one it is what the earlier application gave."""

from __future__ import annotations

import re
from collections.abc import Mapping

from datagen.domain.downloads import DELIMITERS, FORMS, OPTIONS, Wish
from datagen.domain.errors import InputError, Problem


def read_wish(query: Mapping[str, str]) -> Wish:
    """The file that a query asks for. Raises InputError with a Problem for each wrong option."""
    said = {name: query.get(name, allowed[0]) for name, allowed in OPTIONS.items()}
    wrong = [
        Problem(path=name, message=f"{name} must be {', '.join(OPTIONS[name][:-1])} or "
                                   f"{OPTIONS[name][-1]}.")
        for name, value in said.items() if value not in OPTIONS[name]
    ]
    if wrong:
        raise InputError(wrong[0].message, wrong)
    return Wish(
        form=next(form for form in FORMS if form == said["format"]),
        skip_failed=said["failed"] == "skip", safe=said["safe"] == "true",
        partial=said["partial"] == "true", delimiter=DELIMITERS[said["delimiter"]],
        bom=said["bom"] == "true", spread=said["nested"] == "columns",
    )


def whole_in(
    query: Mapping[str, str], name: str, default: int, *, least: int = 0, most: int
) -> int:
    """A whole number of a query. Raises InputError."""
    said = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", said) or not least <= int(said) <= most:
        message = f"{name} must be a whole number from {least:,} to {most:,}."
        raise InputError(message, [Problem(path=name, message=message)])
    return int(said)
