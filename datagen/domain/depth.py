"""How deep JSON nests, found level by level so that no recursion ends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_deeper(value: Any, most: int) -> bool:
    """Whether there are more than ``most`` brackets inside one another."""
    level = [value]
    for _ in range(most + 1):
        level = [
            child for node in level if isinstance(node, Mapping | list)
            for child in (node.values() if isinstance(node, Mapping) else node)
        ]
        if not level:
            return False
    return True
