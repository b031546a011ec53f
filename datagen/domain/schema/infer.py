"""A schema from what somebody pastes: a schema of their own, or records as JSON or CSV.

No model is asked. Records show types, formats and repeated values; limits they do not show,
so none are made up. Every record that was read fits the schema that is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jsonschema import Draft202012Validator

from datagen.domain.depth import is_deeper
from datagen.domain.errors import InputError
from datagen.domain.schema import paths, types
from datagen.domain.schema.check import (
    DIALECT,
    MAX_JSON_DEPTH,
    problems,
    sanitise,
    too_big,
    unfit,
)
from datagen.domain.schema.csv_sample import read_csv, strictly

MAX_PASTED = 500_000  # characters
MAX_RECORDS = 5_000  # records looked at; more say nothing new
_FEW = 10  # distinct values that can be a list of allowed ones
_OFTEN = 2  # times each of them stands there, on average
_SHORT = 40  # characters of an allowed value
_FORMATS = Draft202012Validator.FORMAT_CHECKER


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """What was pasted, as a schema."""

    schema: Mapping[str, Any]
    kind: Literal["schema", "records"]
    records: int = 0  # how many were looked at; 0 for a schema
    notes: tuple[str, ...] = ()  # what the records could not tell, in sentences


def read_pasted(text: str) -> Inferred:
    """The schema in a text: a JSON Schema, one or more JSON records, JSON lines, or CSV.

    Raises InputError that says what can't be read, and where.
    """
    text = text.removeprefix("\ufeff").strip()
    if not text:
        raise InputError("Paste a JSON Schema, a record as JSON, or CSV with a header row.")
    if len(text) > MAX_PASTED:
        raise InputError(f"This is longer than {MAX_PASTED:,} characters. A few dozen records "
                         "are enough.")
    if text[0] not in "{[":
        return of_records(read_csv(text, MAX_RECORDS))
    value = _json(text)
    found = _schema_in(value)
    if found is not None:
        return _given(found)
    return of_records(value if isinstance(value, list) else [value])


def of_records(records: Sequence[Any]) -> Inferred:
    """The schema that all the records fit. Raises InputError where there is none."""
    if not records or not all(isinstance(record, Mapping) for record in records):
        raise InputError("A sample is a JSON object, or a list of objects: one per record.")
    if is_deeper(list(records), MAX_JSON_DEPTH):
        raise InputError("The records are nested too deeply.")
    seen = records[:MAX_RECORDS]
    notes: list[str] = []
    schema = {"$schema": DIALECT, **_node(seen, "", notes)}
    found = unfit(schema) or too_big(schema) or next(iter(problems(schema)), None)
    if found:
        raise InputError(f"{found.path}: {found.message}" if found.path else found.message,
                         (found,))
    return Inferred(schema=schema, kind="records", records=len(seen), notes=tuple(notes[:20]))


def _given(schema: Mapping[str, Any]) -> Inferred:
    dialect = schema.get("$schema", DIALECT)
    notes = () if dialect == DIALECT else (
        "The schema named another draft; it is read as 2020-12.",)
    clean = sanitise(schema)
    return Inferred(schema=clean, kind="schema", notes=notes)


def _json(text: str) -> Any:
    try:
        return strictly(text)
    except RecursionError as exc:
        raise InputError("This is nested too deeply.") from exc
    except json.JSONDecodeError as exc:
        records = _lines(text)
        if records is not None:
            return records
        raise InputError(f"The JSON can't be read. Line {exc.lineno}, column {exc.colno}: "
                         f"{exc.msg}.") from exc
    except ValueError as exc:
        raise InputError("NaN and Infinity are not JSON; write null instead.") from exc


def _lines(text: str) -> list[Any] | None:
    """JSON lines, one record each; None when a line is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return [strictly(line) for line in lines] if len(lines) > 1 else None
    except (ValueError, RecursionError):
        return None


def _schema_in(value: Any) -> Mapping[str, Any] | None:
    """The schema a value is, or wraps as ``{"name": …, "schema": {…}}``; None for records."""
    if not isinstance(value, Mapping):
        return None
    inside = [value.get(key) for key in ("schema", "json_schema", "parameters")]
    for inner in (value, *inside, value.get("items") if value.get("type") == "array" else None):
        if isinstance(inner, Mapping) and _is_schema(inner):
            return inner
        deeper = inner.get("schema") if isinstance(inner, Mapping) else None
        if isinstance(deeper, Mapping) and _is_schema(deeper):
            return deeper
    return None


def _is_schema(value: Mapping[str, Any]) -> bool:
    fields = value.get("properties")
    if isinstance(fields, Mapping) and all(isinstance(f, Mapping | bool) for f in fields.values()):
        return value.get("type", "object") == "object" or "$schema" in value
    return "$schema" in value or (value.get("type") == "object" and (
        isinstance(value.get("$ref"), str)
        or any(isinstance(value.get(key), list) for key in ("allOf", "anyOf", "oneOf"))))


def _node(values: Sequence[Any], path: str, notes: list[str]) -> dict[str, Any]:
    """The schema of all values that stood in one place."""
    solid = [value for value in values if value is not None]
    if not solid:
        notes.append(f"{path} was empty in every record; taken as text")
        return {"type": ["string", "null"]}
    kinds = _kinds(solid)
    node: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else list(kinds)}
    if "object" in kinds:
        node |= _fields([v for v in solid if isinstance(v, Mapping)], path, notes)
    if "array" in kinds:
        node["items"] = _items([v for v in solid if isinstance(v, list)], path, notes)
    if kinds == ["string"]:
        node |= _text(solid)
    return types.nullable(node) if len(solid) < len(values) else node


def _kinds(values: Sequence[Any]) -> list[str]:
    """The types, each once; a field of 1 and 2.5, or of 1.0, is of numbers."""
    found = dict.fromkeys("number" if isinstance(v, float) else types.type_of(v) for v in values)
    return [kind for kind in found if kind != "integer" or "number" not in found]


def _fields(records: Sequence[Mapping[str, Any]], path: str, notes: list[str]) -> dict[str, Any]:
    names = dict.fromkeys(name for record in records for name in record if name != "__proto__")
    required = [name for name in names if all(name in record for record in records)]
    return {
        "properties": {
            name: _node([record[name] for record in records if name in record],
                        f"{path}.{name}" if path else name, notes)
            for name in names
        },
        **({"required": required} if required else {}),
        "additionalProperties": False,
    } if names else {}


def _items(lists: Sequence[list[Any]], path: str, notes: list[str]) -> dict[str, Any]:
    items = [item for one in lists for item in one]
    if items:
        return _node(items, path + paths.LIST, notes)
    notes.append(f"{path} was an empty list in every record; its items are taken as text")
    return {"type": "string"}


def _text(values: Sequence[str]) -> dict[str, Any]:
    formats = {_format(value) for value in values}
    if len(formats) == 1 and None not in formats:
        return {"format": formats.pop()}
    known = dict.fromkeys(values)
    few = 1 < len(known) <= min(_FEW, len(values) // _OFTEN)
    return {"enum": list(known)} if few and all(0 < len(v) <= _SHORT for v in known) else {}


def _format(text: str) -> str | None:
    """The format a text shows, and that our check of formats sees in it too."""
    name = types.of_example(text).get("format") if text == text.strip() else None
    return name if name and _FORMATS.conforms(text, name) else None

