"""Values of another type than asked for that can mean one thing only.

``RULES`` is the whole list, as the README shows it. A value that fits the schema is never
touched; one that could mean two things is left as it is and fails the validation.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from datagen.domain import replies
from datagen.domain.schema import paths
from datagen.domain.schema.types import JSON_TYPES, fits_type, listed, type_of

Fits = Callable[[Any, Any], bool]  # (schema, value) -> whether it fits


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of the table."""

    asked: str  # what the schema asks for
    answered: str  # what the model wrote, as an example
    becomes: str
    never: str  # the neighbours that stay as they are, and fail


RULES: tuple[Rule, ...] = (
    Rule(asked="a number", answered='"42", "-1.5"', becomes="42, -1.5",
         never='"1,000", "007", "5 EUR"; 1.5 for a whole number'),
    Rule(asked="a whole number", answered="3.0", becomes="3", never="3.5; beyond 2^53"),
    Rule(asked="true or false", answered='"true", "False"', becomes="true, false",
         never='"yes", 1, 0'),
    Rule(asked="null allowed, text not", answered='"null"', becomes="null", never='"", "none"'),
    Rule(asked="a text", answered="12345", becomes='"12345"', never="1.50, true, null"),
    Rule(asked="a list, as a field's value", answered='"red", {"id": 1}',
         becomes='["red"], [{"id": 1}]',
         never='null, "", "none", "red, blue", "red and blue"'),
    Rule(asked="an object or a list", answered='"{\\"id\\": 1}"', becomes='{"id": 1}',
         never="a text that is not JSON as a whole"),
    Rule(asked="one of some texts", answered='"Open "', becomes='"open"',
         never="where two differ in upper and lower case alone"),
    Rule(asked="a field", answered="orderID, Order-Id", becomes="order_id",
         never="where the field is there as well, or two could be meant"),
)

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_SEVERAL = re.compile(r"[,;|/\n•&]|\s(?:and|or)\s", re.IGNORECASE)
_NOTHING = frozenset({"", "none", "null", "nil", "n/a", "na", "-", "empty", "nothing", "undefined"})
_MOST_EXACT = 2**53  # of a whole number in a float
_MOST_DIGITS = 40  # of a number that stands in a text, or becomes one
_MOST_PARTS = 50  # schemas that together describe one value


@dataclass(frozen=True, kw_only=True)
class Coerced:
    """A value, and the fields (``items[].price``) of what was converted, once per value."""

    value: Any
    fields: tuple[str, ...] = ()


class Coercion:
    """The conversions one schema allows; pure."""

    def __init__(self, schema: Mapping[str, Any], fits: Fits) -> None:
        """``fits`` checks a value against a part of the schema."""
        self._root, self._fits = schema, fits
        self._targets: dict[str, Any] = {}

    def apply(self, value: Any) -> Coerced:
        """The value with all that can be converted; its fields are checked by nobody yet."""
        fields: list[str] = []
        return Coerced(value=self._node(value, self._root, "", fields), fields=tuple(fields))

    def names(self) -> frozenset[str]:
        """The declared fields of a whole record, folded."""
        return frozenset(map(folded, _properties(self._parts(self._root))))

    def _node(self, value: Any, schema: Any, path: str, fields: list[str]) -> Any:
        parts = self._parts(schema)
        in_field = path != "" and not path.endswith(paths.LIST)
        found = _converted(value, parts, wrap=in_field and any(map(_tells_items, parts)))
        if found is not value:
            fields.append(path)
        if isinstance(found, dict):
            found = self._object(found, parts, path, fields)
        elif isinstance(found, list):
            found = self._list(found, parts, path, fields)
        for part in parts:
            for keyword in ("anyOf", "oneOf"):
                branches = part.get(keyword)
                if isinstance(branches, list):
                    found = self._branch(found, branches, path, fields)
        return found

    def _object(
        self, value: dict[str, Any], parts: Sequence[Mapping[str, Any]], path: str,
        fields: list[str],
    ) -> dict[str, Any]:
        declared = _properties(parts)
        renamed = _renamed(value, declared, parts)
        made: dict[str, Any] = {}
        for written, item in value.items():
            name = renamed.get(written, written)
            place = f"{path}.{name}" if path else name
            if name != written:
                fields.append(place)
            made[name] = (self._node(item, declared[name], place, fields)
                          if name in declared else item)
        return made

    def _list(
        self, value: list[Any], parts: Sequence[Mapping[str, Any]], path: str, fields: list[str]
    ) -> list[Any]:
        made = list(value)
        for part in parts:
            first = part.get("prefixItems")
            first = first if isinstance(first, list) else []
            rest = part.get("items", True)
            made = [self._node(item, first[at] if at < len(first) else rest, path + paths.LIST,
                               fields)
                    for at, item in enumerate(made)]
        return made

    def _branch(self, value: Any, branches: Sequence[Any], path: str, fields: list[str]) -> Any:
        """The value as one of the branches takes it, where all that take it agree."""
        if any(self._fits(branch, value) for branch in branches):
            return value
        options: dict[str, tuple[Any, list[str]]] = {}
        for branch in branches:
            notes: list[str] = []
            option = self._node(value, branch, path, notes)
            if notes and self._fits(branch, option):
                options[json.dumps(option, sort_keys=True)] = (option, notes)
        if len(options) != 1:
            return value
        ((option, notes),) = options.values()
        fields += notes
        return option

    def _parts(self, schema: Any) -> list[Mapping[str, Any]]:
        """The schemas that all hold for a value: the schema, what it refers to, its allOf."""
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


