"""The fault table, from real processes: ``python -m tests.cluster`` writes docs/cluster.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.faults import SCENARIOS
from tests.cluster.proof import Row, happen, table
from tests.cluster.replica import ROOT
from tests.cluster.scaling import bench

PAGE = ROOT / "docs" / "cluster.md"
_TEXT = """# Three replicas, one dataset, whatever fails

`python -m tests.cluster` writes this page. For each row it starts three replicas with real
processes, each on a node of the sandbox and with a model server of its own (0.2 s a call, two in
flight), confirms one job of 300 records over the HTTP API, lets the fault happen and waits until
every replica that lives calls the job over. "Ended right": every index once in each export, all
valid, and the status and numbers to match. Store calls are those of all nodes, looking around
included. A peer counts as stuck after 10 s in place of 300, and the store is away for 60 s.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="those whose name holds it; no page then")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what the replicas wrote")
    parser.add_argument("--scaling", action="store_true",
                        help="how much faster 2, 3 and 4 replicas are than one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datagen-proof-", ignore_cleanup_errors=True) as made:
        folder = asked.keep or Path(made)
        return bench(folder) if asked.scaling else _prove(folder, asked.only)


def _prove(folder: Path, only: str | None) -> int:
    chosen = [one for one in SCENARIOS if only is None or only.lower() in one.name.lower()]
    if not chosen:
        _say("There is no such scenario. There are:\n" + "\n".join(one.name for one in SCENARIOS))
        return 1
    began = time.monotonic()
    rows: list[Row] = []
    _say(*list(table([]))[:2])
    for number, scenario in enumerate(chosen):
        place = folder / str(number)
        place.mkdir(parents=True)
        rows.append(happen(scenario, place))
        _say(list(table(rows))[-1])
    good = sum(row.problem is None for row in rows)
    end = f"{good} of {len(rows)} ended right, in {time.monotonic() - began:.0f} s."
    _say("", end)
    if only is None:
        PAGE.write_text(_TEXT + "\n".join([*table(rows), "", end]) + "\n")
    return 0 if good == len(rows) else 1


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
