"""What is wrong with a schema, and the form in which one is stored.

The official meta-schema decides what a schema is; what it lets pass, but no record or no
engine could live with, is looked for besides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from datagen.domain.depth import is_deeper
from datagen.domain.errors import InputError, Problem
from datagen.domain.schema import paths
from datagen.domain.schema.ambiguity import is_explosive
from datagen.domain.schema.contradictions import contradictions, endless
from datagen.domain.schema.explain import shown, shown_text
from datagen.domain.schema.metaschema import META
from datagen.domain.schema.types import JSON_TYPES, fits_type
from datagen.domain.schema.vocabulary import KEYWORDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES = 256 * 1024
MAX_FIELDS = 200
MAX_LEVELS = 10  # objects and lists inside one another
MAX_JSON_DEPTH = 64  # brackets inside one another; ten levels need about 40
MAX_PROBLEMS = 20  # told at once
MAX_PATTERN = 1_000  # characters
MAX_PATTERNS = 20_000  # characters of all patterns together
MAX_PARTS = 2_000  # schemas inside the schema
MAX_REFERENCES = 200  # what they lead to is looked at for each of them

_KNOWN = frozenset({*KEYWORDS, "$schema"})


def problems(schema: Any) -> tuple[Problem, ...]:
    """Everything wrong with a schema, at most MAX_PROBLEMS; empty when it can be used."""
    found = unfit(schema) or too_big(schema)
    if found:
        return (found,)
    return tuple(islice(_not_by_the_book(schema), MAX_PROBLEMS)) or tuple(
        dict.fromkeys(islice(_preflight(schema), MAX_PROBLEMS))
    )


def sanitise(schema: Any) -> dict[str, Any]:
    """The schema as it is stored: canonical ``$schema``, an object at the root, no keyword
    that draft 2020-12 does not know (``x-…`` aside).

    Doing it again changes nothing. Raises InputError where it can't be walked at all.
    """
    found = unfit(schema)
    if found:
        raise InputError(found.message, (found,))
    clean = _clean(schema)
    clean.pop("$schema", None)
    if "type" not in clean and isinstance(clean.get("properties"), dict):
        clean = {"type": "object", **clean}
    return {"$schema": DIALECT, **clean}


def unfit(schema: Any) -> Problem | None:
    """Why a value can't even be looked at as a schema; None when it can."""
    if isinstance(schema, bool):
        return Problem(path="", message="true and false are schemas without fields. "
                                        "Describe an object with properties.")
    if not isinstance(schema, Mapping):
        return Problem(path="", message="The schema must be a JSON object.")
    if is_deeper(schema, MAX_JSON_DEPTH):
        return Problem(path="", message=f"The schema is nested too deeply: at most {MAX_LEVELS} "
                                        "levels are allowed.")
    try:
        size = len(json.dumps(schema, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError):  # NaN, a lone surrogate, something that is not JSON
        return Problem(path="", message="The schema holds values that are not JSON.")
    if size > MAX_BYTES:
        return Problem(path="", message=f"The schema is {size // 1024} KiB; at most "
                                        f"{MAX_BYTES // 1024} KiB are allowed.")
    return None


def _clean(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    clean: dict[str, Any] = {}
    for keyword, value in node.items():
        if keyword in paths.MAPS and isinstance(value, Mapping):
            clean[keyword] = {
                name: _clean(child) for name, child in value.items() if name != "__proto__"
            }
        elif keyword in paths.LISTS and isinstance(value, list):
            clean[keyword] = [_clean(child) for child in value]
        elif keyword in paths.SINGLES:
            clean[keyword] = _clean(value)
        elif keyword in _KNOWN or str(keyword).startswith("x-"):
            clean[keyword] = value
    return clean


def _not_by_the_book(schema: Mapping[str, Any]) -> Iterator[Problem]:
    for error in META.iter_errors(schema):
        place = list(error.absolute_path)
        path = paths.of_pointer(place)
        keyword = next((str(p) for p in reversed(place) if isinstance(p, str)), "")
        if keyword == "type":
            text = f"{shown(error.instance)} is not a type. Use {', '.join(JSON_TYPES)}."
        elif keyword and not path.endswith(keyword):
            text = f"{keyword} can't be {shown(error.instance)}."
        else:
            text = f"{shown(error.instance)} is not a schema."
        yield Problem(path=path, message=text)


def _preflight(schema: Mapping[str, Any]) -> Iterator[Problem]:
    if schema.get("type", "object") != "object":
        yield Problem(path="", message='The type at the root must be "object".')
    if not schema.get("properties"):
        yield Problem(path="", message="The schema has no fields. Add at least one.")
    known = paths.References(schema)
    for place, node in paths.walk(schema):
        if isinstance(node, Mapping):
            path = paths.of_pointer(place)
            for text in (*contradictions(node, place), *_bad_patterns(node), *_bad_values(node),
                         *_undeclared(schema, known, place, node),
                         *_bad_references(known, node, bool(place))):
                yield Problem(path=path, message=text)
    for place, text in endless(schema):
        yield Problem(path=paths.of_pointer(place), message=text)


def too_big(schema: Mapping[str, Any]) -> Problem | None:
    """Too many fields, levels or parts; looked for first, the rest takes time in a big schema."""
    fields = parts = references = patterns = 0
    for place, node in paths.walk(schema):
        parts += 1
        if _levels(place) > MAX_LEVELS:
            return Problem(path=paths.of_pointer(place),
                           message=f"This is nested more than {MAX_LEVELS} levels deep.")
        if isinstance(node, Mapping):
            known = node.get("properties")
            fields += len(known) if isinstance(known, Mapping) else 0
            references += len({"$ref", "$dynamicRef"} & node.keys())
            patterns += sum(map(len, _patterns(node)))
    for count, most, what in (
        (fields, MAX_FIELDS, "fields"), (parts, MAX_PARTS, "parts"),
        (references, MAX_REFERENCES, "references"),
        (patterns, MAX_PATTERNS, "characters of patterns"),
    ):
        if count > most:
            return Problem(path="", message=f"The schema has {count:,} {what}; at most {most:,} "
                                            "are allowed.")
    return None


def _levels(place: tuple[str | int, ...]) -> int:
    return len(re.findall(r"[.\[]", f".{paths.of_pointer(place)}")) if place else 0


def _patterns(node: Mapping[str, Any]) -> Iterator[str]:
    named = node.get("patternProperties")
    for pattern in (node.get("pattern"), *(named if isinstance(named, Mapping) else ())):
        if isinstance(pattern, str):
            yield pattern


def _bad_patterns(node: Mapping[str, Any]) -> Iterator[str]:
    for pattern in _patterns(node):
        fault = pattern_fault(pattern)
        if fault:
            yield fault


def pattern_fault(pattern: str) -> str:
    """Why a pattern can't be used, in a sentence; "" when it can."""
    if len(pattern) > MAX_PATTERN:
        return f"The pattern is longer than {MAX_PATTERN:,} characters."
    try:
        re.compile(pattern)
        explosive = is_explosive(pattern)
    except (re.error, RecursionError, OverflowError) as exc:
        return f"The pattern {shown(pattern)} can't be read: {shown_text(str(exc), 80)}."
    return (
        f"The pattern {shown(pattern)} could take for ever on some texts: a repeat inside a "
        "repeat can match the same text in many ways. Write it with one repeat."
    ) if explosive else ""


def _bad_values(node: Mapping[str, Any]) -> Iterator[str]:
    if "enum" not in node:
        return
    if not node["enum"]:
        yield "The list of allowed values is empty."
    elif "type" in node and not any(fits_type(v, node["type"]) for v in node["enum"]):
        yield f"No allowed value is of the type {shown(node['type'], plain=True)}."


def _undeclared(
    root: Mapping[str, Any], references: paths.References, place: tuple[str | int, ...],
    node: Mapping[str, Any],
) -> Iterator[str]:
    """Required fields that neither the object nor any branch of it declares."""
    if "properties" in node and node.get("required"):
        known = _declared(references, paths.owner(root, place))
        for name in node["required"]:
            if name not in known:
                yield f"{shown(name)} is required, but there is no such field."


def _declared(references: paths.References, owner: Any) -> set[str]:
    names: set[str] = set()
    seen: set[int] = set()
    waiting = [owner]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping) and id(node) not in seen:
            seen.add(id(node))
            names.update(node.get("properties", ()))
            waiting += _in_place(references, node)
    return names


def _bad_references(
    references: paths.References, node: Mapping[str, Any], inner: bool
) -> Iterator[str]:
    if inner and "$id" in node:
        yield "$id is allowed at the root only."
    for keyword in ("$ref", "$dynamicRef"):
        ref = node.get(keyword)
        if ref is None:
            continue
        try:
            references.resolve(ref)
        except LookupError:
            yield (f"{keyword} {shown(ref)} points at nothing in this schema."
                   if ref.startswith("#") else
                   f"{keyword} {shown(ref)} points outside this schema. Copy what it means "
                   "into $defs.")
        else:
            if _comes_back(references, node):
                yield f"{keyword} {shown(ref)} leads back to itself without end."


def _comes_back(references: paths.References, start: Mapping[str, Any]) -> bool:
    """Whether in-place steps ($ref, allOf, …) lead from a node to itself."""
    return paths.leads_back(start, lambda node: _in_place(references, node))


def _in_place(references: paths.References, node: Any) -> Iterator[Any]:
    for step, child in paths.children(node):
        if step[0] in paths.IN_PLACE:
            yield child
    for keyword in ("$ref", "$dynamicRef"):
        if isinstance(node, Mapping) and isinstance(node.get(keyword), str):
            try:
                yield references.resolve(node[keyword])
            except LookupError:
                continue
