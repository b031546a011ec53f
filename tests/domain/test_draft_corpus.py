"""Replies of every kind to the one call that drafts: each becomes a schema that can be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from datagen.domain.schema import problems, read_draft
from datagen.domain.schema.check import DIALECT

CORPUS = Path(__file__).parents[1] / "vectors/drafts/replies.jsonl"
CASES = [json.loads(line) for line in CORPUS.read_text().splitlines()]


def test_the_corpus_has_at_least_eighty_replies_of_different_kinds() -> None:
    assert len({case["reply"] for case in CASES}) >= 80
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_reply_becomes_a_closed_object_that_fits_the_dialect(case: dict[str, Any]) -> None:
    found = read_draft(case["reply"], dataset_mode=case.get("dataset_mode", False),
                       classes=tuple(case.get("classes", ())))

    schema = found.schema
    Draft202012Validator.check_schema(schema)
    assert problems(schema) == ()
    assert schema["$schema"] == DIALECT
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == case["fields"]
    for name, kind in case.get("types", {}).items():
        assert schema["properties"][name]["type"] == kind
    if "told" in case:
        assert any(case["told"] in change for change in found.changes), found.changes
    if case.get("dataset_mode"):
        assert "label" in schema["required"]
        if "classes" in case:
            assert schema["properties"]["label"]["enum"] == case["classes"]
