"""Which words are keywords of a schema, and what models write in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from datagen.domain.schema import paths
from datagen.domain.schema.types import of_word

KEYWORDS = (
    *paths.MAPS, *paths.LISTS, *paths.SINGLES, "$ref", "$anchor", "$dynamicRef",
    "$dynamicAnchor", "$comment", "type", "enum", "const", "multipleOf", "maximum",
    "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
    "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties",
    "minProperties", "required", "dependentRequired", "title", "description", "default",
    "deprecated", "readOnly", "writeOnly", "examples", "format", "contentEncoding",
    "contentMediaType",
)
FLAGS = frozenset({"nullable", "optional", "min", "max"})  # understood, never kept
IGNORED = ("$schema", "$id", "id", "example", "name", "key", "field", "unique", "index",
            "strict", "primary_key")
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "type": ("datatype", "fieldtype", "valuetype"),
    "description": ("desc", "details", "comment", "meaning", "notes", "note", "explanation"),
    "enum": ("values", "options", "choices", "allowed", "allowedvalues", "possiblevalues",
             "enumvalues", "classes"),
    "properties": ("fields", "columns", "attributes"),
    "items": ("itemtype", "itemstype", "elementtype", "elements", "item"),
    "pattern": ("regex", "regexp"),
    "minimum": ("minvalue", "lowerbound"),
    "maximum": ("maxvalue", "upperbound"),
    "maxLength": ("length",),
    "required": ("isrequired", "mandatory"),
    "optional": ("isoptional",),
    "nullable": ("isnullable",),
}
_CANONICAL = {
    **{word.lower(): word for word in (*KEYWORDS, *FLAGS)},
    **{synonym: word for word, synonyms in _SYNONYMS.items() for synonym in synonyms},
}
_HINTS = frozenset({
    "type", "properties", "items", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "format",
    "pattern", "minimum", "maximum", "minLength", "maxLength", "prefixItems", "minItems",
    "maxItems", "$defs", "$schema",
})


def canonical(key: str) -> str | None:
    """The keyword a key stands for; None for one that means nothing in a schema."""
    if key in KEYWORDS or key in FLAGS or key.startswith("x-"):
        return key
    return _CANONICAL.get(re.sub(r"[\s_-]", "", key).lower())


def only_keywords(value: Mapping[str, Any]) -> bool:
    """Whether all keys are a schema's, so that the object can be one."""
    return all(isinstance(key, str) and (canonical(key) or key in IGNORED) for key in value)


def is_schema(value: Mapping[str, Any]) -> bool:
    """Whether an object is a schema, rather than a record or a list of named fields."""
    fields, kind = value.get("properties"), value.get("type", "object")
    if isinstance(fields, Mapping | list) and isinstance(kind, str) and kind == "object":
        return True
    if not only_keywords(value) or not {canonical(key) for key in value} & _HINTS:
        return False
    type_ = next((v for k, v in value.items() if canonical(k) == "type"), None)
    if type_ is None:
        return True
    words = type_ if isinstance(type_, list) else [type_]
    return all((isinstance(w, str) and of_word(w) is not None) or isinstance(w, Mapping)
               for w in words)


_GREATEST = 1e300


def number(value: Any, *, whole: bool) -> int | float | None:
    """A limit as a number, where it is one or is written as one; None else."""
    if isinstance(value, str):
        text = value.strip().replace(",", "").replace("_", "")
        if not re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,18})?", text):
            return None
        value = float(text) if "." in text else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not -_GREATEST <= value <= _GREATEST:  # not a number, or one that nobody reckons with
        return None
    if whole:
        return int(value) if value >= 0 and value == int(value) else None
    return value


def truth(value: Any) -> bool:
    """Whether a flag is set, written as true, "true" or "yes"."""
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "yes"})
