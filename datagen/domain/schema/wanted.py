"""What a schema asks of a value at one place, all that holds for it taken together.

Looked up once for each place of a schema: a job asks the same of each of its records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from datagen.domain.schema import paths
from datagen.domain.schema.types import JSON_TYPES, listed, type_of

_MOST_PARTS = 50  # schemas that together describe one value
_KINDS: Mapping[str, tuple[type, ...]] = {  # of plain values, as JSON's types have them
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "null": (type(None),), "object": (), "array": (),
}


@dataclass(frozen=True)
class Wanted:
    """What is asked of one value."""

    schema: Any  # whose place this is; kept, so that no other schema gets its identity
    parts: Sequence[Mapping[str, Any]]  # the schemas that all hold: it, its $ref, its allOf

    @cached_property
    def types(self) -> list[str]:
        """The types that are allowed; [] when nothing is said, or nothing is left."""
        allowed = list(JSON_TYPES)
        limited = False
        for part in self.parts:
            said: list[Any] = []
            if "type" in part:
                said = listed(part["type"])
            elif isinstance(part.get("enum"), list):
                said = [type_of(option) for option in part["enum"]]
            elif "const" in part:
                said = [type_of(part["const"])]
            if said:
                limited = True
                allowed = [name for name in allowed
                           if name in said or (name == "integer" and "number" in said)]
        if "number" in allowed and "integer" in allowed:
            allowed.remove("integer")  # a number is what it is written as
        return allowed if limited else []

    @cached_property
    def enums(self) -> list[list[Any]]:
        """All lists of allowed values."""
        return [part["enum"] for part in self.parts if isinstance(part.get("enum"), list)]

    @cached_property
    def declared(self) -> dict[str, Any]:
        """The declared fields; one that several parts declare has to fit them all."""
        found: dict[str, Any] = {}
        for part in self.parts:
            for name, schema in _mapping(part.get("properties")).items():
                found[name] = {"allOf": [found[name], schema]} if name in found else schema
        return found

    @cached_property
    def patterns(self) -> list[str]:
        """The patterns of the names of further fields."""
        return [pattern for part in self.parts
                for pattern in _mapping(part.get("patternProperties"))]

    @cached_property
    def items(self) -> list[tuple[list[Any], Any]]:
        """The schemas of a list's first items and of all further ones, of each part."""
        return [(first if isinstance(first := part.get("prefixItems"), list) else [],
                 part.get("items", True)) for part in self.parts]

    @cached_property
    def branches(self) -> list[list[Any]]:
        """The lists of schemas of which one has to fit."""
        return [part[keyword] for part in self.parts for keyword in ("anyOf", "oneOf")
                if isinstance(part.get(keyword), list)]

    @cached_property
    def tells_items(self) -> bool:
        """Whether it says what a list holds, so that a lone value can be told to be one."""
        return any(_mapping(part.get("items")) and "prefixItems" not in part
                   for part in self.parts)

    @cached_property
    def settled(self) -> frozenset[type]:
        """The types of plain values that can be nothing else than what they are."""
        if self.branches:
            return frozenset()
        names = self.types or list(_KINDS)
        kinds = {kind for name in names for kind in _KINDS[name]}
        if "string" in self.types and len(self.enums) == 1:
            kinds.discard(str)
        return frozenset(kinds)

    @cached_property
    def texts(self) -> frozenset[str]:
        """The texts that are allowed, where a list says so."""
        lists = self.enums if not self.branches and len(self.enums) == 1 else []
        return frozenset(option for options in lists for option in options
                         if isinstance(option, str))


class Lookup:
    """What one schema asks at each of its places."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._targets: dict[str, Any] = {}
        self._known: dict[int, Wanted] = {}  # by the identity of a schema that is kept in it

    def at(self, schema: Any) -> Wanted:
        """What is asked of a value of this schema, which is a part of the root's."""
        known = self._known.get(id(schema))
        if known is None:
            known = self._known[id(schema)] = Wanted(schema, self._parts(schema))
        return known

    def _parts(self, schema: Any) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        waiting = [schema]
        while waiting and len(found) < _MOST_PARTS:
            part = waiting.pop()
            if not isinstance(part, Mapping) or any(part is known for known in found):
                continue
            found.append(part)
            more = part.get("allOf")
            waiting += more if isinstance(more, list) else []
            if isinstance(part.get("$ref"), str):
                waiting.append(self._target(part["$ref"]))
        return found

    def _target(self, ref: str) -> Any:
        if ref not in self._targets:
            try:
                self._targets[ref] = paths.resolve(self._root, ref)
            except (LookupError, ValueError):
                self._targets[ref] = None
        return self._targets[ref]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
