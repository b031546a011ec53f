"""A sample model server as a process of its own; its key comes by the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datagen.model.sample import SampleEngine
from datagen.model.server import create_app, run_in_thread

MODEL = "sample-large"


@contextmanager
def model_process(key: str, *, latency: float = 0.0) -> Iterator[str]:
    """One that wants ``key`` and answers after ``latency`` seconds; its base URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.model_process"], cwd=Path(__file__).parents[1],
        env=os.environ | {"MODEL_KEY": key, "MODEL_LATENCY": str(latency)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:
        assert process.stdout
        assert process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


if __name__ == "__main__":
    url, stop = run_in_thread(create_app(
        SampleEngine(), api_key=os.environ["MODEL_KEY"], model=MODEL,
        latency=float(os.environ["MODEL_LATENCY"])))
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    sys.stdin.read()
    stop()
