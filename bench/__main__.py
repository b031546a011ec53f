"""``make bench``: all figures in one table. ``--only NAME`` measures a part."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator

from bench import exports, large, limits, matrix, stores, web
from bench.table import HEAD, RESULTS, Figure, machine, saved, told

# Each yields its figures as they come. A new one has its place here, and nowhere else.
MEASURES: dict[str, Callable[[], Iterator[Figure]]] = {
    "matrix": matrix.measure, "limits": limits.measure, "large": large.measure,
    "stores": stores.measure, "web": web.measure, "exports": exports.measure,
}
# Those that are measured only when they are named.
LONG: dict[str, Callable[[], Iterator[Figure]]] = {"million": large.measure_million}


def main() -> int:
    """Exit status 1 where a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=MEASURES | LONG, action="append", help="measure this")
    parser.add_argument("--save", action="store_true", help=f"put the table into {RESULTS.name}")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    where, figures = machine(), list[Figure]()
    _say(f"{where}\n", *HEAD)
    for name in asked.only or MEASURES:
        for figure in (MEASURES | LONG)[name]():
            figures.append(figure)
            _say(figure.row())
    if asked.save:
        RESULTS.write_text(saved(RESULTS.read_text(), where, told(figures)))
    missed = [figure.what for figure in figures if not figure.met]
    _say("", f"Missed: {'; '.join(missed)}." if missed else "All targets are met.")
    return 1 if missed else 0


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
