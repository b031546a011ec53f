"""The field table changes what was edited, and nothing else."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.domain.errors import InputError
from datagen.domain.schema import FieldRow, apply_rows, problems, rows

ORDER: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "items", "address"],
    "properties": {
        "id": {"type": "string", "pattern": "^A[0-9]+$", "x-note": 1},
        "address": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"city": {"type": "string"}, "zip": {"type": ["string", "null"]}},
            "required": ["city"],
        },
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"price": {"type": "number", "minimum": 0}, "name": True},
                "required": ["price"],
            },
        },
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "a.b": {"type": "integer"},
        "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    },
}


def text(value: Any) -> str:
    return json.dumps(value)


def table(schema: dict[str, Any] = ORDER) -> dict[str, FieldRow]:
    return {row.path: row for row in rows(schema)}


def applied(schema: dict[str, Any] = ORDER, *, gone: tuple[str, ...] = (),
            new: tuple[FieldRow, ...] = (), **changed: dict[str, Any]) -> dict[str, Any]:
    edited = [
        replace(row, **changed.get(row.path.replace(".", "__").replace("[]", "_L"), {}))
        for row in rows(schema) if row.path not in gone
    ]
    return apply_rows(schema, [*edited, *new])


def expected(**changes: Any) -> dict[str, Any]:
    schema = copy.deepcopy(ORDER)
    for key, value in changes.items():
        schema[key] = value
    return schema


def refused(**kwargs: Any) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        applied(**kwargs)
    assert str(caught.value)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_rows_show_every_field_by_its_path_in_the_schemas_order() -> None:
    assert list(table()) == [
        "id", "address", "address.city", "address.zip", "items", "items[].price", "items[].name",
        "tags", "tags[]", "either", "matrix", "matrix[]", "matrix[][]",
    ]


def test_a_row_says_what_the_schema_says() -> None:
    found = table()
    assert found["id"] == FieldRow(path="id", was="id", type="string", required=True,
                                   pattern="^A[0-9]+$")
    assert found["address.zip"].nullable
    assert not found["address.zip"].required
    assert found["items"].minimum == 1
    assert found["items[].price"].minimum == 0
    assert found["tags[]"].allowed == ("a", "b")
    assert found["either"].type == found["items[].name"].type == "other"


def test_rows_that_say_nothing_new_change_nothing() -> None:
    assert text(apply_rows(ORDER, rows(ORDER))) == text(ORDER)


def test_a_widgets_floats_are_no_edit() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 10**20 + 1}}}
    [row] = rows(schema)
    assert apply_rows(schema, [replace(row, maximum=float(10**20 + 1))]) == schema


def test_one_edit_changes_one_keyword() -> None:
    result = applied(items_L__price={"maximum": 9.5, "description": "in euros"})
    price = result["properties"]["items"]["items"]["properties"]["price"]
    assert price == {"type": "number", "minimum": 0, "maximum": 9.5, "description": "in euros"}
    price.pop("maximum")
    price.pop("description")
    assert text(result) == text(ORDER)


def test_min_and_max_mean_length_for_text_and_count_for_lists() -> None:
    result = applied(address__city={"minimum": 2.0, "maximum": 40.0}, tags={"maximum": 3.0})
    assert result["properties"]["address"]["properties"]["city"] == {
        "type": "string", "minLength": 2, "maxLength": 40}
    assert result["properties"]["tags"]["maxItems"] == 3


def test_required_is_added_and_taken_away_in_its_own_object() -> None:
    result = applied(address__zip={"required": True}, id={"required": False})
    assert result["properties"]["address"]["required"] == ["city", "zip"]
    assert result["required"] == ["items", "address"]


def test_a_rename_keeps_place_order_and_everything_inside() -> None:
    result = applied(items={"path": "lines"})
    assert list(result["properties"])[2] == "lines"
    assert result["properties"]["lines"] == ORDER["properties"]["items"]
    assert result["required"] == ["id", "lines", "address"]


def test_a_rename_typed_on_every_row_is_the_same_rename() -> None:
    result = applied(items={"path": "lines"}, items_L__price={"path": "lines[].price"},
                     items_L__name={"path": "lines[].name"})
    assert text(result) == text(applied(items={"path": "lines"}))


def test_two_fields_can_swap_their_names() -> None:
    result = applied(id={"path": "tags"}, tags={"path": "id"}, tags_L={"path": "id[]"})
    assert result["properties"]["tags"] == ORDER["properties"]["id"]
    assert result["properties"]["id"] == ORDER["properties"]["tags"]


def test_a_rename_without_memory_is_told_by_its_place() -> None:
    edited = [replace(row, was="", path="code" if row.path == "id" else row.path)
              for row in rows(ORDER)]
    assert text(apply_rows(ORDER, edited)) == text(applied(id={"path": "code"}))


def test_a_field_can_move_into_another_object() -> None:
    result = applied(address__city={"path": "city"})
    assert result["properties"]["city"] == {"type": "string"}
    assert list(result["properties"]["address"]["properties"]) == ["zip"]
    assert "required" not in result["properties"]["address"]


def test_a_deleted_row_takes_what_is_inside_it_along() -> None:
    result = applied(gone=("address",))
    assert "address" not in result["properties"]
    assert result["required"] == ["id", "items"]


def test_a_list_without_a_type_stays_a_list_when_its_items_are_deleted() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"items": {}}}}
    [row, _] = rows(schema)
    assert apply_rows(schema, [row])["properties"] == {"a": {"type": "array"}}


def test_deleting_all_rows_leaves_what_no_row_can_name() -> None:
    assert list(apply_rows(ORDER, [])["properties"]) == ["a.b"]


def test_a_new_path_makes_the_list_and_its_objects() -> None:
    empty: dict[str, Any] = {"type": "object", "properties": {}}
    result = apply_rows(empty, [FieldRow(path="orders[].lines[].price", type="number")])
    assert result["properties"]["orders"] == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"lines": {"type": "array", "items": {
                "type": "object", "properties": {"price": {"type": "number"}},
                "required": ["price"], "additionalProperties": False}}},
            "required": ["lines"], "additionalProperties": False,
        },
    }
    assert result["required"] == ["orders"]


def test_new_rows_may_stand_in_any_order() -> None:
    result = applied(new=(FieldRow(path="geo.lat", type="number"),
                          FieldRow(path="geo", type="object", description="where")))
    assert result["properties"]["geo"]["description"] == "where"
    assert list(result["properties"]["geo"]["properties"]) == ["lat"]


def test_a_new_list_holds_texts_unless_rows_say_more() -> None:
    result = applied(new=(FieldRow(path="words", type="array"),
                          FieldRow(path="sizes", type="array"),
                          FieldRow(path="sizes[]", type="integer")))
    assert result["properties"]["words"] == {"type": "array", "items": {"type": "string"}}
    assert result["properties"]["sizes"] == {"type": "array", "items": {"type": "integer"}}


def test_another_type_drops_what_no_longer_applies() -> None:
    result = applied(id={"type": "integer"}, address={"type": "string"})
    assert result["properties"]["id"] == {"type": "integer", "x-note": 1}
    assert result["properties"]["address"] == {"type": "string"}


def test_a_field_the_table_could_not_show_gets_a_type() -> None:
    result = applied(either={"type": "boolean"})
    assert result["properties"]["either"] == {"type": "boolean"}


def test_nullable_adds_null_to_type_and_values() -> None:
    result = applied(tags_L={"nullable": True}, address__zip={"nullable": False})
    assert result["properties"]["tags"]["items"] == {
        "type": ["string", "null"], "enum": ["a", "b", None]}
    assert result["properties"]["address"]["properties"]["zip"] == {"type": "string"}


def test_allowed_values_become_values_of_the_type() -> None:
    result = applied(new=(FieldRow(path="size", type="integer", allowed=("1", 2, 3.0)),
                          FieldRow(path="code", type="string", allowed=(1, True, "x")),
                          FieldRow(path="on", type="boolean", allowed=("TRUE",))))
    assert text([result["properties"][n]["enum"] for n in ("size", "code", "on")]) == text(
        [[1, 2, 3], ["1", "true", "x"], [True]])


@pytest.mark.parametrize(("kwargs", "path", "word"), [
    ({"new": (FieldRow(path="id"),)}, "id", "another field"),
    ({"new": (FieldRow(path="  "),)}, "  ", "Enter a name"),
    ({"new": (FieldRow(path="a..b"),)}, "a..b", "Use a name"),
    ({"new": (FieldRow(path="a[0]"),)}, "a[0]", "Use a name"),
    ({"new": (FieldRow(path="id.part"),)}, "id.part", "not an object"),
    ({"new": (FieldRow(path="id[]"),)}, "id[]", "not a list"),
    ({"new": (FieldRow(path="x", type="blob"),)}, "x", "Choose one of the types"),
    ({"new": (FieldRow(path="items[]"),)}, "items[]", "fields of their own"),
    ({"id": {"type": "other"}}, "id", "Choose one of the types"),
    ({"items_L__price": {"maximum": -1}}, "items[].price", "greater than max"),
    ({"id": {"minimum": 1.5}}, "id", "whole numbers"),
    ({"id": {"minimum": float("nan")}}, "id", "must be numbers"),
    ({"address": {"maximum": 2}}, "address", "do not apply"),
    ({"id": {"pattern": "["}}, "id", "can't be read"),
    ({"items_L__price": {"pattern": "x"}}, "items[].price", "for text"),
    ({"items_L__price": {"format": "date"}}, "items[].price", "for text"),
    ({"items_L__price": {"allowed": ("cheap",)}}, "items[].price", "not a number"),
    ({"address": {"allowed": ("x",)}}, "address", "do not apply"),
])
def test_a_row_that_does_not_fit_is_told_by_its_path(
    kwargs: dict[str, Any], path: str, word: str
) -> None:
    assert any(p == path and word in message for p, message in refused(**kwargs))


def test_all_rows_that_do_not_fit_are_told_at_once() -> None:
    assert [path for path, _ in refused(id={"pattern": "["}, tags={"minimum": -1})] == [
        "id", "tags"]


def test_what_is_no_schema_has_no_rows_and_stays_as_it_is() -> None:
    deep: Any = {}
    for _ in range(5_000):
        deep = {"properties": {"a": deep}, "type": "object"}
    assert rows(True) == rows([1]) == rows({"properties": 3}) == ()
    assert len(rows(deep)) < 50
    assert apply_rows(deep, rows(deep)) == deep
    assert problems(deep)


NAMES = st.sampled_from(["a", "b", "c", "a.b", "x[]", " ", "", "ü", "type", "__proto__"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, "a", "string", "["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=3,
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null",
                         ["string", "null"], ["null", "integer"], ["string", "integer"], "odd", 3])


def _node(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={
        "type": TYPES, "properties": st.dictionaries(NAMES, inner, max_size=4) | JSON,
        "items": inner, "required": st.lists(NAMES, max_size=3) | JSON,
        "enum": st.lists(JSON, max_size=3), "minimum": JSON, "maxLength": JSON, "minItems": JSON,
        "format": JSON, "pattern": JSON, "description": JSON, "oneOf": st.lists(inner, max_size=2),
        "prefixItems": st.lists(inner, max_size=2), "x-mine": JSON, "$ref": JSON,
    })


NODES = st.recursive(_node(st.booleans() | JSON), _node, max_leaves=3)
ROOTS = st.builds(
    lambda fields, rest: {**rest, "type": "object", "properties": fields},
    st.dictionaries(NAMES, NODES, max_size=4), _node(NODES),
)


@settings(max_examples=40, deadline=None)
@given(ROOTS | NODES)
def test_untouched_rows_are_exactly_the_schema_whatever_it_is(schema: Any) -> None:
    assert text(apply_rows(schema, rows(schema))) == text(schema)


@settings(max_examples=30, deadline=None)
@given(ROOTS, st.data())
def test_an_edit_is_what_the_table_shows_next(schema: dict[str, Any], data: st.DataObject) -> None:
    before = rows(schema)
    new = FieldRow(path="fresh", type="integer", minimum=1, allowed=(1, 2), description="d")
    gone = data.draw(st.sampled_from([None, *before]))
    kept = [row for row in before if row is not gone]
    after = {row.path: row for row in rows(apply_rows(schema, [*kept, new]))}
    assert after["fresh"] == replace(new, was="fresh")
    if gone:
        assert gone.path not in after
    for row in kept:
        if not gone or not row.path.startswith(gone.path):
            assert after[row.path] == row
