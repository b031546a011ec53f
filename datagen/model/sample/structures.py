"""Arrays and objects, made of their parts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from datagen.model.sample import patterns, words
from datagen.model.sample.merge import NEVER, Schema, as_mapping, merged
from datagen.model.sample.names import tokens
from datagen.model.sample.scene import Scene

if TYPE_CHECKING:  # the maker makes our parts, and we are parts of what it makes
    from datagen.model.sample.generate import Maker

_UNIQUE_TRIES = 20
_FIRST = {"rating", "stars", "score", "label"}  # texts agree with them, so they come first


class DeadEnd(Exception):  # noqa: N818 - a turn in the search, seen by nobody outside
    """This way leads to no value; another seed may."""


def array(maker: Maker, schema: Schema, name: str, scene: Scene) -> list[Any]:
    """A list with as many items as asked for, usually one to three. Raises DeadEnd."""
    low, count = _length(maker, schema)
    prefix, rest = schema.get("prefixItems", ()), schema.get("items", {})
    wanted = _wanted(schema)
    found: list[Any] = []
    seen: set[str] = set()
    for place in range(count):
        after = place - len(prefix)
        part = prefix[place] if after < 0 else rest
        if 0 <= after < wanted:
            part = merged(part, schema["contains"])
        tries = _UNIQUE_TRIES if schema.get("uniqueItems") else 1
        try:
            item = _another(maker, part, name, scene, seen, tries)
        except DeadEnd:
            if len(found) >= low and after >= wanted:
                break
            raise
        found.append(item)
    return found


def _another(
    maker: Maker, part: Any, name: str, scene: Scene, seen: set[str], tries: int
) -> Any:
    for _ in range(tries):
        item = maker.value(part, name, Scene(maker.rng, (), scene))
        mark = _mark(item)
        if tries == 1 or mark not in seen:
            seen.add(mark)
            return item
    raise DeadEnd(name)


def _mark(item: Any) -> str:
    """Equal for values that JSON Schema calls equal: 1 and 1.0, keys in any order."""
    return re.sub(r"(?<=\d)\.0(?=[,\]}]|$)", "", json.dumps(item, sort_keys=True))


def _wanted(schema: Schema) -> int:
    return int(schema.get("minContains", 1)) if "contains" in schema else 0


def _length(maker: Maker, schema: Schema) -> tuple[int, int]:
    low, high = int(schema.get("minItems", 0)), schema.get("maxItems")
    prefix = len(schema.get("prefixItems", ()))
    closed = schema.get("items") is False or (
        schema.get("unevaluatedItems") is False and "items" not in schema)
    more = 0 if maker.frugal else maker.rng.randint(0 if maker.attempt % 2 else 1, 3)
    count = max(low, prefix if not maker.frugal else 0, min(low + more, max(low, 3)))
    if _wanted(schema):
        count = max(count, prefix + _wanted(schema))
    if closed and "contains" not in schema:
        count = min(count, prefix)
    if high is not None:
        count = min(count, int(high))
    if count < low:
        raise DeadEnd("minItems")
    return low, count


def object_(maker: Maker, schema: Schema, name: str, scene: Scene) -> dict[str, Any]:
    """An object with its required and most of its optional fields. Raises DeadEnd."""
    fields = schema.get("properties", {})
    chosen = _chosen(maker, schema, fields)
    needed = schema.get("dependentSchemas", {})
    if any(field in needed for field in chosen):
        return object_(maker, _with_dependents(maker, schema, chosen), name, scene)
    own = Scene(maker.rng, [*fields, *chosen], scene)
    parts = {field: _part(schema, field) for field in chosen}
    made: dict[str, Any] = {}
    required = _required(schema, chosen)
    for field in sorted(chosen, key=lambda field: _rank(field, parts[field])):
        try:
            made[field] = maker.value(parts[field], field, own)
        except DeadEnd:
            if field in required:
                raise
            continue
        if _rank(field, parts[field]) == 0:
            own.note(field, made[field])
    _add_more(maker, schema, made, own)
    return {field: made[field] for field in dict.fromkeys([*fields, *made]) if field in made}


def _rank(field: str, part: Schema) -> int:
    early = "enum" in part or "const" in part or part.get("type") == "boolean"
    return 0 if early or _FIRST.intersection(tokens(field)) else 1


def _part(schema: Schema, field: str) -> Schema:
    """Everything the schema says about one field."""
    known = field in schema.get("properties", {})
    part: Schema = as_mapping(schema["properties"][field]) if known else {}
    for pattern, more in schema.get("patternProperties", {}).items():
        if re.search(pattern, field):
            known, part = True, merged(part, more)
    return part if known else as_mapping(schema.get("additionalProperties", {}))


def _chosen(maker: Maker, schema: Schema, fields: Schema) -> list[str]:
    """The fields to make: the required ones, and optional ones as far as there is room."""
    required = _required(schema, ())
    share = 0.0 if maker.frugal else 0.6 if maker.refs else 0.92
    optional = [field for field in fields if field not in required
                and as_mapping(fields[field]) != NEVER and _name_fits(maker, schema, field)]
    maker.rng.shuffle(optional)
    wished = [field for field in optional if maker.rng.random() < share]
    wished += [field for field in optional if field not in wished]
    least = int(schema.get("minProperties", 0)) - len(required)
    count = max(least, round(len(wished) * share) if wished else 0)
    most = schema.get("maxProperties")
    chosen = list(required)
    for field in wished[:count]:
        grown = _required(schema, [*chosen, field])
        if most is None or len(grown) <= most:
            chosen = grown
    order = list(fields)
    return sorted(chosen, key=lambda field: order.index(field) if field in fields else len(order))


def _name_fits(maker: Maker, schema: Schema, field: str) -> bool:
    return "propertyNames" not in schema or maker.schemas.fits(
        as_mapping(schema["propertyNames"]), field)


def _required(schema: Schema, chosen: Any) -> list[str]:
    """``chosen``, what is required anyway, and what these require in turn."""
    found = list(dict.fromkeys([*schema.get("required", ()), *chosen]))
    needs = schema.get("dependentRequired", {})
    for field in found:  # grows while it is walked
        found += [other for other in needs.get(field, ()) if other not in found]
    return found


def _with_dependents(maker: Maker, schema: Schema, chosen: list[str]) -> Schema:
    needed = dict(schema["dependentSchemas"])
    grown: Schema = {**schema, "required": chosen}
    for field in chosen:
        if field in needed:
            grown = merged(grown, maker.flat(as_mapping(needed.pop(field)), 0))
    return {**grown, "dependentSchemas": needed}


def _add_more(maker: Maker, schema: Schema, made: dict[str, Any], scene: Scene) -> None:
    """Fields without a name in the schema, where they are needed or are the point of it."""
    named = list(schema.get("patternProperties", ()))
    others = schema.get("additionalProperties", schema.get("unevaluatedProperties", {}))
    least = int(schema.get("minProperties", 0))
    count = least - len(made)
    table = (bool(named) or (others and others is not True)) and not schema.get("properties")
    if table and not maker.frugal:
        count = max(count, maker.rng.randint(1, 3))
    if "maxProperties" in schema:
        count = min(count, int(schema["maxProperties"]) - len(made))
    for _ in range(3 * max(count, 0)):
        if count <= 0:
            return
        field = _new_name(maker, schema, named if others is False else [*named, None])
        if field not in made and field not in schema.get("properties", {}):
            made[field] = maker.value(_part(schema, field), field, scene)
            count -= 1
    if len(made) < least:
        raise DeadEnd("minProperties")


def _new_name(maker: Maker, schema: Schema, sources: list[str | None]) -> str:
    if not sources:
        raise DeadEnd("additionalProperties")
    source = maker.rng.choice(sources)
    if source is not None:
        found = patterns.matching(source, maker.rng)
        if found is None:
            raise DeadEnd("patternProperties")
        return found
    if "propertyNames" in schema:
        return str(maker.value(merged({"type": "string"}, schema["propertyNames"]), "", None))
    return f"{maker.rng.choice(words.PLAIN)}_{maker.rng.randint(1, 99)}"
