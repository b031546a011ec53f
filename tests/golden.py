"""What the earlier application stored, from tests/vectors."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from datagen.adapters.memory import MemoryFiles
from datagen.ports import HashStore

FOLDER = Path(__file__).parent / "vectors" / "job_vectors"
FINISHED_RUN, RUNNING_RUN = RUNS = ("finished_2peers_5records", "in_progress_2peers_20records")
FINISHED = "job_1795332059915_e062d0"  # the job of both runs
RUNNING = "job_1795332063591_90b3da"  # of the second


def vector(name: str) -> Any:
    """One golden file, parsed."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def hashes(run: str) -> dict[str, dict[str, str]]:
    """The hashes of one run: hash, field, stored text."""
    found: dict[str, dict[str, str]] = vector(run)["cstore"]["hashes"]
    return found


def files(run: str) -> dict[str, bytes]:
    """The files of one run, by their ids."""
    return {cid: base64.b64decode(file["base64"]) for cid, file in vector(run)["r1fs"].items()}


def seed(run: str, store: HashStore, memory: MemoryFiles) -> None:
    """Leave both stores as that application left them."""
    for key, text in vector(run)["cstore"]["keys"].items():
        store.set(key, text)
    for hkey, fields in hashes(run).items():
        for field, text in fields.items():
            store.hset(hkey, field, text)
    for cid, content in files(run).items():
        memory.put(cid, content)


def local_cache(peer: str) -> dict[str, str]:
    """What that peer had on its own disk in the second run, by path below the cache folder."""
    return {path.removeprefix(f"{peer}/"): text
            for path, text in vector("in_progress_local_cache").items()
            if path.startswith(f"{peer}/")}


def stored_jobs() -> list[str]:
    """Every job record of every run, as stored."""
    return [text for run in RUNS for text in hashes(run)["datagen:jobs"].values()]


def stored_states() -> list[str]:
    """Every peer record of every run, as stored."""
    return [text for run in RUNS for hkey, fields in hashes(run).items()
            if hkey.endswith(":peers") for text in fields.values()]


def stored_details() -> list[str]:
    """Every details file of every run, as stored."""
    return [file["text"] for run in RUNS for file in vector(run)["r1fs"].values()
            if file["filename"].endswith("_details.json")]
