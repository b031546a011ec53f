"""Schemas from small to nasty: the field table shows what it can and loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datagen.domain.errors import InputError
from datagen.domain.schema import apply_rows, problems, rows, sanitise, warnings

FILES = sorted((Path(__file__).parents[1] / "vectors/schemas").glob("*.json"))


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_the_corpus_has_at_least_forty_schemas_of_all_kinds() -> None:
    everything = "".join(file.read_text() for file in FILES)
    assert len(FILES) >= 40
    for keyword in ("$defs", "oneOf", "allOf", "prefixItems", '"then"', '"": {', "größe"):
        assert keyword in everything


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_schema_comes_back_from_its_table_as_it_was(file: Path) -> None:
    schema = read(file)
    table = rows(schema)

    back = apply_rows(schema, table)

    assert json.dumps(back) == json.dumps(schema)
    assert rows(back) == table


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_schema_of_the_corpus_can_be_used(file: Path) -> None:
    assert problems(read(file)) == ()
    assert problems(sanitise(read(file))) == ()
    assert all(note.message for note in warnings(read(file)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_new_description_changes_one_keyword_and_can_be_taken_back(file: Path) -> None:
    schema = read(file)
    for at, row in enumerate(rows(schema)[:30]):
        table = list(rows(schema))
        table[at] = replace(row, description="changed")
        changed = apply_rows(schema, table)
        back = apply_rows(changed, [
            replace(now, description=was.description)
            for now, was in zip(rows(changed), rows(schema), strict=True)])
        assert json.dumps(changed).count('"changed"') == 1
        if row.type != "other":  # true became {"description": …}: nothing to take back to
            assert back == schema


def test_a_table_that_was_torn_leaves_the_schema_alone() -> None:
    schema = read(FILES[0])
    with pytest.raises(InputError):
        apply_rows(schema, [replace(row, path="") for row in rows(schema)])
    assert schema == read(FILES[0])
