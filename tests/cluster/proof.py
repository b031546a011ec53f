"""A scenario happens to real processes; what came of it is a row of the table."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.faults import Scenario
from tests.cluster.world import World, world


@dataclass(frozen=True, kw_only=True)
class Row:
    """The figures of one scenario; they are told of a bad end as well."""

    name: str
    problem: str | None = None  # why it did not end right
    seconds: float  # from the confirmation until every living replica had exported it
    records: int  # asked for, of all jobs
    cstore: int  # calls of all nodes
    r1fs: int
    repeated: int  # model calls for records that had been asked for; a retry is meant to
    equal: bool  # the exports of all living replicas, byte for byte

    def cells(self) -> tuple[str, ...]:
        return (self.name, "yes" if self.problem is None else f"no: {self.problem}",
                f"{self.seconds:.1f}", f"{self.cstore / self.records:.2f}",
                f"{self.r1fs / self.records:.2f}", str(self.repeated),
                "yes" if self.equal else "no")


HEAD = ("what happens", "ended right", "seconds", "CStore calls per record",
        "R1FS calls per record", "repeated model calls", "equal exports")


def table(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a Markdown table."""
    for cells in (HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def happen(scenario: Scenario, folder: Path) -> Row:
    """Let it happen, in a fresh folder. A bad end is told in the row, not raised."""
    with world(folder, ghost=scenario.ghost, unusable=scenario.unusable) as here:
        here.sandbox.network.set(**scenario.switches)
        tokens = [here.person.draft(maker, scenario.records, f"A number, job {number}.")
                  for number, maker in enumerate(scenario.makers)]
        here.sandbox.network.clear_log()
        began, problem = time.monotonic(), None
        files: list[list[bytes]] = []
        try:
            with ThreadPoolExecutor(len(tokens)) as hands:  # all at the same moment
                jobs = list(hands.map(here.person.confirm, scenario.makers, tokens))
            scenario.befalls(here, jobs[0])
            said = [here.person.ended(job_id, scenario.seconds, replicas=here.living,
                                      round_=scenario.round_) for job_id in jobs]
            files += (here.person.exports(job_id, here.living) for job_id in jobs)
            for told, exports in zip(said, files, strict=True):
                check(scenario, told, exports)
        except AssertionError as exc:
            problem = " ".join(str(exc).split())
        return Row(
            name=scenario.name, problem=problem, seconds=time.monotonic() - began,
            records=scenario.records * len(tokens), **here.store_calls(),
            repeated=_repeated(here, scenario),
            equal=bool(files) and all(len(set(exports)) == 1 for exports in files))


def _repeated(here: World, scenario: Scenario) -> int:
    """The second call for a record whose first answer was unusable is a retry that was meant."""
    return sum(max(0, times - (2 if index in scenario.unusable else 1))
               for (_, index), times in here.asked().items())


def check(scenario: Scenario, said: Sequence[dict[str, Any]], exports: Sequence[bytes]) -> None:
    """Every index once and nothing else, and all replicas say so. Raises AssertionError.

    ``said`` and ``exports``: the job and its file as each living replica has them.
    """
    assert len(set(exports)) == 1, "the exports differ"
    numbers = [record and record["n"] for record in json.loads(exports[0])]
    ends = [(job["status"], job.get("cancelledBy"), job["totalOk"], job["totalFailed"])
            for job in said]
    if scenario.cancelled:
        wanted: tuple[Any, ...] = ("failed", "admin", len(numbers), 0)
        assert numbers == sorted(set(numbers) - {None}), "an index twice, or none"
        assert 0 < len(numbers) < scenario.records, f"cancelled with {len(numbers)} records"
    else:
        wanted = ("succeeded", None, scenario.records, 0)
        assert numbers == list(range(scenario.records)), _difference(numbers, scenario.records)
    assert ends == [wanted] * len(said), f"{wanted} was to be told, not {ends}"


def _difference(numbers: Sequence[int | None], records: int) -> str:
    missing = sorted(set(range(records)) - set(numbers))
    if len(numbers) == records and not missing:
        return "the file is out of order"
    return (f"{len(numbers)} records in the file, {len(set(numbers))} different, "
            f"{len(missing)} missing {missing[:5]}")
