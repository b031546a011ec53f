"""A finished job's failures: one line for each reason, however many records share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

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
    for reason, failure in _by_reason(lines):
        group = found.setdefault(reason, _Growing())
        group.count += 1
        if len(group.examples) < MAX_EXAMPLES:
            group.examples.append(failure)
    groups = [FailureGroup(reason=reason, count=group.count, examples=tuple(group.examples))
              for reason, group in found.items()]
    return tuple(sorted(groups, key=lambda group: -group.count))


def some_of(
    lines: Iterable[ResultLine], reason: str | None, *, offset: int, limit: int
) -> tuple[Failure, ...]:
    """The failures of one group, or of all, in the order of the records: at most ``limit``."""
    wanted = (failure for name, failure in _by_reason(lines) if reason in {name, None})
    return tuple(islice(wanted, offset, offset + limit))


def _by_reason(lines: Iterable[ResultLine]) -> Iterator[tuple[str, Failure]]:
    """Each failure and the group that it is counted in."""
    known: set[str] = set()
    for line in lines:
        if line.ok:
            continue
        reason = kind(line.error or "")
        if reason not in known and len(known) >= MAX_GROUPS:
            reason = OTHER
        known.add(reason)
        yield reason, Failure(index=line.i, message=line.error or "", raw=line.raw)
