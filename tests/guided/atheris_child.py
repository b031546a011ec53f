"""One target under atheris, which never returns: a process that ``drive.by_atheris`` starts."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from random import Random

import atheris

_OF_BYTES = 0.4  # share of the changes that libFuzzer makes itself


def main() -> None:
    """Ends the process itself: at its own exit libFuzzer may wait for other threads for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("name")
    parser.add_argument("seconds", type=float)
    parser.add_argument("folder", type=Path)  # of the corpus; what breaks the rule goes beside it
    asked, options = parser.parse_known_args()
    logging.disable()
    with atheris.instrument_imports(include=["datagen", "tests.guided.maze"]):
        part = import_module(asked.module)
    from tests.guided.change import changed

    target = next(one for one in part.TARGETS if one.name == asked.name)
    runs, until = 0, time.monotonic() + asked.seconds

    def judged(data: bytes) -> None:
        nonlocal runs
        if time.monotonic() > until:
            _leave(f"Done {runs} runs", 0)
        runs += 1
        try:
            target.judge(data)
        except BaseException:  # noqa: BLE001 - whatever a target raises is its fault
            (asked.folder / "found").write_bytes(data)
            _leave(f"{traceback.format_exc()}\nDone {runs} runs", 1)

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < _OF_BYTES:
            return bytes(atheris.Mutate(data, most))
        return changed(data, random, most)

    atheris.Setup([sys.argv[0], str(asked.folder / "corpus"), *options], judged,
                  custom_mutator=mutated)
    atheris.Fuzz()


def _leave(said: str, status: int) -> None:
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
