"""The frame that the table widget edits carries every row there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datagen.domain.schema import apply_rows, rows
from datagen.ui import schema_table

FILES = sorted((Path(__file__).parents[1] / "vectors/schemas").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_untouched_frame_is_the_schema_it_was_made_of(file: Path) -> None:
    schema = json.loads(file.read_text())
    before = rows(schema)

    back = apply_rows(schema, schema_table.read_rows(schema_table.frame(before), before))

    assert json.dumps(back) == json.dumps(schema)


def test_values_that_look_alike_stay_what_they_were_when_another_is_added() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "enum": [1, 2]}}}
    before = rows(schema)
    frame = schema_table.frame(before)
    frame.at[0, "allowed"] = ["1", "2", "3"]

    back = apply_rows(schema, schema_table.read_rows(frame, before))

    assert back["properties"]["a"]["enum"] == [1, 2, 3]
