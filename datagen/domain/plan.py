"""How one record's prompt differs from the next.

Engines have fixed seeds: equal prompts give equal records (WIRE.md 3). Everything here
follows from the job's source and the index, so a record asked for again asks the same thing.
"""

from __future__ import annotations

import hashlib

from datagen.domain.jobs import JobDetails

# Three rotations of different, coprime lengths: 7 x 5 x 4 = 140 records before a line repeats.
_LENGTHS = (
    "keep texts short",
    "use a middling length",
    "write longer texts with detail",
    "be plain and direct",
    "be specific: names, places, amounts",
    "use an everyday tone",
    "use a formal tone",
)
_CASES = (
    "a typical case",
    "a less common case",
    "a simple case",
    "a case with a complication",
    "a rare case",
)
_VALUES = (
    "values in the middle of their range",
    "values near the low end",
    "values near the high end",
    "values spread over the range",
)


def source(details: JobDetails) -> str:
    """Where a job's variation comes from: the seed that was asked for, else the job's id.

    Two jobs with one seed and one description ask the model the same, word for word.
    """
    seed = details.inference.parameters.get("seed")
    return f"seed {seed}" if isinstance(seed, int) else details.id


def salt(source: str, index: int) -> str:
    """Eight hex digits that differ for every record of every source."""
    return hashlib.sha256(f"{source}\n{index}".encode()).hexdigest()[:8]


def draw(salt: str) -> int:
    """A number from 1 to 100 that follows from the salt; it settles asked proportions."""
    return int.from_bytes(hashlib.sha256(salt.encode()).digest()[:4], "big") % 100 + 1


def variation(index: int, salt: str) -> str:
    """The line that sends this record another way than its neighbours.

    It rotates with the index; the salt only sets where the rotation of a record's
    values begins, so that two jobs of one description differ as well.
    """
    start = draw(salt)
    return "; ".join((
        _CASES[index % len(_CASES)],
        _LENGTHS[index % len(_LENGTHS)],
        _VALUES[(index + start) % len(_VALUES)],
    ))
