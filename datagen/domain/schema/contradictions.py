"""Parts of a schema that no value can satisfy, told by the keywords that contradict each other."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from jsonschema import Draft202012Validator

from datagen.domain.schema import paths
from datagen.domain.schema.explain import shown
from datagen.domain.schema.hopeless import lengths, matches_nothing
from datagen.domain.schema.types import listed

Node = Mapping[str, Any]
_PAIRS = (
    ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
    ("minProperties", "maxProperties"), ("minContains", "maxContains"),
)
_STRICT_PAIRS = (
    ("exclusiveMinimum", "exclusiveMaximum"), ("exclusiveMinimum", "maximum"),
    ("minimum", "exclusiveMaximum"),
)
_OF_ONE_VALUE = ("type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
                 "multipleOf", "minLength", "maxLength", "pattern", "format", "minItems",
                 "maxItems")
_MAX_TRIED = 200  # allowed values looked at, and characters of each
_CONDITIONAL = frozenset({"if", "then", "else", "not", "anyOf", "oneOf", "dependentSchemas"})


def contradictions(node: Node, place: tuple[str | int, ...]) -> Iterator[str]:
    """A sentence for each reason why no value fits a node that the meta-schema lets pass."""
    yield from _empty_ranges(node)
    yield from _no_number(node)
    yield from _no_text(node)
    yield from _no_allowed_value(node)
    yield from _no_list(node)
    yield from _no_object(node)
    if not _CONDITIONAL.intersection(map(str, place)):
        yield from _forbidden(node)


def _empty_ranges(node: Node) -> Iterator[str]:
    for low, high in _PAIRS:
        if low in node and high in node and node[low] > node[high]:
            yield f"{low} ({shown(node[low])}) is greater than {high} ({shown(node[high])})."
    for low, high in _STRICT_PAIRS:
        if low in node and high in node and node[low] >= node[high]:
            yield f"{low} ({shown(node[low])}) leaves nothing below {high} ({shown(node[high])})."


def _no_number(node: Node) -> Iterator[str]:
    """No whole number, or no multiple, lies between limits that are in order themselves."""
    kinds = {*listed(node.get("type"))} - {"null"}
    step = node.get("multipleOf", 1 if kinds == {"integer"} else None)
    lows = [node[k] for k in ("minimum", "exclusiveMinimum") if k in node]
    highs = [node[k] for k in ("maximum", "exclusiveMaximum") if k in node]
    if step is None or not lows or not highs or not kinds <= {"integer", "number"} or not kinds:
        return
    low, high = max(lows), min(highs)
    if low > high or not all(math.isfinite(n) and abs(n) < 1e15 for n in (low, high, step)):
        return
    open_low, open_high = (node.get(k) == n for k, n in
                           (("exclusiveMinimum", low), ("exclusiveMaximum", high)))
    if step < (high - low) / 3:
        return  # plenty of them; the rest is not worth a rounding error
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    first += open_low and math.isclose(first * step, low)
    last -= open_high and math.isclose(last * step, high)
    if first > last and low <= high:
        what = "whole number" if "multipleOf" not in node else f"multiple of {shown(step)}"
        yield f"There is no {what} from {shown(low)} to {shown(high)}."


def _no_text(node: Node) -> Iterator[str]:
    pattern = node.get("pattern")
    if not isinstance(pattern, str):
        return
    try:
        least, most = lengths(pattern)
        nothing = matches_nothing(pattern)
    except (re.error, RecursionError, OverflowError):
        return  # told as a pattern that can't be read
    if nothing:
        yield f"No text at all matches the pattern {shown(pattern)}."
    elif least > node.get("maxLength", math.inf):
        yield (f"The pattern {shown(pattern)} needs at least {least} characters; maxLength "
               f"allows {shown(node['maxLength'])}.")
    elif most is not None and most < node.get("minLength", 0):
        yield (f"The pattern {shown(pattern)} takes fewer characters than minLength "
               f"({shown(node['minLength'])}) asks for.")


def _no_allowed_value(node: Node) -> Iterator[str]:
    fixed = "const" in node
    values = [node["const"]] if fixed else node.get("enum", [])
    rules = {key: node[key] for key in _OF_ONE_VALUE if key in node and (fixed or key != "type")}
    if not rules or not values or len(values) > _MAX_TRIED or any(
        isinstance(value, str) and len(value) > _MAX_TRIED for value in values
    ):
        return
    validator = Draft202012Validator(
        rules, format_checker=Draft202012Validator.FORMAT_CHECKER)
    try:
        if not any(validator.is_valid(value) for value in values):
            yield ("The fixed value breaks another rule of this field." if fixed else
                   "Each allowed value breaks another rule of this field.")
    except (re.error, RecursionError, OverflowError):
        return  # a pattern that can't be read


def _no_list(node: Node) -> Iterator[str]:
    least = node.get("minItems", 0)
    items, first = node.get("items"), node.get("prefixItems", [])
    if items is False and least > len(first):
        yield f"minItems asks for {least} items; items: false allows {len(first)}."
    values = items.get("enum") if isinstance(items, Mapping) else None
    if node.get("uniqueItems") is True and isinstance(values, list):
        most = len(first) + len(values)
        if values and least > most:
            yield (f"The items must differ, so there can be {most} at most; "
                   f"minItems asks for {least}.")
    if "contains" in node and node.get("minContains", 1) > node.get("maxItems", math.inf):
        yield "minContains asks for more items than maxItems allows."


def _no_object(node: Node) -> Iterator[str]:
    known, required = node.get("properties", {}), node.get("required", [])
    if len(set(required)) > node.get("maxProperties", math.inf):
        yield f"{len(set(required))} fields are required; maxProperties allows fewer."
    if (node.get("additionalProperties") is False and "patternProperties" not in node
            and node.get("minProperties", 0) > len(known)):
        yield f"minProperties asks for more fields than the {len(known)} there are."
    if node.get("additionalProperties") is False and "patternProperties" not in node:
        for name in dict.fromkeys(_asked_inside(node)):
            if name not in known:
                yield (f"{shown(name)} is asked for by a part of the schema, but no other fields "
                       "are allowed. Add it to properties.")


def _asked_inside(node: Node) -> Iterator[str]:
    """Fields that allOf, then and the like require of the same object."""
    for step, child in paths.children(node):
        if step[0] in {"allOf", "then", "else", "anyOf", "oneOf"} and isinstance(child, Mapping):
            yield from child.get("required", ())


def _forbidden(node: Node) -> Iterator[str]:
    for name, child in node.get("properties", {}).items():
        if child is False:
            yield f"{shown(name)} is false: no value is allowed there. Remove it or describe it."
    if node.get("not") is True or node.get("not") == {}:
        yield "not excludes every value."
    for keyword in ("anyOf", "oneOf"):
        if keyword in node and all(choice is False for choice in node[keyword]):
            yield f"{keyword} offers no value at all."
    if any(part is False for part in node.get("allOf", ())):
        yield "allOf holds false: no value is allowed there."


def endless(root: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Places where a required field holds the object it stands in, and so without end."""
    references = paths.References(root)
    for place, node in paths.walk(root):
        if isinstance(node, Mapping) and _needs_itself(references, node):
            yield place, ("This needs another one of its own kind inside it, and so without end. "
                          "Make the field that leads back optional, or let it be null.")


def _needs_itself(references: paths.References, start: Node) -> bool:
    if not start.get("properties"):
        return False
    return paths.leads_back(start, lambda node: _needed(references, node))


def _needed(references: paths.References, node: Any) -> Iterator[Any]:
    """The schemas that a value of this one must hold a value of."""
    if not isinstance(node, Mapping) or "null" in listed(node.get("type")) or "enum" in node:
        return
    if isinstance(node.get("$ref"), str):
        with suppress(LookupError):
            yield references.resolve(node["$ref"])
    yield from node.get("allOf", ())
    if "object" in listed(node.get("type", "object")):
        known = node.get("properties", {})
        yield from (known[name] for name in node.get("required", ()) if name in known)
    least = node.get("minItems", 0)
    if least and "array" in listed(node.get("type")):
        first = node.get("prefixItems", [])
        yield from first[:least]
        if least > len(first) and "items" in node:
            yield node["items"]
