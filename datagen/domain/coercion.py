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
from datagen.domain.schema.types import fits_type
from datagen.domain.schema.wanted import Lookup, Wanted

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
        self._lookup = Lookup(schema)
        # The declared fields of a whole record, folded.
        self.names = frozenset(map(folded, self._lookup.at(schema).declared))

    def apply(self, value: Any) -> Coerced:
        """The value with all that can be converted; its fields are checked by nobody yet."""
        fields: list[str] = []
        return Coerced(value=self._node(value, self._root, "", fields), fields=tuple(fields))

    def _node(self, value: Any, schema: Any, path: str, fields: list[str]) -> Any:
        wanted = self._lookup.at(schema)
        if type(value) in wanted.settled or (type(value) is str and value in wanted.texts):
            return value
        in_field = path != "" and not path.endswith(paths.LIST)
        found = _converted(value, wanted, wrap=in_field and wanted.tells_items)
        if found is not value:
            fields.append(path)
        if isinstance(found, dict):
            found = self._object(found, wanted, path, fields)
        elif isinstance(found, list):
            found = self._list(found, wanted, path, fields)
        for branches in wanted.branches:
            found = self._branch(found, branches, path, fields)
        return found

    def _object(
        self, value: dict[str, Any], wanted: Wanted, path: str, fields: list[str]
    ) -> dict[str, Any]:
        declared = wanted.declared
        renamed = _renamed(value, wanted)
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
        self, value: list[Any], wanted: Wanted, path: str, fields: list[str]
    ) -> list[Any]:
        made = list(value)
        for first, rest in wanted.items:
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


def folded(name: str) -> str:
    """A field's name as ``orderId``, ``order_id`` and ``Order ID`` have it in common."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _renamed(value: Mapping[str, Any], wanted: Wanted) -> dict[str, str]:
    """The declared name of each field that is there in another case only."""
    strange = [name for name in value if name not in wanted.declared
               and not any(re.search(p, name) for p in wanted.patterns)]
    if not strange:
        return {}
    rivals = Counter(map(folded, strange))
    targets: dict[str, list[str]] = {}
    for name in wanted.declared:
        targets.setdefault(folded(name), []).append(name)
    found: dict[str, str] = {}
    for name in strange:
        alike = targets.get(folded(name), [])
        if len(alike) == rivals[folded(name)] == 1 and alike[0] not in value and folded(name):
            found[name] = alike[0]
    return found


def _converted(value: Any, wanted: Wanted, *, wrap: bool) -> Any:
    """The value as the one allowed type that can be meant; itself where it fits, or none."""
    types = wanted.types
    if isinstance(value, float) and "integer" in types and "number" not in types:
        exact = value.is_integer() and abs(value) <= _MOST_EXACT
        return int(value) if exact else value
    if isinstance(value, str) and "string" in types:
        return _allowed(value, wanted.enums)
    if not types or any(fits_type(value, name) for name in types):
        return value
    options = [option for name in types for option in _as(name, value, wrap=wrap)
               if all(option in allowed for allowed in wanted.enums)]
    kinds = {json.dumps(option, sort_keys=True) for option in options}
    return options[0] if len(kinds) == 1 else value


def _allowed(value: str, lists: Sequence[Sequence[Any]]) -> str:
    """One of the texts of an enum, where it is written in another case or with spaces around."""
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
