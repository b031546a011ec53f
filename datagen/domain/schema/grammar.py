"""What a model server's grammar does not hold a model to, though our own check does.

Servers that force a reply into a schema leave out what their grammars can't express; a
reply may break such a rule, and is then asked for again or fails. Measured on llama.cpp's
converter; others differ in detail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from datagen.domain.errors import Problem
from datagen.domain.schema import paths
from datagen.domain.schema.check import MAX_PROBLEMS, problems
from datagen.domain.schema.types import listed

_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_IGNORED = ("multipleOf", "uniqueItems", "contains", "not", "if")
_FREE_FORMATS = frozenset({"email", "idn-email", "uri", "uri-reference", "iri"})
_SHAPED_FORMATS = frozenset({"date", "date-time", "time"})
_CLASS = re.compile(r"(?<!\\)(?:\\\\)*\\[dwDWsSbB]")


def warnings(schema: Any) -> tuple[Problem, ...]:
    """Rules of a usable schema that servers may not enforce, by field; at most MAX_PROBLEMS.

    Empty for a schema with problems: those come first. None of it stands in the way.
    """
    if problems(schema):
        return ()
    return tuple(islice(_found(schema), MAX_PROBLEMS))


def _found(schema: Mapping[str, Any]) -> Iterator[Problem]:
    for place, node in paths.walk(schema):
        path = paths.of_pointer(place)
        if node is True or node == {}:
            if place and place[-2:-1] == ("properties",):
                yield Problem(path=path, message="Any value is allowed here, so the model is told "
                                                 "nothing about it.")
        elif isinstance(node, Mapping):
            for text in _of_node(node):
                yield Problem(path=path, message=text)


def _of_node(node: Mapping[str, Any]) -> Iterator[str]:
    left = [key for key in _LIMITS if key in node and "number" in listed(node.get("type"))]
    left += [key for key in _IGNORED if key in node and node[key] is not False]
    left += [f"format {node['format']}"] if node.get("format") in _FREE_FORMATS else []
    pattern = node.get("pattern")
    if isinstance(pattern, str) and not _is_plain(pattern):
        left.append("pattern")
    if left:
        yield f"Servers may not hold the model to {_and(left)}; every record is checked here."
    if node.get("format") in _SHAPED_FORMATS:
        yield (f"Servers see to the shape of a {node['format']} only; "
               "every record is checked here.")
    if "patternProperties" in node:
        yield "Some servers refuse schemas with patternProperties; then replies come unguided."


def _is_plain(pattern: str) -> bool:
    """Whether a grammar can express a pattern: anchored at both ends, no ``\\\\d`` and the like."""
    held = pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith(r"\$")
    return held and not _CLASS.search(pattern) and "(?" not in pattern.replace("(?:", "(")


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
