"""``python -m tests.guided --seconds 10``: every target for so long, or one of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.guided.drive import drive, has_atheris
from tests.guided.targets import TARGETS


def main() -> int:
    """1 if some target broke its rule."""
    parser = argparse.ArgumentParser(prog="python -m tests.guided", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each target")
    parser.add_argument("--target", choices=TARGETS, action="append", help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins")
    parser.add_argument("--input", type=Path, help="judge this file's content and nothing else")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that broke a rule")
    asked = parser.parse_args()
    chosen = [TARGETS[name] for name in asked.target or TARGETS]
    if asked.input:
        for one in chosen:
            one.judge(asked.input.read_bytes())
        return 0
    broken = 0
    _say(f"Led by {'coverage (atheris)' if has_atheris() else 'Hypothesis'}, "
         f"seed {asked.seed}, {asked.seconds:g} s each.")
    for one in chosen:
        outcome = drive(one, seconds=asked.seconds, seed=asked.seed)
        _say(f"{one.name:<14} {outcome.runs:>12,}  {'BROKEN' if outcome.fault else 'held'}  "
             f"{one.rule}")
        if outcome.fault:
            broken += 1
            _say(f"{outcome.fault}\n{outcome.found!r}")
            if asked.keep and outcome.found is not None:
                asked.keep.mkdir(parents=True, exist_ok=True)
                (asked.keep / f"{one.name}-{asked.seed}").write_bytes(outcome.found)
    return min(broken, 1)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
