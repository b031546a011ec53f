"""One schema out of several that must all hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
NEVER: Schema = {"not": {}}  # what ``false`` means
_ALL_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")


def as_mapping(schema: Any) -> Schema:
    """``true`` and ``false`` as schemas with keywords."""
    if isinstance(schema, Mapping):
        return schema
    return {} if schema is not False else NEVER


def merged(first: Any, second: Any) -> Schema:
    """A schema that asks for what both ask for, as far as one can be written.

    Where it can't (two patterns, two formats) the first one's keyword stays: a value is
    checked against the schemas as they were written, and made again.
    """
    one, two = as_mapping(first), as_mapping(second)
    if not one or not two:
        return one or two
    result = dict(one)
    for key, value in two.items():
        if key not in result:
            result[key] = value
        elif result[key] != value:
            join = _JOINS.get(key)
            result[key] = join(result[key], value) if join is not None else result[key]
    return result


def types_of(schema: Schema) -> tuple[str, ...]:
    """The types a schema names; empty when it names none."""
    named = schema.get("type", ())
    return (named,) if isinstance(named, str) else tuple(named)


def _types(one: Any, two: Any) -> list[str]:
    first, second = types_of({"type": one}), types_of({"type": two})
    both = [name for name in first if name in second]
    if "integer" in first + second and "number" in first + second and "integer" not in both:
        both.append("integer")
    return both or ["nothing fits both"]


def _enums(one: Any, two: Any) -> list[Any]:
    return [value for value in one if value in two]


def _each(one: Any, two: Any) -> dict[str, Any]:
    return {key: merged(one[key], two[key]) if key in one and key in two
            else one.get(key, two.get(key)) for key in {**one, **two}}


def _required(one: Any, two: Any) -> list[str]:
    return list(dict.fromkeys([*one, *two]))


def _needs(one: Any, two: Any) -> dict[str, Any]:
    return {key: _required(one.get(key, ()), two.get(key, ())) for key in {**one, **two}}


def _step(one: Any, two: Any) -> Any:
    if isinstance(one, int) and isinstance(two, int):
        return math.lcm(one, two)
    return max(one, two)


def _prefix(one: Any, two: Any) -> list[Any]:
    longest = one if len(one) >= len(two) else two
    return [merged(a, b) for a, b in zip(one, two, strict=False)] + list(
        longest[min(len(one), len(two)):])


def _both(one: Any, two: Any) -> list[Any]:
    return [*one, *two]


_JOINS: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types, "enum": _enums, "required": _required, "multipleOf": _step,
    "properties": _each, "patternProperties": _each, "dependentSchemas": _each,
    "dependentRequired": _needs, "items": merged, "additionalProperties": merged,
    "propertyNames": merged, "contains": merged, "prefixItems": _prefix, "allOf": _both,
    "anyOf": lambda one, two: [merged(a, b) for a in one for b in two],
    "oneOf": lambda one, two: [merged(a, b) for a in one for b in two],
    "not": lambda one, two: {"anyOf": [one, two]},
    "uniqueItems": lambda one, two: one or two,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties",
                     "minContains"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties",
                     "maxContains"), min),
}

_HINTS = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties",
                "minProperties", "maxProperties", "propertyNames", "dependentRequired",
                "dependentSchemas")),
    ("array", ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
    ("string", ("minLength", "maxLength", "pattern", "format")),
)


def likely_type(schema: Schema) -> str:
    """The type that the keywords of a schema without ``type`` are about."""
    for name, keywords in _HINTS:
        if any(key in schema for key in keywords):
            return name
    return "string"


def other_types(schema: Schema) -> tuple[str, ...]:
    """All types a schema without ``type`` leaves open."""
    return _ALL_TYPES if "type" not in schema else types_of(schema)
