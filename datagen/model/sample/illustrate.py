"""One example record for a schema that is being edited: at once, in the web process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from datagen.domain.errors import InputError
from datagen.domain.schema import paths
from datagen.domain.schema.ambiguity import open_repeats
from datagen.model.sample.generate import CannotGenerate, generate

_SEED = "an example"
_TRIES = 3  # whole records; who edits waits for it
_MAX_OPEN = 4  # repeats without end in one pattern; the time to check grows by a power of them
_MAX_OPEN_OF_LONG = 2
_LONG = 200  # characters
_SIZES = ("minItems", "minContains", "minProperties")
_MUCH = 500


def illustrate(schema: Mapping[str, Any]) -> Any:
    """A record that fits a usable schema, the same each time; its values mean nothing.

    Raises InputError where none is found in a moment.
    """
    nodes = [node for _, node in paths.walk(schema) if isinstance(node, Mapping)]
    if any(node.get(size, 0) > _MUCH for node in nodes for size in _SIZES):
        raise InputError("No example is shown: a record of this schema is too big for a glance.")
    is_long = any(node.get("minLength", 0) > _LONG for node in nodes)
    most = _MAX_OPEN_OF_LONG if is_long else _MAX_OPEN
    if any(open_repeats(pattern) > most for node in nodes for pattern in _patterns(node)):
        raise InputError("No example is shown: a pattern of this schema takes long to check.")
    try:
        return generate(schema, _SEED, tries=_TRIES)
    except (CannotGenerate, ArithmeticError) as exc:  # or numbers that no computer reckons with
        raise InputError("No example record was found for this schema in a moment. If its rules "
                         "contradict each other, a model won't find one either.") from exc


def _patterns(node: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node.get("pattern"), str):
        yield node["pattern"]
    yield from node.get("patternProperties", ())
