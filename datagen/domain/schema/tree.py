"""Puts a field at a dotted path, making the objects and lists on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datagen.domain.schema.paths import LIST


class InTheWayError(ValueError):
    """A field on the way is neither the object nor the list the path needs."""

    def __init__(self, steps: Sequence[str]) -> None:
        super().__init__(".".join(steps))
        self.steps = tuple(steps)


def new_object() -> dict[str, Any]:
    """An object without fields that takes no others."""
    return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def parent(root: dict[str, Any], steps: Sequence[str]) -> dict[str, Any]:
    """The node that holds the last step, made where it is missing. Raises InTheWayError."""
    node = root
    for at, step in enumerate(steps):
        _be(node, "array" if step == LIST else "object", steps[:at])
        if at == len(steps) - 1:
            return node
        node = _enter(node, step, steps[: at + 1], steps[at + 1])
    return node


def _be(node: dict[str, Any], kind: str, steps: Sequence[str]) -> None:
    """Make sure a node is an object or a list; one that says nothing becomes it."""
    types = node.get("type", kind)
    if kind not in (types if isinstance(types, list) else [types]):
        raise InTheWayError(steps)
    if "type" not in node and not {"properties", "items", "$ref", "anyOf", "oneOf"} & node.keys():
        node["type"] = kind
    if kind == "object" and not isinstance(node.get("properties"), dict):
        node["properties"] = {}


def _enter(node: dict[str, Any], step: str, here: Sequence[str], following: str) -> dict[str, Any]:
    holder, key = (node, "items") if step == LIST else (node["properties"], step)
    child = holder.get(key)
    if child is None:
        child = holder[key] = {"type": "array"} if following == LIST else new_object()
        if step != LIST:
            require(node, step)
    if not isinstance(child, dict):
        raise InTheWayError(here)
    return child


def require(node: dict[str, Any], name: str) -> None:
    """Make a field required."""
    required = node.get("required")
    if not isinstance(required, list):
        node["required"] = [name]
    elif name not in required:
        required.append(name)
