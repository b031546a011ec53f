"""A target whose rule is broken by some inputs, for the test of the drivers."""

from __future__ import annotations

from tests.guided.target import Target, target, text


@target("maze", "nobody says the words", ["nobody says it"])
def maze(data: bytes) -> None:
    said = text(data)
    if said[:6] == "nobody" and ("<" in said or "null" in said):
        raise RuntimeError("said")


TARGETS: tuple[Target, ...] = (maze,)
