"""The validator's findings in plain sentences. Values in them are bounded: they are hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from jsonschema.exceptions import ValidationError

_TYPES = {
    "string": "text", "integer": "a whole number", "number": "a number",
    "boolean": "true or false", "object": "an object", "array": "a list", "null": "null",
}
_SAID_OF_LIMITS = {
    "minimum": "{value} is less than the minimum of {limit}",
    "maximum": "{value} is more than the maximum of {limit}",
    "exclusiveMinimum": "{value} must be more than {limit}",
    "exclusiveMaximum": "{value} must be less than {limit}",
    "multipleOf": "{value} is not a multiple of {limit}",
    "minLength": "{value} is shorter than {limit} characters",
    "maxLength": "{value} is longer than {limit} characters",
    "minItems": "the list has {count} items, at least {limit} are needed",
    "maxItems": "the list has {count} items, at most {limit} are allowed",
    "minProperties": "the object has {count} fields, at least {limit} are needed",
    "maxProperties": "the object has {count} fields, at most {limit} are allowed",
    "pattern": "{value} does not match the pattern {limit}",
    "format": "{value} is not a valid {limit}",
    "const": "{value} is not {limit}",
    "enum": "{value} is not one of {limit}",
    "uniqueItems": "the list holds the same item twice",
    "not": "{value} is of a kind the schema rules out",
    "anyOf": "{value} fits none of the allowed forms",
    "oneOf": "{value} does not fit exactly one of the allowed forms",
    "contains": "the list holds too few or too many of the asked items",
    "dependentRequired": "a field is missing that another one calls for",
}


def instance_path(parts: Iterable[str | int]) -> str:
    """``items[0].price`` for the path of a value."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return shown_text(text, 200)


def sentence(error: ValidationError) -> str:
    """What is wrong with a value, without its path."""
    keyword = str(error.validator)
    value: Any = error.instance
    limit: Any = error.validator_value
    if keyword == "required":
        missing = [str(name) for name in limit if name not in value]
        return f"{_listed(missing)} missing"
    if keyword == "additionalProperties" and isinstance(value, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        extra = [str(name) for name in value if name not in known]
        return f"{_listed(extra)} not in the schema"
    if keyword == "type":
        types = limit if isinstance(limit, list) else [limit]
        wanted = " or ".join(_TYPES.get(str(name), str(name)) for name in types)
        return f"{shown(value)} is not {wanted}"
    if keyword in _SAID_OF_LIMITS:
        count = len(value) if isinstance(value, list | dict) else 0
        return _SAID_OF_LIMITS[keyword].format(
            value=shown(value), limit=shown(limit, plain=keyword == "format"), count=count
        )
    return shown_text(error.message, 200)


def shown(value: Any, *, plain: bool = False, most: int = 80) -> str:
    """A value as JSON, shortened; an enum as a list of words."""
    if plain and isinstance(value, str):
        return shown_text(value, most)
    if isinstance(value, list) and value and not any(isinstance(v, list | dict) for v in value):
        return shown_text(", ".join(json.dumps(v, ensure_ascii=False) for v in value), most * 2)
    try:
        return shown_text(json.dumps(value, ensure_ascii=False), most)
    except (TypeError, ValueError, RecursionError):
        return "the value"


def shown_text(text: str, most: int) -> str:
    """One printable line of at most ``most`` characters."""
    if not text.isprintable():  # marks that turn the line around, too
        text = "".join(char if char.isprintable() else " " for char in text)
    line = re.sub(" +", " ", text)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _listed(names: list[str]) -> str:
    shown_names = [shown_text(name, 60) for name in names[:5]]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(shown_names)}{more} {'is' if len(names) == 1 else 'are'}"
