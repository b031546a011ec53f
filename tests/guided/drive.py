"""Two drivers for the same targets: atheris, led by coverage, and Hypothesis where that is not."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tests.guided.change import changed
from tests.guided.target import Target

SLOW = 20  # seconds; an input that takes longer breaks its target
_ROUND = 2_000  # examples that Hypothesis tries in a row
_SAID = 4_000  # characters of what a broken target said that are told
_DONE = re.compile(r"^Done (\d+) runs$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one target."""

    runs: int
    fault: str = ""  # what broke its rule; "" = nothing
    found: bytes | None = None  # the input that did


def has_atheris() -> bool:
    """Whether inputs can be led by coverage here."""
    return find_spec("atheris") is not None


def drive(target: Target, *, seconds: float, seed: int) -> Outcome:
    """Try the target for so long."""
    driver = by_atheris if has_atheris() else by_hypothesis
    return driver(target, seconds=seconds, seed=seed)


def by_atheris(target: Target, *, seconds: float, seed: int) -> Outcome:
    """In a process of its own, since libFuzzer ends the one that it runs in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        for number, content in enumerate(target.seeds):
            (folder / "corpus" / f"{number:04}").write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-m", "tests.guided.atheris_child", target.judge.__module__,
             target.name, str(seconds), name, f"-seed={seed}", f"-timeout={SLOW}",
             "-max_len=8192", "-len_control=0", "-rss_limit_mb=4096", f"-artifact_prefix={name}/"],
            capture_output=True, timeout=seconds + 120, check=False)
        said = done.stdout.decode("utf-8", "replace")
        runs = _DONE.search(said)
        found = [file.read_bytes() for file in folder.iterdir() if file.is_file()]
        fault = "" if done.returncode == 0 and runs else (
            said if runs else done.stderr.decode("utf-8", "replace"))[-_SAID:] or "It ended."
        return Outcome(runs=int(runs[1]) if runs else 0, fault=fault,
                       found=found[0] if found else None)


def by_hypothesis(
    target: Target, *, seconds: float = 0, seed: int, most: int = _ROUND
) -> Outcome:
    """Round after round of ``most`` examples, until the time is over; at least one."""
    runs, last, until = 0, b"", time.monotonic() + seconds
    inputs = st.binary(max_size=200) | st.text(max_size=200).map(
        lambda text: text.encode("utf-8", "surrogatepass"))
    if target.seeds:
        inputs |= st.sampled_from(target.seeds) | st.builds(
            lambda content, number: changed(content, Random(number)),
            st.sampled_from(target.seeds), st.integers(0, 2**63))

    def judged(data: bytes) -> None:
        nonlocal runs, last
        runs, last = runs + 1, data
        target.judge(data)

    while True:
        tried = seeded(seed)(settings(
            max_examples=most, database=None, deadline=SLOW * 1_000, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck))(given(inputs)(judged)))
        try:
            tried()
        except Exception as exc:  # noqa: BLE001 - whatever a target raises is its fault
            return Outcome(runs=runs, fault=f"{type(exc).__name__}: {exc}", found=last)
        seed += 1
        if time.monotonic() >= until:
            return Outcome(runs=runs)
