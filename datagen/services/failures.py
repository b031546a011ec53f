"""A finished job's failures: one line for each reason, however many records share it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from datagen.domain.exports import ResultLine
from datagen.domain.reasons import kind

MAX_GROUPS = 50  # reasons told apart; what comes later is counted together
MAX_EXAMPLES = 5  # records kept of one reason
OTHER = "Other reasons"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A record that failed."""

    index: int  # from 0
    message: str  # why, in a sentence
    raw: str | None  # the model's reply where it was kept: hostile text, for the owner only


@dataclass(frozen=True, kw_only=True)
class FailureGroup:
    """Records that failed for the same reason."""

    reason: str  # what they have in common
    count: int
    examples: tuple[Failure, ...]  # the first of them


@dataclass(kw_only=True)
class _Growing:
    count: int = 0
    examples: list[Failure] = field(default_factory=list)


def grouped(lines: Iterable[ResultLine]) -> tuple[FailureGroup, ...]:
    """The failures among a job's lines by reason, the most frequent first."""
    found: dict[str, _Growing] = {}
    for line in lines:
        if line.ok:
            continue
        reason = kind(line.error or "")
        if reason not in found and len(found) >= MAX_GROUPS:
            reason = OTHER
        group = found.setdefault(reason, _Growing())
        group.count += 1
        if len(group.examples) < MAX_EXAMPLES:
            group.examples.append(Failure(index=line.i, message=line.error or "", raw=line.raw))
    groups = [FailureGroup(reason=reason, count=group.count, examples=tuple(group.examples))
              for reason, group in found.items()]
    return tuple(sorted(groups, key=lambda group: -group.count))
