"""Takes out of a draft what no record could satisfy, so that what is left can be used."""

from __future__ import annotations

from typing import Any

from datagen.domain.schema import paths
from datagen.domain.schema.contradictions import contradictions, endless
from datagen.domain.schema.explain import shown
from datagen.domain.schema.mend import Mender
from datagen.domain.schema.metaschema import META

_MAX_DROPPED = 40  # misplaced keywords taken out of one draft
_BY_BLAME = (  # what is dropped first when keywords contradict each other
    "pattern", "multipleOf", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum",
    "minLength", "maxLength", "format", "uniqueItems", "minContains", "maxContains", "minItems",
    "maxItems", "minProperties", "maxProperties", "enum", "const", "not", "anyOf", "oneOf", "allOf",
)


def usable(schema: dict[str, Any], mender: Mender) -> dict[str, Any]:
    """The schema, changed in place: without misplaced, contradicting and endless parts."""
    for _ in range(_MAX_DROPPED):
        error = next(META.iter_errors(schema), None)
        place = list(error.absolute_path) if error else []
        if not place:
            break
        holder: Any = schema
        for part in place[:-1]:
            holder = holder[part]
        mender.note(paths.of_pointer(place), f"{place[-1]} could not be used; left out")
        del holder[place[-1]]
    references = paths.References(schema)  # what is mended takes no target away
    for at, node in [*paths.walk(schema)]:
        if isinstance(node, dict):
            _mend_reference(references, node, paths.of_pointer(at), mender)
    if META.is_valid(schema):
        for at, node in [*paths.walk(schema)]:
            if isinstance(node, dict):
                _agree(node, at, mender)
        _end(schema, mender)
    return schema


def _agree(node: dict[str, Any], place: tuple[str | int, ...], mender: Mender) -> None:
    path = paths.of_pointer(place)
    if not any(contradictions(node, place)):
        return
    if node.get("type") == "integer" and not any(
        contradictions({**node, "type": "number"}, place)
    ):
        node["type"] = "number"
        mender.note(path, "no whole number fits its limits; taken as a number")
        return
    alone = [key for key in _BY_BLAME if key in node and not any(contradictions(
        {name: value for name, value in node.items() if name != key}, place))]
    for keyword in alone[:1] or _BY_BLAME:
        if keyword in node and any(contradictions(node, place)):
            value = shown(node.pop(keyword))
            mender.note(path, f"{keyword} {value} contradicts the rest; left out")


def _end(schema: dict[str, Any], mender: Mender) -> None:
    """Make optional what would otherwise go on inside itself without end."""
    for at, _ in [*endless(schema)]:
        node: Any = schema
        for part in at:
            node = node[part]
        for name in [*node.get("required", [])]:
            child = node.get("properties", {}).get(name)
            if any(True for _ in endless(schema)) and isinstance(child, dict) and (
                "$ref" in child or "allOf" in child
            ):
                node["required"].remove(name)
                mender.note(paths.join([paths.of_pointer(at), name]) if at else name,
                            "leads back to where it stands; made optional")


def _mend_reference(
    references: paths.References, node: Any, path: str, mender: Mender
) -> None:
    if isinstance(node.get("$ref"), str):
        try:
            references.resolve(node["$ref"])
        except LookupError:
            ref = node.pop("$ref")
            node.setdefault("type", "string")
            mender.note(path, f"$ref {shown(ref)} points at nothing here; taken as text")
