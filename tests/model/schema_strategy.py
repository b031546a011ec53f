"""Random JSON Schemas that some value fits: each is built around one."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]
NAMES = st.sampled_from(["name", "email", "price", "tags", "a", "b", "status", "created_at", "x y"])
FORMATS = ["date", "date-time", "time", "duration", "email", "idn-email", "hostname",
           "idn-hostname", "uri", "uri-reference", "iri", "iri-reference", "uuid", "ipv4", "ipv6",
           "json-pointer", "relative-json-pointer", "regex", "uri-template", "made-up"]
PATTERNS = [r"^T-\d{6}$", r"^[A-Z]{3}-[0-9]{4}$", r"^\w+( \w+){0,3}$", r"[a-f]+", r"^(red|blue)$",
            r"^\+?[0-9 ]{7,15}$", r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", r"^$|^.{3,9}$", r"(ab)\1",
            r"^(?=.*[0-9])(?=.*[a-z]).{6,12}$", r"\S", r"^[^a-zA-Z0-9]{2}$", r"^a*?b+$"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "red", "é"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4)


@st.composite
def integers(draw: st.DrawFn) -> Schema:
    step, times = draw(st.integers(1, 40)), draw(st.integers(-1000, 1000))
    value, schema = step * times, {"type": "integer"}
    return schema | draw(st.fixed_dictionaries({}, optional={
        "multipleOf": st.just(step),
        "minimum": st.integers(0, 50).map(lambda n: value - n),
        "maximum": st.integers(0, 50).map(lambda n: value + n),
        "exclusiveMinimum": st.integers(1, 50).map(lambda n: value - n),
        "exclusiveMaximum": st.integers(1, 50).map(lambda n: value + n),
    }))


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    value = draw(st.floats(-1e6, 1e6, allow_nan=False).map(lambda n: round(n, 2)))
    gap = st.floats(0.01, 100).map(lambda n: round(n, 2))
    schema = {"type": "number"} | draw(st.fixed_dictionaries({}, optional={
        "minimum": gap.map(lambda n: value - n), "maximum": gap.map(lambda n: value + n),
        "exclusiveMinimum": gap.map(lambda n: value - n),
        "exclusiveMaximum": gap.map(lambda n: value + n),
    }))
    if draw(st.booleans()) and "exclusiveMinimum" not in schema and "minimum" not in schema:
        schema["multipleOf"] = draw(st.sampled_from([0.01, 0.5, 0.1, 0.25, 3, 1e-6, 2.5]))
    return schema


@st.composite
def strings(draw: st.DrawFn) -> Schema:
    kind = draw(st.sampled_from(["free", "length", "format", "pattern"]))
    schema: Schema = {"type": "string"}
    if kind == "length":
        low = draw(st.integers(0, 60))
        schema |= {"minLength": low, "maxLength": low + draw(st.integers(0, 60))}
    elif kind == "format":
        schema["format"] = draw(st.sampled_from(FORMATS))
    elif kind == "pattern":
        schema["pattern"] = draw(st.sampled_from(PATTERNS))
    return schema


def _arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Schema]:
    @st.composite
    def build(draw: st.DrawFn) -> Schema:
        low = draw(st.integers(0, 2))
        schema = {"type": "array", "items": draw(inner), "minItems": low}
        return schema | draw(st.fixed_dictionaries({}, optional={
            "maxItems": st.integers(low + 2, low + 4),
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
        }))
    return build()


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Schema]:
    @st.composite
    def build(draw: st.DrawFn) -> Schema:
        fields = draw(st.dictionaries(NAMES, inner, max_size=4))
        schema: Schema = {"type": "object", "properties": fields}
        if fields:
            schema["required"] = draw(st.lists(st.sampled_from(sorted(fields)), unique=True))
            pair = st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True)
            schema |= draw(st.fixed_dictionaries({}, optional={
                "dependentRequired": pair.map(lambda names: {sorted(fields)[0]: names}),
                "minProperties": st.integers(0, len(fields)),
                "maxProperties": st.just(len(fields) + 1),
            }))
        return schema | draw(st.fixed_dictionaries({}, optional={
            "additionalProperties": st.just(False) | inner,
            "patternProperties": inner.map(lambda part: {"^k[0-9]{2}$": part}),
        }))
    return build()


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Schema]:
    several = st.lists(inner, min_size=1, max_size=3)
    return (several.map(lambda parts: {"anyOf": parts})
            | inner.map(lambda part: {"allOf": [part]})
            | inner.map(lambda part: {"oneOf": [part, {"type": "object", "required": ["zz"],
                                                       "properties": {"zz": False}}]})
            | inner.map(lambda part: {"not": {"const": "never this"}, "allOf": [part]}))


def _leaves() -> st.SearchStrategy[Any]:
    return st.one_of(
        integers(), numbers(), strings(), st.just({"type": "boolean"}), st.just({"type": "null"}),
        st.just(True), st.just({}), JSON.map(lambda value: {"const": value}),
        st.lists(JSON, min_size=1, max_size=4).map(lambda values: {"enum": values}),
        st.just({"type": ["string", "null"]}), st.just({"type": ["integer", "string"]}))


def schemas() -> st.SearchStrategy[Schema]:
    """Objects of everything above."""
    inner = st.recursive(_leaves(), lambda part: _arrays(part) | _objects(part) | _combined(part),
                         max_leaves=8)
    return _objects(inner)
