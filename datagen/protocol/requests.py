"""What people ask of jobs, as notes on the desk: this replica knows it before any other."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping

from datagen.domain.asked import NOTHING, Asked, Rename
from datagen.ports import Desk
from datagen.protocol import keys
from datagen.protocol.fields import dumps, load_object
from datagen.protocol.words import asked_record, load_asked

_LOG = logging.getLogger(__name__)


def ask_here(desk: Desk, job_id: str, asked: Asked) -> None:
    """Note it; what was asked of the job before stands. Raises StoreError."""
    for what, record in asked_record(asked).items():
        number = record.get("round", 0) if what != "rename" else _moment(asked.rename)
        desk.put_once(keys.DESK_ASKED, f"{job_id}:{what}:{number}", dumps(record))
    if asked.rename is not None:
        _drop_renames(desk, job_id, before=_moment(asked.rename))


def asked_here(desk: Desk) -> dict[str, Asked]:
    """What was asked and is not dealt with yet, by job id. Raises StoreError."""
    found: dict[str, Asked] = {}
    for key, text in desk.notes(keys.DESK_ASKED).items():
        try:
            job_id, what, _ = key.rsplit(":", 2)
            asked = load_asked({what: load_object(text)})
        except ValueError:
            _complain(key)
        else:
            found[job_id] = found.get(job_id, NOTHING).joined(asked)
    return found


def dealt_with(desk: Desk, job_id: str) -> None:
    """Take away whatever was asked of this job. Raises StoreError."""
    _drop(desk, lambda key, _: key.startswith(f"{job_id}:"))


def past(desk: Desk, job_id: str, number: int) -> None:
    """Take away what can't matter any more once round ``number`` has ended. Raises StoreError."""
    def is_past(key: str, of: int) -> bool:
        kind = key.rsplit(":", 2)[1]
        late = of < number if kind == "retry" else of <= number and kind != "delete"
        return late and kind != "rename" and key.startswith(f"{job_id}:")

    _drop(desk, is_past)


def named_so(desk: Desk, job_id: str, rename: Rename) -> None:
    """Take away this rename and those before it: the job's entry shows it. Raises StoreError."""
    _drop_renames(desk, job_id, before=_moment(rename) + 1)


def _drop_renames(desk: Desk, job_id: str, *, before: int) -> None:
    _drop(desk, lambda key, at: key.startswith(f"{job_id}:rename:") and at < before)


def _moment(rename: Rename | None) -> int:
    """Milliseconds since 1970."""
    return round(rename.at.timestamp() * 1000) if rename else 0


def _drop(desk: Desk, wanted: Callable[[str, int], bool]) -> None:
    for key in desk.notes(keys.DESK_ASKED):
        number = key.rpartition(":")[2]
        if key.count(":") > 1 and number.isdecimal() and wanted(key, int(number)):
            desk.drop(keys.DESK_ASKED, key)


def deleted_here(desk: Desk) -> frozenset[str]:
    """Ids of the jobs that nobody sees any more: their deletion was asked for, or is done.

    Raises StoreError.
    """
    asked = asked_here(desk)  # first: a note leaves only after the job is among the others
    return frozenset(desk.notes(keys.DESK_DELETED)) | wanted_away(asked)


def wanted_away(asked: Mapping[str, Asked]) -> frozenset[str]:
    """Ids of those whose deletion was asked for."""
    return frozenset(job_id for job_id, one in asked.items() if one.delete)


@functools.lru_cache(maxsize=1_000)
def _complain(key: str) -> None:
    """Say it once."""
    _LOG.error("A request on the desk can't be read, so it is not followed: %.200r", key)
