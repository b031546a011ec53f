"""An example for the editor: fits the schema, is the same each time, and never takes long."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from datagen.domain.errors import InputError
from datagen.domain.schema import problems
from datagen.model.sample import illustrate

SCHEMAS = sorted((Path(__file__).parents[1] / "vectors/schemas").glob("*.json"))


def of(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(fields), "properties": fields}


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.stem)
def test_every_schema_of_the_corpus_has_an_example_at_once(file: Path) -> None:
    schema = json.loads(file.read_text())
    begun = time.process_time()

    record = illustrate(schema)

    assert time.process_time() - begun < 2  # seconds
    assert Draft202012Validator(schema).is_valid(record)
    assert illustrate(schema) == record


A, B = {"pattern": "^a+$"}, {"pattern": "^b+$"}


@pytest.mark.parametrize("schema", [
    of(a={"type": "string", "allOf": [A, B]}),
    of(a={"type": "string", "minLength": 10**9}),
    of(a={"type": "array", "minItems": 10**9}),
    of(a={"type": "object", "minProperties": 10**7}),
    of(a={"type": "string", "pattern": ".*.*.*.*.*.*x"}),
    of(a={"type": "string", "minLength": 9_000, "allOf": [{"pattern": "^.*.*.*x$"}, B]}),
    of(a={"type": "object", "patternProperties": {".*.*.*.*.*.*x": {}}}),
    of(a={"type": "array", "minItems": 400, "uniqueItems": True,
          "items": {"type": "string", "allOf": [A, B]}}),
])
def test_what_has_no_quick_example_says_so_soon(schema: dict[str, Any]) -> None:
    assert problems(schema) == ()
    begun = time.process_time()
    with pytest.raises(InputError):
        illustrate(schema)
    assert time.process_time() - begun < 3  # seconds; counting coverage takes most of them
