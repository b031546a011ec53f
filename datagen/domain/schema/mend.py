"""Makes a schema of anything that was meant as one.

Every change is noted in a sentence: the person who asked sees what was not as the
model wrote it. Values are never invented; what can't be understood is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from datagen.domain.schema import paths
from datagen.domain.schema.check import MAX_PATTERNS, pattern_fault
from datagen.domain.schema.explain import shown, shown_text
from datagen.domain.schema.fields import of_list
from datagen.domain.schema.types import JSON_TYPES, fits_type, listed, nullable, of_example, of_word
from datagen.domain.schema.vocabulary import (
    FLAGS,
    IGNORED,
    canonical,
    is_schema,
    number,
    only_keywords,
    truth,
)

Node = dict[str, Any]
MAX_NOTES = 20
OFFERED = ("date", "date-time", "email", "uri")  # words the prompt itself asks for

_NUMBERS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains",
    "maxContains",
)
_SIZES = frozenset(_NUMBERS[5:])
_RANGE_OF = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}
NO_OTHERS = "fields that it does not name are not allowed any more"
OPEN = ("allOf", "anyOf", "oneOf", "if", "$ref", "patternProperties", "$dynamicRef",
         "dependentSchemas", "unevaluatedProperties")


class Mender:
    """Mends nodes and remembers what it changed."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._patterns = 0  # characters of those that were looked at

    def note(self, path: str, text: str) -> None:
        """Remember a change once; beyond MAX_NOTES the last says there were more."""
        line = f"{shown_text(path, 80)}: {text}" if path else text[:1].upper() + text[1:]
        if line not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(line)

    def node(
        self, value: Any, path: str, *, closed: bool = True, typed: bool = True, sure: bool = False
    ) -> Node:
        """The schema of one field. ``closed``: an object takes no fields but its own.

        ``typed``: a text may be a word for a type; else it can only be an example.
        ``sure``: an object of keywords is a schema even where its type is unknown.
        """
        if isinstance(value, str):
            word = of_word(value) if typed else None
            if word is None:
                self.note(path, "an example stood in place of a type")
                return of_example(value)
            return self.schema(word, path, closed=closed)
        if isinstance(value, list):
            return self._shown_list(value, path)
        if not isinstance(value, Mapping):
            self.note(path, "an example stood in place of a type")
            return of_example(value)
        if not value:
            self.note(path, "nothing was said of it; taken as text")
            return {"type": "string"}
        named = sure and (only_keywords(value) or value.get("type") in JSON_TYPES[:5])
        if is_schema(value) or named:
            return self.schema(value, path, closed=closed)
        return self.schema({"type": "object", "properties": value}, path, closed=closed)

    def _shown_list(self, value: list[Any], path: str) -> Node:
        words = [of_word(v) if isinstance(v, str) else None for v in value]
        if len(value) == 1 and words[0] is not None:
            return {"type": "array", "items": words[0]}
        self.note(path, "an example stood in place of a type")
        if not value:
            return {"type": "array", "items": {"type": "string"}}
        return {"type": "array", "items": self.node(value[0], path + paths.LIST, typed=False)}

    def schema(self, value: Mapping[str, Any], path: str, *, closed: bool = True) -> Node:
        """A node that was written as a schema, perhaps in another's words."""
        node = self._named(value, path)
        self._type(node, path)
        self._inside(node, path)
        self._numbers(node, path)
        self._values(node, path)
        if node.get("type") == "object" or "properties" in node:
            self._object(node, path, closed=closed)
        elif not isinstance(node.get("required"), list):
            node.pop("required", None)  # a flag of this field; who holds it has read it
        first = {"type": node["type"]} if "type" in node else {}
        return {**first, **{key: node[key] for key in node if key not in FLAGS}}

    def _named(self, value: Mapping[str, Any], path: str) -> Node:
        node: Node = {}
        for key, item in value.items():
            name = canonical(str(key))
            if name is None and key not in IGNORED:
                self.note(path, f"{shown(str(key))} means nothing in a schema; left out")
            elif name is not None and (name not in node or key == name):
                node[name] = item
        return node

    def _type(self, node: Node, path: str) -> None:
        type_ = node.pop("type", None)
        if isinstance(type_, Mapping):
            node.update({k: v for k, v in self.node(type_, path).items() if k not in node})
            return
        if type_ is not None:
            words = [of_word(word) for word in listed(type_) if isinstance(word, str)]
            known = [word for word in words if word]
            for word in known:
                node.update({k: v for k, v in word.items() if k not in node and k != "type"})
            names = dict.fromkeys(name for word in known for name in listed(word["type"]))
            if names:
                node["type"] = next(iter(names)) if len(names) == 1 else list(names)
            if not isinstance(type_, list) and type_ not in (*JSON_TYPES, *OFFERED):
                self.note(path, f"type {shown(type_)} became {_told(node)}")
        if "type" not in node and not any(k in node for k in ("const", *OPEN, "not")):
            node["type"] = _guessed(node)
        if truth(node.get("nullable")) and "type" in node:
            node.update(nullable(node))

    def _inside(self, node: Node, path: str) -> None:
        if node.get("type") == "array" and isinstance(node.get("items"), list):
            node["prefixItems"] = node.pop("items")  # as before draft 2020-12
        if node.get("type") == "array" and not {"items", "prefixItems"} & node.keys():
            fields = node.pop("properties", None)
            node["items"] = {"type": "object", "properties": fields} if fields else "string"
        for keyword in [k for k in node if k in paths.MAPS and k != "properties"]:
            if isinstance(node[keyword], Mapping):
                node[keyword] = {
                    str(name): self.node(child, f"{keyword}.{name}",
                                         closed=keyword in {"$defs", "definitions"})
                    for name, child in node[keyword].items() if not isinstance(child, bool)
                }
        for keyword in [k for k in node if k in paths.LISTS]:
            if isinstance(node[keyword], list):
                node[keyword] = [
                    self.node(child, path, closed=keyword in {"prefixItems", "oneOf", "anyOf"}
                              and "properties" not in node)
                    for child in node[keyword] if isinstance(child, Mapping)
                ]
            if not node[keyword]:
                del node[keyword]
        if "items" in node and not isinstance(node["items"], bool):
            node["items"] = self.node(node["items"], path + paths.LIST)
        if isinstance(node.get("additionalProperties"), Mapping):
            node["additionalProperties"] = self.node(node["additionalProperties"], path + ".*")

    def _numbers(self, node: Node, path: str) -> None:
        low, high = _RANGE_OF.get(_main(node), ("minimum", "maximum"))
        for alias, name in (("min", low), ("max", high)):
            if alias in node:
                node.setdefault(name, node.pop(alias))
        for flag, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if node.get(flag) is True and limit in node:
                node[flag] = node.pop(limit)  # as in draft 4
        for name in [n for n in _NUMBERS if n in node]:
            value = number(node[name], whole=name in _SIZES)
            if value is None or (name == "multipleOf" and value <= 0):
                self.note(path, f"{name} {shown(node.pop(name))} is no number; left out")
            else:
                node[name] = value
        for low, high in (("minimum", "maximum"), ("minLength", "maxLength"),
                          ("minItems", "maxItems")):
            if low in node and high in node and node[low] > node[high]:
                node[low], node[high] = node[high], node[low]
                self.note(path, f"{low} and {high} were the wrong way round")

    def _values(self, node: Node, path: str) -> None:
        values = node.get("enum")
        if isinstance(values, Mapping):
            values = list(values)
        if "enum" in node:
            kept: dict[str, Any] = {}  # by what tells them apart
            for value in values if isinstance(values, list) else []:
                if "type" not in node or fits_type(value, node["type"]):
                    kept.setdefault(_spelled(value), value)
            node["enum"] = [*kept.values()]
            if not kept:
                del node["enum"]
                self.note(path, "its allowed values could not be used; left out")
        pattern = node.get("pattern")
        self._patterns += len(pattern) if isinstance(pattern, str) else 0
        if "pattern" in node and (not isinstance(pattern, str) or self._patterns > MAX_PATTERNS
                                  or pattern_fault(pattern)):
            self.note(path, f"the pattern {shown(node.pop('pattern'))} can't be read; left out")
        for name in ("format", "title", "description"):
            if name in node and not isinstance(node[name], str):
                del node[name]

    def _object(self, node: Node, path: str, *, closed: bool) -> None:
        given = node.get("properties")
        if isinstance(given, list):
            given = {entry.name: entry.said for entry in of_list(given)}
        given = given if isinstance(given, Mapping) else {}
        typed = any(isinstance(v, str) and of_word(v) for v in given.values())
        fields = {
            str(name): self.node(child, f"{path}.{name}" if path else str(name),
                                 typed=typed, sure=True)
            for name, child in given.items() if name != "__proto__"
        }
        optional = {name for name in fields if _is_optional(given.get(name))}
        node["properties"] = fields
        required = node.pop("required", None)
        listed_names = required if isinstance(required, list) else []
        named = [n for n in listed_names if isinstance(n, str) and n in fields]
        if not isinstance(required, list):
            named = [name for name in fields if name not in optional]
            if not path and not optional and fields:
                self.note("", "nothing said which fields are required; all are now")
        elif len(named) < len(required):
            self.note(path, "required named fields that do not exist")
        if named:
            node["required"] = list(dict.fromkeys(named))
        if not fields:
            del node["properties"]
        elif closed and "additionalProperties" not in node and not any(k in node for k in OPEN):
            node["additionalProperties"] = False
            if not path:
                self.note("", NO_OTHERS)


