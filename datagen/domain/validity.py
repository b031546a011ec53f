"""Whether a record fits its schema, found out quickly where that is sure.

``jsonschema`` is the reference and has the last word: what is wrong with a record, and whether
anything is. ``jsonschema-rs``, a hundred times as fast, may only say yes, and only to schemas
without keywords that the two read differently, or with which a record can keep it busy for
ever: nothing could end that. Patterns, formats and multiples are left to the reference's own
rules in there too. tests/domain/test_validity.py lets both judge a large corpus.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from datagen.domain.exact import RecordValidator, is_multiple
from datagen.domain.schema import paths

_FORMATS = Draft202012Validator.FORMAT_CHECKER
_MEANT = frozenset({  # read alike by both, in time that grows with schema times record
    "type", "enum", "const", "properties", "required", "additionalProperties", "propertyNames",
    "items", "prefixItems", "contains", "minContains", "maxContains", "uniqueItems",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "minProperties",
    "maxProperties", "dependentRequired", "dependentSchemas", "allOf", "anyOf", "oneOf", "not",
    "if", "then", "else",
})
_SAID = frozenset({  # of no consequence to both
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
    "$comment",
})

IsValid = Callable[[Any], bool]


class Validity:
    """Judges the values of one schema and of its parts; safe to share between threads."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._reference = RecordValidator(dict(schema), format_checker=_FORMATS)
        self._quick = quick(schema)
        # By the identity of a part of the schema, which is kept beside its validator.
        self._parts: dict[int, tuple[Any, IsValid]] = {}

    def errors(self, value: Any) -> Iterator[ValidationError]:
        """What is wrong with a value, in no order; nothing when it fits."""
        if not says_yes(self._quick, value):
            yield from self._reference.iter_errors(value)

    def fits(self, part: Any, value: Any) -> bool:
        """Whether a value fits a part of the schema."""
        known = self._parts.get(id(part))
        if known is None:
            known = self._parts[id(part)] = (part, self._judge(part))
        return known[1](value)

    def _judge(self, part: Any) -> IsValid:
        found = quick(part)
        reference: IsValid = self._reference.evolve(schema=part).is_valid
        return lambda value: says_yes(found, value) or reference(value)


def says_yes(found: IsValid | None, value: Any) -> bool:
    """Whether the quick one accepts; what it stumbles over is for the reference."""
    try:
        return found is not None and found(value)
    except Exception:  # noqa: BLE001 - depths, sizes and halves of characters that it can't take
        return False


def quick(schema: Any) -> IsValid | None:
    """The quick validator of a schema on which it and the reference agree; None of others."""
    if not isinstance(schema, Mapping):
        return None
    bare = {keyword: value for keyword, value in schema.items() if keyword != "$schema"}
    try:
        if not all(_is_agreed(node) for _, node in paths.walk(bare)):
            return None
        return jsonschema_rs.Draft202012Validator(
            bare, validate_formats=True, offline=True,
            formats={name: partial(_FORMATS.conforms, format=name) for name in _FORMATS.checkers},
            keywords={"pattern": _Pattern, "multipleOf": _MultipleOf},
        ).is_valid
    except (ValueError, TypeError, RecursionError, jsonschema_rs.ReferencingError):
        return None  # it is no schema to it


def _is_agreed(node: Any) -> bool:
    if not isinstance(node, Mapping):
        return isinstance(node, bool)
    return node.get("format", "") in {"", *_FORMATS.checkers} and all(
        keyword in _MEANT or keyword in _SAID or str(keyword).startswith("x-")
        for keyword in node)


class _Pattern:
    """``pattern`` in Python's dialect, as the reference reads it."""

    def __init__(self, _parent: Any, value: str, _path: Any) -> None:
        self._search = re.compile(value).search

    def validate(self, value: Any) -> None:
        if isinstance(value, str) and not self._search(value):
            raise ValueError("no match")


class _MultipleOf:
    """``multipleOf`` in decimals."""

    def __init__(self, _parent: Any, value: float, _path: Any) -> None:
        self._step = value

    def validate(self, value: Any) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not is_multiple(value, self._step):
            raise ValueError("no multiple")
