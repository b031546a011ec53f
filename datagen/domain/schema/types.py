"""Types: JSON Schema's own, and the many words that people and models have for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

JSON_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")

_FORMATS: Mapping[str, str] = {
    "date": "date", "day": "date", "datetime": "date-time", "date-time": "date-time",
    "date_time": "date-time", "timestamp": "date-time", "isodate": "date", "time": "time",
    "duration": "duration", "email": "email", "e-mail": "email", "url": "uri", "uri": "uri",
    "link": "uri", "uuid": "uuid", "guid": "uuid", "ipv4": "ipv4", "ipv6": "ipv6", "ip": "ipv4",
    "hostname": "hostname",
}
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("string", "str", "text", "char", "varchar", "character", "phone",
                     "password", "keyword"), "string"),
    **dict.fromkeys(("integer", "int", "int32", "int64", "long", "short", "bigint", "smallint",
                     "uint", "serial", "whole number"), "integer"),
    **dict.fromkeys(("number", "float", "double", "decimal", "numeric", "real", "float64",
                     "float32", "money", "currency", "percentage"), "number"),
    **dict.fromkeys(("boolean", "bool", "true/false", "yes/no", "flag"), "boolean"),
    **dict.fromkeys(("object", "dict", "dictionary", "map", "record", "struct", "json"),
                    "object"),
    **dict.fromkeys(("array", "list", "set", "sequence", "tuple"), "array"),
    **dict.fromkeys(("null", "none", "nil"), "null"),
}
_LIST_OF = re.compile(
    r"(?:(?:array|list|set|sequence|tuple)\s*(?:of\s+|\[\s*|<\s*|\(\s*)(?P<of>[^<>\[\]()]+?)\s*[\]>)]?"
    r"|(?P<named>[\w/-]+)\s*\[\s*\])", re.IGNORECASE,
)
_CHOICE = re.compile(
    r"(?:enum|choice|one of|either|literal|select|category|categorical)\b\s*(?:of\b)?\s*[:=]?\s*"
    r"[\[({<]?\s*(?P<values>[^\[\](){}<>]+?)\s*[\])}>]?", re.IGNORECASE,
)
_OPTIONAL = re.compile(r"(?:optional|nullable)\s*[\[<(]\s*(?P<inner>.+?)\s*[\]>)]", re.IGNORECASE)
_EXAMPLES = (
    ("date-time", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}")),
    ("uri", re.compile(r"https?://\S+")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
)


def fits_type(value: Any, type_: Any) -> bool:
    """Whether a value is of a JSON Schema type, or of one in a list of them."""
    if isinstance(type_, list):
        return any(fits_type(value, one) for one in type_)
    if type_ == "integer":
        return not isinstance(value, bool) and (
            isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        )
    if type_ == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    kinds = {"string": str, "boolean": bool, "object": Mapping, "array": list,
             "null": type(None)}
    kind = kinds.get(type_) if isinstance(type_, str) else None
    return kind is not None and isinstance(value, kind)


def type_of(value: Any) -> str:
    """The JSON Schema type of a JSON value."""
    if isinstance(value, float) and not value.is_integer():
        return "number"
    return next(name for name in ("boolean", "integer", "number", "string", "object", "array",
                                  "null") if fits_type(value, name))


def of_word(text: str) -> dict[str, Any] | None:
    """The schema of "int", "date", "list[str]", "enum: a | b", "str?"; None for other words."""
    word = text.strip().rstrip(".;,").strip("`").strip()
    if word[:1] in {"'", '"'} and word[:1] not in word[1:-1]:
        word = word.strip("'\"").strip()
    low = word.lower()
    if not word or len(word) > 400:
        return None
    if low in _FORMATS:
        return {"type": "string", "format": _FORMATS[low]}
    if low in _WORDS:
        return {"type": _WORDS[low]}
    sized = re.fullmatch(r"(?:var)?char(?:acter)?\s*\(\s*(\d{1,6})\s*\)", low)
    if sized:
        return {"type": "string", "maxLength": int(sized.group(1))}
    return _optional(word) or _list(word) or _choice(word) or _union(word)


def _optional(word: str) -> dict[str, Any] | None:
    found = _OPTIONAL.fullmatch(word)
    inner = found.group("inner") if found else word[:-1] if word.endswith("?") else None
    node = of_word(inner) if inner else None
    return None if node is None else nullable(node)


def _list(word: str) -> dict[str, Any] | None:
    found = _LIST_OF.fullmatch(word)
    if not found:
        return None
    inner = found.group("of") or found.group("named")
    items = of_word(inner)
    if items is None and " " not in inner:  # one way down only: hostile text nests it deeply
        items = of_word(inner.removesuffix("s"))
    if items is None:
        return {"type": "array"} if found.group("of") else None
    return {"type": "array", "items": items}


def _choice(word: str) -> dict[str, Any] | None:
    found = _CHOICE.fullmatch(word)
    values = split_values(found.group("values")) if found else []
    if not found and "|" in word:
        parts = [part.strip() for part in word.split("|")]
        if all(part[:1] in {"'", '"'} for part in parts):
            values = split_values(word)
    return {"type": "string", "enum": values} if len(values) > 1 else None


def _union(word: str) -> dict[str, Any] | None:
    parts = [part.strip() for part in re.split(r"\||/|\bor\b", word)]
    nodes = [of_word(part) for part in parts] if 1 < len(parts) <= 5 else []
    known = [node for node in nodes if node is not None]
    if not known or len(known) != len(nodes):
        return None
    real = [node for node in known if node["type"] != "null"]
    if len(real) == 1:
        return nullable(real[0])
    names = dict.fromkeys(name for node in known for name in listed(node["type"]))
    return {"type": list(names)}


def split_values(text: str) -> list[str]:
    """The values of "a, b or c" or "'a' | 'b'", each once."""
    parts = re.split(r"\s*(?:\||/|,\s*(?:and|or)\b|,|;|\bor\b|\band\b)\s*", text)
    values = (part.strip().strip("`'\"“”‘’").strip() for part in parts)
    return list(dict.fromkeys(value for value in values if value))


def listed(type_: Any) -> list[Any]:
    """A ``type`` as a list."""
    return list(type_) if isinstance(type_, list) else [type_]


def nullable(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node, with null allowed besides."""
    types = listed(node.get("type", "string"))
    more = {"enum": [*node["enum"], None]} if node.get("enum") and None not in node["enum"] else {}
    return {**node, "type": [*types, "null"] if "null" not in types else types, **more}


def of_example(value: Any) -> dict[str, Any]:
    """The schema of a field that was shown by an example; objects and lists only in outline."""
    if value is None:
        return {"type": ["string", "null"]}
    kind = type_of(value)
    if isinstance(value, float) and kind == "integer":
        kind = "number"  # 12.0 was written with a point on purpose
    node: dict[str, Any] = {"type": kind}
    if kind == "string":
        text = value.strip()
        for name, pattern in _EXAMPLES:
            if pattern.fullmatch(text) and _is_time(text, name):
                return {**node, "format": name}
    return node


def _is_time(text: str, name: str) -> bool:
    try:
        if name == "date":
            date.fromisoformat(text)
        elif name == "date-time":
            datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
