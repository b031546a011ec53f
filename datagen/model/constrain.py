"""A schema as the decoder of the local model is held to it: stricter, never wider.

A small model rambles wherever it may: texts get an end, numbers a range, lists a length,
formats a pattern without impossible dates. Keywords no decoder can hold are left out;
the product checks every record against the real schema anyway.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from datagen.model import distinct

_WIDE = 1_000_000  # how far a number may go where the schema does not say
_TEXT = 160  # characters of a text without a limit, where the budget allows
_SHORTEST = 24  # characters such a text may always have
_ITEMS = 3  # items of a list without a limit
_CHARS_PER_TOKEN = 2  # of JSON by a small model; low, so that a record ends in time

_DATE = r"(19[5-9]\d|20[0-2]\d)-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"  # days every month has
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
_HOST = r"(www\.)?example\.(com|org|net)"  # reserved names: nobody real is written to
_FORMATS = {
    "date": _DATE,
    "date-time": f"{_DATE}T{_TIME}",
    "time": _TIME,
    "duration": r"P[1-9]\d?D|PT[1-9]\d?[HM]",
    "email": r"[a-z]{2,12}(\.[a-z]{2,12})?@example\.(com|org|net)",
    "hostname": _HOST,
    "ipv4": r"(192\.0\.2|198\.51\.100|203\.0\.113)\.([1-9]|[1-9]\d|1\d\d|2[0-4]\d)",
    "ipv6": r"2001:db8(:[1-9a-f][0-9a-f]{0,3}){6}",
    "uri": rf"https://{_HOST}(/[a-z][a-z0-9-]{{1,15}}){{1,2}}",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
}
_FORMATS |= {"idn-email": _FORMATS["email"], "idn-hostname": _FORMATS["hostname"],
             "iri": _FORMATS["uri"], "uri-reference": _FORMATS["uri"],
             "iri-reference": _FORMATS["uri"]}
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_CHOICES = ("anyOf", "oneOf", "allOf")
_OPTIONS = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ",
            "lenient": True, "coerce_one_of": True}


def grammars(schema: Mapping[str, Any], *, max_tokens: int) -> Iterator[str]:
    """Grammars for the schema, the strictest first; a next one for a decoder that can't it."""
    for patterns in (True, False):
        try:
            yield grammar(schema, max_tokens=max_tokens, patterns=patterns)
        except (TypeError, ValueError, AttributeError, KeyError, RecursionError):
            break  # a keyword holds what it may not: only the rules of JSON are left
    yield grammar({"type": "object"}, max_tokens=max_tokens)