def folded(name: str) -> str:
    """A field's name as ``orderId``, ``order_id`` and ``Order ID`` have it in common."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _properties(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The declared fields; one that several parts declare has to fit them all."""
    found: dict[str, Any] = {}
    for part in parts:
        own = part.get("properties")
        for name, schema in own.items() if isinstance(own, Mapping) else ():
            found[name] = {"allOf": [found[name], schema]} if name in found else schema
    return found


def _renamed(
    value: Mapping[str, Any], declared: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """The declared name of each field that is there in another case only."""
    patterns = [pattern for part in parts for pattern in _mapping(part.get("patternProperties"))]
    strange = [name for name in value
               if name not in declared and not any(re.search(p, name) for p in patterns)]
    if not strange:
        return {}
    rivals = Counter(map(folded, strange))
    targets: dict[str, list[str]] = {}
    for name in declared:
        targets.setdefault(folded(name), []).append(name)
    found: dict[str, str] = {}
    for name in strange:
        alike = targets.get(folded(name), [])
        if len(alike) == rivals[folded(name)] == 1 and alike[0] not in value and folded(name):
            found[name] = alike[0]
    return found


def _tells_items(part: Mapping[str, Any]) -> bool:
    """Whether a schema says what a list holds, so that a lone value can be told to be one."""
    return bool(_mapping(part.get("items"))) and "prefixItems" not in part


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _converted(value: Any, parts: Sequence[Mapping[str, Any]], *, wrap: bool) -> Any:
    """The value as the one allowed type that can be meant; itself where it fits, or none."""
    types = _types(parts)
    if isinstance(value, float) and "integer" in types and "number" not in types:
        exact = value.is_integer() and abs(value) <= _MOST_EXACT
        return int(value) if exact else value
    if isinstance(value, str) and "string" in types:
        return _allowed(value, parts)
    if not types or any(fits_type(value, name) for name in types):
        return value
    options = [option for name in types for option in _as(name, value, wrap=wrap)
               if all(option in allowed for allowed in _enums(parts))]
    kinds = {json.dumps(option, sort_keys=True) for option in options}
    return options[0] if len(kinds) == 1 else value


def _types(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The types that are allowed; [] when nothing is said, or nothing is left."""
    allowed = list(JSON_TYPES)
    limited = False
    for part in parts:
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


def _enums(parts: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    return [part["enum"] for part in parts if isinstance(part.get("enum"), list)]


def _allowed(value: str, parts: Sequence[Mapping[str, Any]]) -> str:
    """One of the texts of an enum, where it is written in another case or with spaces around."""
    lists = _enums(parts)
    if len(lists) != 1 or value in lists[0]:
        return value
    alike = [option for option in lists[0] if isinstance(option, str)
             and option.strip().casefold() == value.strip().casefold()]
    return alike[0] if len(alike) == 1 else value


def _as(name: str, value: Any, *, wrap: bool) -> list[Any]:
    """The value as this type: one item, or none where that is not sure."""
    if isinstance(value, str):
        return _of_text(name, value, wrap=wrap)
    if name == "string" and type(value) is int and len(str(abs(value))) <= _MOST_DIGITS:
        return [str(value)]
    if name == "array" and wrap and value is not None:
        return [[value]]
    return []


def _of_text(name: str, text: str, *, wrap: bool) -> list[Any]:
    word = text.strip()
    if name in {"number", "integer"}:
        return _number(word, whole=name == "integer")
    if name == "boolean":
        return [word.lower() == "true"] if word in {"true", "false", "True", "False"} else []
    if name == "null":
        return [None] if word == "null" else []
    if name in {"object", "array"} and word[:1] in {"{", "["}:
        try:
            value = replies.exactly(word)
        except ValueError:
            return []
        return [value] if fits_type(value, name) else []
    sure = word.casefold() not in _NOTHING and not _SEVERAL.search(word)
    return [[text]] if name == "array" and wrap and sure else []


def _number(word: str, *, whole: bool) -> list[Any]:
    if len(word) > _MOST_DIGITS or not _NUMBER.fullmatch(word):
        return []
    value = float(word) if any(char in word for char in ".eE") else int(word)
    if not math.isfinite(value) or Decimal(word) != Decimal(repr(value)):
        return []  # more than a number here can hold
    if whole and isinstance(value, float):
        return [int(value)] if value.is_integer() and abs(value) <= _MOST_EXACT else []
    return [value]
