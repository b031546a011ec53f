"""A value for any JSON Schema (draft 2020-12), the same one for the same seed everywhere.

Values are made by the keywords, then checked by the validator; what does not fit is made
again from another seed. A value that does not fit is never returned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from datagen.model.sample import numbers, strings, structures
from datagen.model.sample.merge import Schema, as_mapping, likely_type, merged, other_types
from datagen.model.sample.scene import Scene
from datagen.model.sample.structures import DeadEnd
from datagen.model.sample.values import usual_span

_TRIES = 30  # whole values made before giving up
_LOCAL_TRIES = 12  # values of one part
_STEPS = 4_000  # parts of one whole value; keeps recursion and bad luck affordable
_DEEPEST = 60  # nested parts
_FOLDED = ("$ref", "$dynamicRef", "allOf", "oneOf", "anyOf", "if")
_HARD = frozenset({*_FOLDED, "not", "contains", "uniqueItems", "dependentSchemas",
                   "unevaluatedProperties", "unevaluatedItems", "propertyNames"})


class CannotGenerate(Exception):  # noqa: N818 - says what happened
    """No value was found that fits; the message says what stood in the way."""


class Schemas:
    """One checked schema: its validator, and what its references point to."""

    def __init__(self, text: str) -> None:
        self.root: Any = json.loads(text)
        try:
            Draft202012Validator.check_schema(self.root)
        except SchemaError as exc:
            raise CannotGenerate(f"This is not a JSON Schema: {exc.message[:300]}") from exc
        self.validator = Draft202012Validator(
            self.root,
            registry=EMPTY_REGISTRY,  # no reference is ever fetched
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        resource = DRAFT202012.create_resource(self.root)
        self._resolver = EMPTY_REGISTRY.resolver_with_root(resource)
        self._found: dict[str, Schema] = {}
        self._checks: dict[int, tuple[Schema, Any]] = {}

    def refer(self, ref: str) -> Schema:
        """What a ``$ref`` points to. Raises CannotGenerate when that is not in the schema."""
        if ref not in self._found:
            try:
                self._found[ref] = as_mapping(self._resolver.lookup(ref).contents)
            except Unresolvable as exc:
                raise CannotGenerate(f"The schema refers to {ref}, which is not in it.") from exc
        return self._found[ref]

    def fits(self, schema: Schema, value: Any) -> bool:
        """Whether a part's value fits the part's schema."""
        known = self._checks.get(id(schema))
        if known is None or known[0] is not schema:
            known = (schema, self.validator.evolve(schema=schema))
            if len(self._checks) < 500:  # merged schemas are new each time: don't hoard them
                self._checks[id(schema)] = known
        return bool(known[1].is_valid(value))


@lru_cache(maxsize=64)
def _compiled(text: str) -> Schemas:
    return Schemas(text)


def generate(schema: Mapping[str, Any], seed: int | str, *, tries: int = _TRIES) -> Any:
    """A value that fits ``schema``: equal for equal seeds on every machine.

    At most ``tries`` whole values are made. Raises CannotGenerate when the schema is broken
    or no value was found.
    """
    schemas = _compiled(json.dumps(schema))
    for attempt in range(tries):
        rng = Random(f"{seed}:{attempt}")  # noqa: S311 - repeatable, not secret
        try:
            value = Maker(schemas, rng, attempt).value(schemas.root, "", None)
            if schemas.validator.is_valid(value):
                return value
        except DeadEnd:
            continue
        except re.error as exc:
            raise CannotGenerate(f"A pattern of the schema can't be read: {exc}") from exc
        except RecursionError as exc:
            raise CannotGenerate("The schema is nested too deeply.") from exc
        except Unresolvable as exc:
            raise CannotGenerate("The schema refers to something that is not in it.") from exc
    raise CannotGenerate("No value was found that fits the schema; its rules may contradict.")


class Maker:
    """Makes one whole value; ``attempt`` grows from one try to the next."""

    def __init__(self, schemas: Schemas, rng: Random, attempt: int) -> None:
        self.schemas = schemas
        self.rng = rng
        self.attempt = attempt
        self.steps = 0
        self.depth = 0
        self.refs = 0

    @property
    def frugal(self) -> bool:
        """Deep or long already: only what the schema demands from here on."""
        return self.refs > 3 or self.steps > _STEPS // 8 or self.depth > 12

    def value(self, schema: Any, name: str, scene: Scene | None) -> Any:
        """A value for one part; ``name`` is the field it stands in. Raises DeadEnd."""
        schema = as_mapping(schema)
        self.depth += 1
        refs = self.refs
        try:
            if not _HARD.intersection(schema):
                return self._once(schema, name, scene, 0)
            for attempt in range(_LOCAL_TRIES):
                try:
                    value = self._once(schema, name, scene, attempt)
                except DeadEnd:
                    continue
                finally:
                    self.refs = refs
                if self.schemas.fits(schema, value):
                    return value
            raise DeadEnd(name)
        finally:
            self.depth -= 1
            self.refs = refs

    def _once(self, schema: Schema, name: str, scene: Scene | None, attempt: int) -> Any:
        self.steps += 1
        if self.steps > _STEPS or self.depth > _DEEPEST:
            raise DeadEnd(name)
        schema = self.flat(schema, attempt)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema)
        return self._typed(self._type(schema, attempt), schema, name, scene)

    def _choice(self, schema: Schema) -> Any:
        options = [option for option in schema["enum"]
                   if len(schema) == 1 or self.schemas.fits(schema, option)]
        if not options:
            raise DeadEnd("enum")
        return self.rng.choice(options)

    def _type(self, schema: Schema, attempt: int) -> str:
        if "type" not in schema:
            likely = likely_type(schema)
            return self.rng.choice(other_types(schema)) if attempt > 2 else likely
        names = other_types(schema)
        solid = [name for name in names if name != "null"]
        if not solid or ("null" in names and self.rng.random() < (0.9 if self.frugal else 0.1)):
            return self.rng.choice(names) if not solid else "null"
        return solid[0] if attempt == 0 and len(solid) == 1 else self.rng.choice(solid)

    def _typed(self, kind: str, schema: Schema, name: str, scene: Scene | None) -> Any:
        scene = scene if scene is not None else Scene(self.rng, ())
        found: Any = None
        if kind == "string":
            found = strings.text(schema, name, scene, plainly=self.attempt % 4 == 3)
        elif kind == "integer":
            found = numbers.whole(schema, self.rng, usual_span(name))
        elif kind == "number":
            found = numbers.real(schema, self.rng, usual_span(name))
        elif kind == "boolean":
            return self.rng.random() < 0.5
        elif kind == "null":
            return None
        elif kind == "array":
            return structures.array(self, schema, name, scene)
        elif kind == "object":
            return structures.object_(self, schema, name, scene)
        if found is None:
            raise DeadEnd(name)
        return found

    def flat(self, schema: Schema, attempt: int) -> Schema:
        """The schema with references, allOf and one branch of each choice merged in."""
        for _ in range(_DEEPEST):
            key = next((key for key in _FOLDED if key in schema), None)
            if key is None:
                return schema
            value = schema[key]
            rest: Schema = {other: part for other, part in schema.items() if other != key}
            if key in {"$ref", "$dynamicRef"}:
                self.refs += 1
                schema = merged(self.schemas.refer(value), rest)
            elif key == "allOf":
                for part in value:
                    rest = merged(rest, self.flat(as_mapping(part), attempt))
                schema = rest
            elif key == "if":
                schema = self._branch(value, rest)
            else:
                schema = merged(rest, self.flat(as_mapping(self._option(value)), attempt))
        raise DeadEnd("references without end")

    def _branch(self, condition: Any, rest: Schema) -> Schema:
        then, other = rest.get("then", {}), rest.get("else", {})
        rest = {key: part for key, part in rest.items() if key not in {"then", "else"}}
        if self.rng.random() < 0.5:
            return merged(merged(rest, condition), then)
        return merged(rest, other)

    def _option(self, options: list[Any]) -> Any:
        if self.frugal and self.rng.random() < 0.8:
            return min(options, key=_cost)
        return self.rng.choice(options)


def _cost(schema: Any) -> int:
    """Roughly how much a branch makes necessary."""
    text = str(schema)
    return len(text) + 1000 * text.count("$ref")