def grammar(schema: Mapping[str, Any], *, max_tokens: int, patterns: bool = True) -> str:
    """The schema as a grammar of the decoder; without ``patterns`` where it can't take them."""
    size = _measure(schema)
    room = max_tokens * _CHARS_PER_TOKEN - size.fixed
    text = max(_SHORTEST, min(_TEXT, room // max(1, size.texts)))
    narrow = _Narrow(text=text, patterns=patterns).schema(schema)
    narrow = narrow if isinstance(narrow, dict) else {"type": "object"}
    return "%llguidance {}\nstart: %json " + json.dumps(narrow | {"x-guidance": _OPTIONS})


class _Size(NamedTuple):
    """How long one record may get."""

    texts: int  # texts without a limit, those in lists counted as often as they may be there
    fixed: int  # characters of all the rest


def _measure(node: Any) -> _Size:
    if not isinstance(node, Mapping):
        return _Size(0, 8)
    if "enum" in node or "const" in node:
        return _Size(0, len(json.dumps(node.get("enum", [node.get("const")]))))
    if "properties" in node:
        parts = [_measure(part) for part in node["properties"].values()]
        keys = sum(len(name) + 6 for name in node["properties"])
        return _Size(sum(p.texts for p in parts), keys + sum(p.fixed for p in parts))
    if "items" in node:
        one, times = _measure(node["items"]), _length(node)[1]
        return _Size(one.texts * times, (one.fixed + 2) * times)
    parts = [_measure(part) for name in _CHOICES for part in node.get(name, ())]
    if parts:
        return _Size(max(p.texts for p in parts), max(p.fixed for p in parts))
    if {"string"} & set(_types(node)) and not {"format", "pattern"} & set(node):
        limit = int(node.get("maxLength", _TEXT))
        return _Size(1, 2) if limit > _SHORTEST else _Size(0, limit + 2)
    return _Size(0, 40 if "string" in _types(node) else 8)


def _types(node: Mapping[str, Any]) -> list[str]:
    kind = node.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _length(node: Mapping[str, Any]) -> tuple[int, int]:
    """Fewest and most items of a list."""
    low = int(node.get("minItems", 0))
    high = int(node.get("maxItems", max(low, _ITEMS)))
    return low, max(low, min(high, low + _ITEMS))


class _Narrow:
    """Copies a schema, part by part."""

    def __init__(self, *, text: int, patterns: bool) -> None:
        self._text = text
        self._patterns = patterns

    def schema(self, node: Any, *, closed: bool = True) -> Any:
        """The narrower copy; ``closed`` = an object may have no fields beside its own."""
        if node is True:  # anything goes: a text does
            node = {"type": "string"}
        if not isinstance(node, Mapping):
            return node
        if "$ref" in node:
            return {"$ref": node["$ref"]} | self._definitions(node)
        if "const" in node or "enum" in node:
            return {k: node[k] for k in ("const", "enum") if k in node}
        found = self._definitions(node)
        choices = [name for name in _CHOICES if name in node]
        for name in choices:
            found[name] = [self.schema(part, closed=closed and name != "allOf")
                           for part in node[name]]
        types = _types(node) or self._guess(node, choices)
        return found | self._typed(node, types, closed=closed and not choices)

    def _typed(self, node: Mapping[str, Any], types: list[str], *, closed: bool) -> dict[str, Any]:
        """The types, and the limits of each."""
        found: dict[str, Any] = {"type": types[0] if len(types) == 1 else types} if types else {}
        if "string" in types:
            found |= self._string(node)
        if {"integer", "number"} & set(types):
            found |= self._number(node, whole="number" not in types)
        if "array" in types:
            found |= self._array(node)
        if "object" in types:
            found |= self._object(node, closed=closed)
        return found

    def _definitions(self, node: Mapping[str, Any]) -> dict[str, Any]:
        return {name: {key: self.schema(part) for key, part in node[name].items()}
                for name in ("$defs", "definitions") if isinstance(node.get(name), Mapping)}

    def _guess(self, node: Mapping[str, Any], choices: list[str]) -> list[str]:
        """The type where the schema names none: what its keywords are about, else a text."""
        if "properties" in node or "required" in node:
            return ["object"]
        if "items" in node or "prefixItems" in node:
            return ["array"]
        if any(name in node for name in _NUMBERS):
            return ["number"]
        return [] if choices else ["string"]

    def _string(self, node: Mapping[str, Any]) -> dict[str, Any]:
        low, limit = int(node.get("minLength", 0)), node.get("maxLength")
        if self._patterns and "pattern" in node:
            kept = {k: node[k] for k in ("pattern", "minLength") if k in node}
            return kept | {"maxLength": max(low, min(limit or _TEXT, _TEXT))}
        if node.get("format") in _FORMATS:
            return {"pattern": f"^({_FORMATS[node['format']]})$"}
        most = self._text if limit is None else min(limit, max(self._text, _SHORTEST))
        return {"minLength": min(max(low, 1), max(low, most)), "maxLength": max(low, most)}

    def _number(self, node: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
        lows = [node[n] for n in ("minimum", "exclusiveMinimum") if n in node]
        highs = [node[n] for n in ("maximum", "exclusiveMaximum") if n in node]
        low = max(lows, default=min(0, min(highs, default=0) - _WIDE) if highs and min(highs) <= 0
                  else 0)
        high = min(highs, default=max(low, 0) + _WIDE)
        step = 1 if whole else min(0.01, (high - low) / 10)
        if node.get("exclusiveMinimum") == low:
            low += step
        if node.get("exclusiveMaximum") == high:
            high -= step
        found = {"minimum": low, "maximum": high}
        if "multipleOf" in node:
            found["multipleOf"] = node["multipleOf"]
        elif not whole and step == 0.01:  # two decimals, as for money
            found["multipleOf"] = 0.01
        return found

    def _array(self, node: Mapping[str, Any]) -> dict[str, Any]:
        low, high = _length(node)
        found: dict[str, Any] = {"minItems": low, "maxItems": high}
        if "prefixItems" in node:
            found["prefixItems"] = [self.schema(part) for part in node["prefixItems"]]
        items = node.get("items", True)
        found["items"] = {"type": "string", "maxLength": _SHORTEST} if items is True else (
            self.schema(items))
        if node.get("uniqueItems") and "prefixItems" not in node:
            return found | self._unique(found["items"], low, high)
        return found

    def _unique(self, item: Any, low: int, high: int) -> dict[str, Any]:
        """How a list without repetitions is held: each place has values of its own."""
        places = distinct.parts(item, high) if self._patterns and high > 1 else []
        if len(places) < max(low, 2):
            return {"maxItems": max(low, min(high, 1))}  # one item can't repeat
        return {"maxItems": len(places), "prefixItems": places, "items": False}

    def _object(self, node: Mapping[str, Any], *, closed: bool) -> dict[str, Any]:
        fields = dict(node.get("properties", {}))
        required = [str(name) for name in node.get("required", [])]
        fields |= {name: {"type": "string"} for name in required if name not in fields}
        found: dict[str, Any] = {
            "properties": {name: self.schema(part) for name, part in fields.items()},
            "required": required,
        }
        if closed:
            found["additionalProperties"] = False
        return found
