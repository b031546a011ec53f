"""Where things are in a schema: dotted paths of fields, and the schemas inside a schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

LIST = "[]"  # the step from a list to its items
Steps = tuple[str, ...]  # ("items", "[]", "price")

MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
SINGLES = (
    "items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
)
IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")

_NAME = re.compile(r"[^.\[\]\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def is_name(name: object) -> bool:
    """Whether a property's name can be a step of a dotted path."""
    return (isinstance(name, str) and bool(_NAME.fullmatch(name)) and name == name.strip()
            and name != "__proto__")


def parse(path: str) -> Steps:
    """The steps of ``items[].price``. Raises ValueError."""
    steps: list[str] = []
    for part in path.strip().split("."):
        name = part.rstrip("[]")
        lists = part[len(name):]
        if not is_name(name) or lists != LIST * (len(lists) // 2):
            raise ValueError(path)
        steps += [name, *[LIST] * (len(lists) // 2)]
    return tuple(steps)


def join(steps: Sequence[str]) -> str:
    """The dotted path of steps."""
    text = ""
    for step in steps:
        text += step if step == LIST or not text else f".{step}"
    return text


def of_pointer(parts: Sequence[str | int]) -> str:
    """The dotted path of the field that a place in the schema's JSON belongs to."""
    text, at = "", 0
    while at < len(parts):
        part = parts[at]
        following = parts[at + 1] if at + 1 < len(parts) else None
        if part in MAPS and following is not None:
            name = following if part == "properties" else f"{part}.{following}"
            text += f".{name}" if text else str(name)
            at += 1
        elif part == "items":
            text += LIST
        elif part == "prefixItems" and following is not None:
            text += f"[{following}]"
            at += 1
        elif part in LISTS:
            at += 1
        elif part not in SINGLES:
            break
        at += 1
    return text


def children(schema: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The schemas directly inside one, each with its place; malformed parts are passed over."""
    if not isinstance(schema, Mapping):
        return
    for keyword, value in schema.items():
        if keyword in MAPS and isinstance(value, Mapping):
            yield from (((keyword, name), child) for name, child in value.items())
        elif keyword in LISTS and isinstance(value, list):
            yield from (((keyword, at), child) for at, child in enumerate(value))
        elif keyword in SINGLES:
            yield (keyword,), value


def walk(schema: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The schema and every schema inside it, each with its place, outermost first."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    while waiting:
        place, node = waiting.pop()
        yield place, node
        waiting += [((*place, *step), child) for step, child in reversed([*children(node)])]


def owner(root: Any, place: Sequence[str | int]) -> Any:
    """The schema of the value that the schema at a place speaks of too, by way of its branches."""
    at = end = 0
    while at < len(place):
        keyword = place[at]
        at += 2 if keyword in MAPS or keyword in LISTS else 1
        end = end if keyword in IN_PLACE else at
    node = root
    for part in place[:end]:
        node = node[part]
    return node


def resolve(root: Any, ref: str) -> Any:
    """What ``#``, ``#/a/b`` or ``#anchor`` points at. Raises LookupError, also for remote ones."""
    if not ref.startswith("#"):
        raise LookupError(ref)
    pointer = unquote(ref[1:])
    if pointer and not pointer.startswith("/"):
        for _, node in walk(root):
            if isinstance(node, Mapping) and pointer in {node.get("$anchor"),
                                                         node.get("$dynamicAnchor")}:
                return node
        raise LookupError(ref)
    node = root
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            node = node[name]
        elif isinstance(node, list) and name.isascii() and name.isdigit():
            node = node[int(name)]
        else:
            raise LookupError(ref)
    return node


class References:
    """Where the references of one schema lead, each looked for once; it may not change meanwhile.

    An anchor is looked for in the whole schema: one after another, thousands take minutes.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._found: dict[str, list[Any]] = {}  # one target, or none

    def resolve(self, ref: str) -> Any:
        """As ``resolve``. Raises LookupError."""
        if ref not in self._found:
            try:
                self._found[ref] = [resolve(self._root, ref)]
            except LookupError:
                self._found[ref] = []
        if not self._found[ref]:
            raise LookupError(ref)
        return self._found[ref][0]


def leads_back(start: Any, steps: Callable[[Any], Iterable[Any]]) -> bool:
    """Whether following ``steps`` from a node comes back to that very node."""
    seen: set[int] = set()
    waiting = [*steps(start)]
    while waiting:
        node = waiting.pop()
        if node is start:
            return True
        if id(node) not in seen:
            seen.add(id(node))
            waiting += steps(node)
    return False
