"""What a column holds, and its values in columnar form: exactly, or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from datagen.domain.cells import json_text

if TYPE_CHECKING:  # heavy libraries are loaded by the first dataset that is looked at
    import pyarrow as pa

Kind: TypeAlias = Literal["integer", "number", "boolean", "date", "datetime", "text", "json"]
TEXT: frozenset[Kind] = frozenset({"text", "json"})  # what a table keeps as it is written

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")
_DECLARED: Mapping[str, Kind] = {
    "integer": "integer", "number": "number", "boolean": "boolean", "string": "text",
    "object": "json", "array": "json",
}
_PLAIN: Mapping[Kind, frozenset[type]] = {  # what a column holds as it is
    "integer": frozenset({int}), "boolean": frozenset({bool}), "text": frozenset({str}),
    "number": frozenset({float}), "date": frozenset({str}), "datetime": frozenset({str}),
}
_NOTHING = type(None)
_DAYS, _MICROSECONDS = (-719_162, 2_932_897), 86_400_000_000  # years 1 to 9999, from 1970
_FIRST: Mapping[Kind, int] = {"date": _DAYS[0], "datetime": _DAYS[0] * _MICROSECONDS}
_LAST: Mapping[Kind, int] = {"date": _DAYS[1], "datetime": _DAYS[1] * _MICROSECONDS}


class MisfitError(ValueError):
    """Some value is not of the column's kind."""


def properties_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema's top-level fields, in its order."""
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def arrow_type(kind: Kind) -> pa.DataType:
    """How a column of that kind is stored."""
    import pyarrow as pa

    return {
        "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
        "date": pa.date32(), "datetime": pa.timestamp("us", "UTC"),
        "text": pa.string(), "json": pa.string(),
    }[kind]


def array(kind: Kind, values: Sequence[Any] | pa.Array) -> pa.Array:
    """The values as a column of that kind; nested ones as JSON text. Raises MisfitError.

    Times may come as an array of texts.
    """
    import pyarrow as pa

    if isinstance(values, pa.Array):
        try:
            return _times(kind, values)
        except (OverflowError, ValueError, pa.ArrowException) as exc:
            raise MisfitError from exc
    types = set(map(type, values)) - {_NOTHING}
    if kind == "json":
        values = [None if value is None else json_text(value).decode() for value in values]
    elif kind == "number" and int in types:
        values = [_exact(value) for value in values]
    elif not types <= _PLAIN[kind]:
        raise MisfitError
    try:
        if kind in {"date", "datetime"}:
            return _times(kind, values)
        return pa.array(values, arrow_type(kind))
    except (OverflowError, ValueError, pa.ArrowException) as exc:
        raise MisfitError from exc


def _exact(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in {int, float} or not _fits_double(value):
        raise MisfitError
    return float(value)


def _times(kind: Kind, values: Sequence[Any] | pa.Array) -> pa.Array:
    """Dates or times; in forms that few people write, one by one. Raises ValueError."""
    import pyarrow as pa
    import pyarrow.compute as pc

    form, count = arrow_type(kind), pa.int32() if kind == "date" else pa.int64()
    try:
        texts = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
        found = texts.cast(form)
        ends = pc.min_max(found.view(count)).as_py()
        if ends["min"] is None or (ends["min"] >= _FIRST[kind] and ends["max"] < _LAST[kind]):
            return found
    except pa.ArrowException:
        pass  # in a form that Arrow does not read; ours may
    read = _date if kind == "date" else _moment
    texts = values.to_pylist() if isinstance(values, pa.Array) else values
    return pa.array([None if text is None else read(text) for text in texts], form)


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _moment(text: str) -> datetime:
    """In UTC; a time without a zone is taken as UTC. Raises ValueError, OverflowError."""
    if not _DATETIME.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text.upper())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass
class Seen:
    """What one column was seen to hold."""

    declared: Kind | None
    temporal: bool = True  # every text so far is what the schema's date format promises
    exact: bool = True  # every whole number so far is one as a float, too
    kinds: set[Kind] = field(default_factory=set)

    def look(self, values: Sequence[Any]) -> None:
        """At some more values."""
        types = set(map(type, values)) - {_NOTHING}
        for held in types & _HELD.keys():
            self.kinds.add(_HELD[held])
        if int in types:
            self._look_at_numbers([value for value in values if type(value) is int])
        if str in types and self.temporal and self.declared in {"date", "datetime"}:
            try:
                array(self.declared, [value for value in values if type(value) is str])
            except MisfitError:
                self.temporal = False

    def _look_at_numbers(self, numbers: Sequence[int]) -> None:
        inside = [number for number in numbers if -(2**63) <= number < 2**63]
        if inside:
            self.kinds.add("integer")
        for number in numbers:
            fits = _fits_double(number)
            self.exact = self.exact and fits
            if not -(2**63) <= number < 2**63:
                self.kinds.add("number" if fits else "json")

    def kind(self) -> Kind:
        """The narrowest kind that holds everything."""
        if not self.kinds:
            return self.declared or "text"
        if self.kinds <= {"integer", "number"}:
            if self.kinds == {"integer"} and not (self.declared == "number" and self.exact):
                return "integer"
            return "number" if self.exact else "json"
        if self.kinds == {"text"}:
            fits = self.temporal and self.declared in {"date", "datetime"}
            return self.declared if fits and self.declared else "text"
        return next(iter(self.kinds)) if len(self.kinds) == 1 else "json"


_HELD: Mapping[type, Kind] = {bool: "boolean", float: "number", str: "text", dict: "json",
                              list: "json"}


def _fits_double(value: float) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


def declared(sub: Any) -> Kind | None:
    """What a field's schema says it holds, where it says one thing."""
    if not isinstance(sub, Mapping):
        return None
    types = sub.get("type")
    names = [types] if isinstance(types, str) else types if isinstance(types, list) else []
    names = [name for name in names if name != "null"]
    if len(names) != 1:
        return None
    if names[0] == "string" and sub.get("format") in {"date", "date-time"}:
        return "date" if sub["format"] == "date" else "datetime"
    return _DECLARED.get(names[0])
