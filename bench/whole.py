"""Whether a dataset is whole: in order, every record once, and each as the schema wants it."""

from __future__ import annotations

from collections.abc import Iterable

import jsonschema_rs

from bench.dataset import SCHEMA, index_of
from datagen.domain.exports import ResultLine

_FITS = jsonschema_rs.validator_for(SCHEMA, validate_formats=True).is_valid


def fault_in(lines: Iterable[ResultLine], records: int) -> str:
    """What is wrong with the lines of a dataset of so many records; "" when nothing is."""
    expected = 0
    for expected, line in enumerate(lines, 1):
        place = expected - 1
        if expected > records:
            return "there are more records than asked for"
        if line.data is None or not _FITS(line.data):
            return f"record {place} does not fit the schema"
        if line.i != place or index_of(line.data) != place:
            return f"record {place} is not where it should be"
    return "" if expected == records else f"there are {expected} records of {records}"