def _told(node: Mapping[str, Any]) -> str:
    name = node.get("format", "")
    return f"{shown(node.get('type', 'string'))}{f' in the format {name}' if name else ''}"


def _main(node: Mapping[str, Any]) -> str:
    return next((str(name) for name in listed(node.get("type")) if name != "null"), "")


def _guessed(node: Mapping[str, Any]) -> str:
    if "properties" in node:
        return "object"
    if "items" in node or "prefixItems" in node or "minItems" in node or "maxItems" in node:
        return "array"
    values = node.get("enum")
    if isinstance(values, list) and values:
        for name in ("boolean", "integer", "number", "string"):
            if all(fits_type(value, name) for value in values):
                return name
    if any(isinstance(node.get(k), int | float) for k in ("minimum", "maximum", "multipleOf")):
        return "number"
    return "string"


def _is_optional(child: Any) -> bool:
    if not isinstance(child, Mapping):
        return isinstance(child, str) and "optional" in child.lower()
    flags = {canonical(str(k)): v for k, v in child.items()}
    if is_schema(child) and isinstance(flags.get("required"), bool | str):
        return not truth(flags["required"])
    return truth(flags.get("optional"))


def _spelled(value: Any) -> str:
    """The same text for values that are equal to JSON: 1 and 1.0 are, true and 1 are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
