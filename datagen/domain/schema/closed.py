"""Closes a draft: its root becomes one object of named fields that takes no others.

Fields that stand in ``$ref``, ``allOf`` or the branches of a choice are brought to the root
first, where a closed object needs them; what the branches demand stays in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from datagen.domain.schema import paths
from datagen.domain.schema.explain import shown_text
from datagen.domain.schema.mend import NO_OTHERS, OPEN, Mender

_CHOICES = ("allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas")
_MERGEABLE = frozenset({"type", "properties", "required", "additionalProperties", "title",
                        "description", "unevaluatedProperties", "$comment"})
_MAX_STEPS = 5  # references that follow one another


def closed(schema: Mapping[str, Any], mender: Mender) -> dict[str, Any]:
    """The schema with all its fields at the root, and closed there and in plain objects."""
    root = _without_reference(dict(schema), mender)
    for member in _members(root):
        rest = _followed(root, member)
        if isinstance(rest, Mapping) and rest.keys() <= _MERGEABLE:
            _merge(root, rest)
            mender.note("", "fields that stood in allOf were brought together")
        else:
            root.setdefault("allOf", []).append(member)
    _hoist(root, mender)
    if root.get("properties"):
        if root.get("additionalProperties") is not False:
            mender.note("", NO_OTHERS)
        root["additionalProperties"] = False
        root.pop("unevaluatedProperties", None)
    for place, node in paths.walk(root):
        if place and isinstance(node, dict) and _is_open(node) and not (
                {*paths.IN_PLACE, "$defs"} & {*map(str, place)}):
            node["additionalProperties"] = False
            mender.note(paths.of_pointer(place), NO_OTHERS)
    return root


def _members(root: dict[str, Any]) -> list[Any]:
    """Take allOf out of the root; what it was made of."""
    members = root.pop("allOf", None)
    return members if isinstance(members, list) else []


def _is_open(node: Mapping[str, Any]) -> bool:
    return (bool(node.get("properties")) and node.get("additionalProperties") is True
            and not any(key in node for key in OPEN))


def _without_reference(root: dict[str, Any], mender: Mender) -> dict[str, Any]:
    target = _followed(root, root)
    if target is root or not isinstance(target, Mapping):
        return root
    del root["$ref"]
    _merge(root, target)
    root |= {key: value for key, value in target.items() if key not in root}
    mender.note("", "its fields stood behind a $ref; brought to the top")
    return root


def _followed(root: Mapping[str, Any], node: Any) -> Any:
    """What a node's reference leads to; the node itself where it has none."""
    for _ in range(_MAX_STEPS):
        if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
            return node
        try:
            node = paths.resolve(root, node["$ref"])
        except LookupError:
            return None
    return None


def _merge(root: dict[str, Any], part: Mapping[str, Any]) -> None:
    known = dict(_fields(root))
    for name, node in _fields(part).items():
        same = name not in known or known[name] == node
        known[name] = node if same else {"allOf": [known[name], node]}
    required = [*_required(root), *_required(part)]
    if known:
        root["properties"] = known
    if required:
        root["required"] = list(dict.fromkeys(required))


def _hoist(root: dict[str, Any], mender: Mender) -> None:
    """Name the branches' fields at the root, and open the branches: the root is closed."""
    found: dict[str, list[Any]] = {}
    was_closed = False
    for node in _branches(root):
        for name, child in _fields(node).items():
            forms = found.setdefault(name, [])
            forms += [child] if child not in forms and not isinstance(child, bool) else []
        for name in _required(node):
            found.setdefault(name, [])
        for key in ("additionalProperties", "unevaluatedProperties"):
            was_closed |= node.pop(key, None) is False
    known = _fields(root)
    new = {name: forms[0] if len(forms) == 1 else {"anyOf": forms} if forms else {}
           for name, forms in found.items() if name not in known}
    if new:
        root["properties"] = {**known, **new}
        mender.note("", f"fields of its branches were named at the top: {_told([*new])}")
    if was_closed and "oneOf" in root and "anyOf" not in root:
        root["anyOf"] = root.pop("oneOf")  # open branches can fit at once
        mender.note("", "oneOf became anyOf")


def _told(names: list[str]) -> str:
    return shown_text(", ".join(names), 100)


def _fields(node: Mapping[str, Any]) -> Mapping[str, Any]:
    known = node.get("properties")
    return known if isinstance(known, Mapping) else {}


def _required(node: Mapping[str, Any]) -> list[str]:
    names = node.get("required")
    return [n for n in names if isinstance(n, str)] if isinstance(names, list) else []


def _branches(root: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The object schemas that stand in place of the root, where they can be changed."""
    waiting: list[tuple[Any, int]] = [(root, 0)]
    while waiting:
        node, depth = waiting.pop(0)
        for step, child in [*paths.children(node)]:  # a branch may be the root itself
            inner = _followed(root, child) if step[0] in _CHOICES else None
            if isinstance(inner, dict) and depth < _MAX_STEPS:
                yield inner
                waiting.append((inner, depth + 1))
