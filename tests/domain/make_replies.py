"""Writes tests/vectors/replies/made.jsonl: ``python -m tests.domain.make_replies``.

Records of the sample model, damaged kind by kind. What is expected follows from the kind
of damage, never from what the reader says of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datagen.model.sample.generate import generate
from tests.domain.damages import LOST, MENDED

FOLDER = Path(__file__).parents[1] / "vectors" / "replies"
SEEDS = (1,)


def cases(schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One per schema, record and kind of damage, where that kind can befall the record."""
    for name, schema in schemas.items():
        for seed in SEEDS:
            record = generate(schema, seed)
            for kind, damage in (*MENDED.items(), *LOST.items()):
                reply = damage(record, schema)
                if reply is not None:
                    outcome = {"record": record} if kind in MENDED else {"rejected": ""}
                    yield {"schema": name, "damage": kind, "reply": reply[0],
                           "finish_reason": reply[1], **outcome}


def main() -> None:
    """Write the file."""
    schemas = json.loads((FOLDER / "schemas.json").read_text())
    lines = [json.dumps(case, ensure_ascii=False) for case in cases(schemas)]
    (FOLDER / "made.jsonl").write_text("".join(f"{line}\n" for line in dict.fromkeys(lines)))
    print(len(lines), Counter("record" in json.loads(line) for line in lines))  # noqa: T201 - it is a tool


if __name__ == "__main__":
    main()
