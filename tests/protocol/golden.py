"""What the earlier application stored, from tests/vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "vectors" / "job_vectors"
RUNS = ("finished_2peers_5records", "in_progress_2peers_20records")


def vector(name: str) -> Any:
    """One golden file, parsed."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def hashes(run: str) -> dict[str, dict[str, str]]:
    """The hashes of one run: hash, field, stored text."""
    found: dict[str, dict[str, str]] = vector(run)["cstore"]["hashes"]
    return found


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
