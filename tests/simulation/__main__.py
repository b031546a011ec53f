"""Any number of histories: ``make simulate SEEDS=1000``; one of them: ``--only SEED``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.history import Outcome, command, happen

_SHOWN = 10  # failing seeds that are told
_ENOUGH = 1_000  # histories in which each of these befalls some world:
FAULTS = {
    "kill", "kill soon", "power cut", "stop", "lose disk", "back up", "restore", "disk full",
    "clock jumps", "die", "die with its node", "node down", "cut", "wipe node", "errors", "slow",
    "delay", "file delay", "model errors", "model hangs", "unusable answers", "cancel", "delete",
    "retry", "close", "rename", "held message", "missed message", "lost message",
    "failed store call", "write that was not sent", "unconfirmed write",
    "file nobody else can fetch for long", "failed model call", "hung model call",
    "unusable answer",
}


def main() -> int:
    options = _options()
    if options.only is not None:
        return _one(options.only, options.events)
    return _many(range(options.first, options.first + options.seeds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", type=int, metavar="SEED", help="tell one history, made short")
    parser.add_argument("--events", type=int, default=40, help="events of it that are told")
    return parser.parse_args()


def _one(seed: int, events: int) -> int:
    outcome = happen(seed)
    if outcome.problem is not None:
        outcome, left_out = _shortened(seed, outcome)
        _say(f"It fails as well without {left_out} of what befalls this world; what is left:")
    for job in outcome.plan.jobs:
        _say(f"{job.at:9.2f}  {job.creator:<4} confirms a job of {job.total} records")
    for fault in outcome.plan.faults:
        _say(f"{fault.at:9.2f}  {fault.who:<4} {fault.what} {fault.value:.2f} "
             f"{' '.join(sorted(fault.names))}".rstrip())
    _say(f"\nIts last events:\n{outcome.watch.story(events)}\n")
    _say(outcome.problem or f"Nothing is wrong with it, after {outcome.took:.0f} virtual seconds.")
    return 0 if outcome.problem is None else 1


def _shortened(seed: int, outcome: Outcome) -> tuple[Outcome, int]:
    """The history without the faults that it does not take, and how many those are."""
    left_out: frozenset[int] = frozenset()
    for number in reversed(range(len(outcome.plan.faults))):
        shorter = happen(seed, left_out=left_out | {number})
        if shorter.problem is not None:
            outcome, left_out = shorter, left_out | {number}
    return outcome, len(left_out)


def _many(seeds: Sequence[int]) -> int:
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    virtual, bad = 0.0, []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for seed, problem, befallen, took in pool.map(_summary, seeds, chunksize=10):
            counts += befallen
            virtual += took
            if problem is not None:
                bad.append(seed)
                if len(bad) <= _SHOWN:
                    _say(f"Seed {seed}: {problem.splitlines()[-1]}\n    {command(seed)}")
    spent = time.perf_counter() - began
    _say("\n".join(f"{number:8,}  {what}" for what, number in counts.most_common()))
    _say(f"{len(seeds):,} histories of {virtual / len(seeds):.0f} virtual seconds each in "
         f"{spent:.0f} s, {len(seeds) / spent:.1f} a second: {len(bad)} failed.")
    never = {what for what in FAULTS if not counts[what]} if len(seeds) >= _ENOUGH else set()
    if never:
        _say(f"These befell no world, which so many should have shown: {sorted(never)}")
    return 1 if bad or never else 0


def _summary(seed: int) -> tuple[int, str | None, Counter[str], float]:
    outcome = happen(seed)
    return seed, outcome.problem, outcome.counts, outcome.took


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
