"""New dataset: undo, schemas and samples that are pasted, notes and the example record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from datagen import bootstrap
from datagen.domain.errors import ModelUnreachable
from datagen.domain.schema import FieldRow
from datagen.ui import file_box, schema_table
from datagen.ui.file_box import ChosenFile
from tests.ui.replica import ADA, ROOT, World, schema_json

WINGS = {"type": "object", "properties": {"wings": {"type": "integer"}}, "required": ["wings"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One replica for all tests here: each opens a page of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAGEN_DATA_DIR", str(tmp_path_factory.mktemp("replica")))
        patch.setenv("DATAGEN_MOCK_INFERENCE_API", "1")
        patch.setenv("DATAGEN_APP_HOST", "127.0.0.1")
        bootstrap.shared.cache_clear()
        services = bootstrap.shared()
        services.accounts.create(ADA.name, "a password of some length")
        yield World(services=services)
        services.close()
        bootstrap.shared.cache_clear()


@pytest.fixture
def no_model(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ModelUnreachable("The model was asked.")

    monkeypatch.setattr(type(world.services.chat), "complete", away)


def press(at: AppTest, label: str) -> AppTest:
    next(b for b in at.button if b.label == label).click()
    return at.run()


def drafted(world: World) -> AppTest:
    at = world.open("new")
    at.text_input(key="form_title").set_value("Birds")
    at.text_area(key="form_description").set_value("One bird seen in a garden")
    at.text_area(key="form_instructions").set_value("Fields: species, count, seen_on")
    return press(at, "Draft schema")


def pasted(at: AppTest, text: str, title: str = "Birds") -> AppTest:
    at.text_input(key="form_title").set_value(title)
    at.text_area(key="paste_text").set_value(text)
    return press(at, "Use this")


def schema(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schema_json(at).value)
    return found


def button(at: AppTest, label: str) -> Any:
    return next(b for b in at.button if b.label == label)


def said(at: AppTest) -> str:
    return "\n".join([*(m.value for m in at.markdown), *(c.value for c in at.caption)]).replace(
        "\\", "")


def edit_json(at: AppTest, value: Any) -> AppTest:
    schema_json(at).set_value(value if isinstance(value, str) else json.dumps(value))
    return at.run()


def test_there_is_nothing_to_undo_in_a_fresh_draft(world: World) -> None:
    assert button(drafted(world), "Undo").disabled


def test_undo_takes_back_one_json_edit_after_the_other(world: World) -> None:
    at = drafted(world)
    first = schema(at)
    at = edit_json(at, WINGS)
    at = edit_json(at, {**WINGS, "required": []})

    at = press(at, "Undo")
    assert schema(at) == WINGS
    at = press(at, "Undo")
    assert schema(at) == first
    assert button(at, "Undo").disabled


def test_undo_drops_json_that_cannot_be_read_and_keeps_the_schema(world: World) -> None:
    at = edit_json(drafted(world), WINGS)
    at = edit_json(at, "{ not json")
    assert button(at, "Create dataset").disabled

    at = press(at, "Undo")

    assert schema(at) == WINGS
    assert not button(at, "Create dataset").disabled


def test_undo_takes_back_an_edit_of_the_table(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = edit_json(drafted(world), WINGS)
    edits = {"type": "number"}

    def read_rows(_: object, before: Sequence[FieldRow]) -> list[FieldRow]:
        return [replace(row, **edits) for row in before]

    monkeypatch.setattr(schema_table, "read_rows", read_rows)
    at.run()
    assert schema(at)["properties"]["wings"] == {"type": "number"}
    edits.clear()  # a table that starts anew has no edits

    at = press(at, "Undo")

    assert schema(at) == WINGS


def test_undo_brings_back_the_schema_before_it_was_drafted_again(world: World) -> None:
    at = edit_json(drafted(world), WINGS)

    at = press(at, "Draft again")
    assert "species" in schema(at)["properties"]
    at = press(at, "Undo")

    assert schema(at) == WINGS


def test_undo_brings_back_the_schema_before_another_was_pasted(world: World) -> None:
    at = drafted(world)
    first = schema(at)

    at = pasted(at, json.dumps(WINGS))
    assert "wings" in schema(at)["properties"]

    assert schema(press(at, "Undo")) == first


def test_edits_are_still_there_when_the_page_was_left_for_a_while(world: World) -> None:
    at = edit_json(drafted(world), WINGS)

    at.switch_page(str(ROOT / "pages/jobs.py")).run()
    at.switch_page(str(ROOT / "pages/new.py")).run()

    assert schema(at) == WINGS


@pytest.mark.usefixtures("no_model")
def test_a_pasted_schema_becomes_a_job_without_a_call(world: World) -> None:
    at = pasted(world.open("new"), json.dumps(WINGS))

    assert not at.exception
    assert "no model was asked" in "\n".join(str(h.proto.body) for h in at.get("html"))
    at = press(at, "Create dataset")

    job = world.services.jobs.list(ADA)[0].job
    details = world.services.jobs.details(ADA, job.id)
    assert details.schema["properties"] == WINGS["properties"]
    assert details.schema_duration_ms == 0
    assert "Birds" in details.description
    assert details.instructions


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("text", [
    '{"name": "Robin", "wings": 2}', '[{"name": "Robin", "wings": 2}]', "name,wings\nRobin,2\n"])
def test_a_pasted_sample_becomes_a_schema(world: World, text: str) -> None:
    at = pasted(world.open("new"), text)

    assert {n: f["type"] for n, f in schema(at)["properties"].items()} == {
        "name": "string", "wings": "integer"}
    assert at.text_area(key="form_description").value  # filled, to be bettered
    assert "Robin" not in schema_json(at).value


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(("typed", "title"), [("", "Garden birds"), ("Birds", "Birds")])
def test_a_chosen_file_becomes_a_draft_at_once_and_titles_it_where_nothing_else_does(
    world: World, monkeypatch: pytest.MonkeyPatch, typed: str, title: str
) -> None:
    at = world.open("new")
    at.text_input(key="form_title").set_value(typed)
    chosen = [ChosenFile(title="Garden birds", text="name,wings\nRobin,2\n")]
    monkeypatch.setattr(file_box, "draw", lambda: chosen.pop() if chosen else None)

    at.run()

    assert list(schema(at)["properties"]) == ["name", "wings"]
    assert at.text_input(key="form_title").value == title


@pytest.mark.usefixtures("no_model")
def test_a_chosen_file_that_cannot_be_read_says_where(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = world.open("new")
    monkeypatch.setattr(file_box, "draw", lambda: ChosenFile(title="", text="{"))

    at.run()

    assert "Line 1, column 2" in said(at)
    assert not at.exception


@pytest.mark.usefixtures("no_model")
def test_what_cannot_be_read_says_where_and_stays(world: World) -> None:
    at = pasted(world.open("new"), "name,wings\nRobin\n")

    assert "Line 2 has 1 columns" in said(at)
    assert at.text_area(key="paste_text").value.startswith("name")


@pytest.mark.usefixtures("no_model")
def test_a_pasted_schema_without_a_title_asks_for_one(world: World) -> None:
    at = pasted(world.open("new"), json.dumps(WINGS), title="")

    assert "Enter a title" in said(at)
    assert at.text_area(key="paste_text").value


def test_the_example_is_a_record_of_the_schema_as_it_is_now(world: World) -> None:
    at = edit_json(drafted(world), WINGS)

    assert set(json.loads(at.code[0].value)) == {"wings"}
    assert "Only an illustration" in said(at)


def test_a_schema_that_has_no_example_says_so_and_breaks_nothing(world: World) -> None:
    never = {"type": "string", "allOf": [{"pattern": "^a+$"}, {"pattern": "^b+$"}]}
    at = edit_json(drafted(world), {"type": "object", "required": ["a"],
                                    "properties": {"a": never}})

    assert not at.exception
    assert not at.code
    assert "No example record was found" in said(at)


def test_a_schema_with_problems_shows_no_example(world: World) -> None:
    at = edit_json(drafted(world), {"type": "object", "properties": {"a": {"type": "odd"}}})

    assert not at.code


def test_rules_that_servers_ignore_are_notes_that_do_not_block(world: World) -> None:
    at = edit_json(drafted(world), {"type": "object", "properties": {
        "mail": {"type": "string", "format": "email"}}})

    assert "`mail`: Servers may not hold the model to format email" in said(at)
    assert not button(at, "Create dataset").disabled
