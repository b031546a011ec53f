from __future__ import annotations

import csv
import io
import json
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from datagen.domain.downloads import Wish
from datagen.domain.errors import Conflict, InputError, NotThere, StoreError, TooWide
from datagen.domain.jobs import Part
from datagen.domain.spread import MAX_COLUMNS
from datagen.protocol import lines
from datagen.services import building
from datagen.services import columns as columnar
from datagen.services.answers import record_page
from datagen.services.blocks import blocks_of
from datagen.services.column_profile import TOP
from datagen.services.datasets import Filter, ResultLine
from datagen.services.tables import MAX_SHOWN
from tests.editions import sealed
from tests.services.job_world import ANN, BOB, World, line

TYPES: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"]},
        "score": {"type": "number"},
        "active": {"type": "boolean"},
        "born": {"type": "string", "format": "date"},
        "seen": {"type": "string", "format": "date-time"},
        "tags": {"type": "array"},
    },
}
PEOPLE: list[Mapping[str, Any] | str] = [
    {"name": "Zoë", "age": 31, "score": 1, "active": True, "born": "1990-05-01",
     "seen": "2026-01-01T10:00:00Z", "tags": ["a"]},
    {"name": "adam", "age": None, "score": 2.5, "active": False, "born": "1985-01-02",
     "seen": "2026-01-01T10:00:00+02:00", "tags": []},
    "The reply was cut off.",
    {"name": "Bea", "age": 19, "score": -3, "active": True, "born": "2000-12-31",
     "seen": "2025-06-01T00:00:00Z", "tags": ["b", "c"], "extra": "100%"},
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def people(world: World) -> str:
    return world.dataset(PEOPLE, schema=TYPES)


def names(world: World, job_id: str, **wishes: Any) -> list[str]:
    return list(world.datasets.page(ANN, job_id, **wishes).frame["name"])


def taken(world: World, job_id: str, wish: Wish) -> bytes:
    return b"".join(world.datasets.export(ANN, job_id, wish).chunks)


def kinds(world: World, job_id: str) -> dict[str, str]:
    return {column.name: column.kind for column in world.datasets.columns(ANN, job_id)}


# ------------------------------------------------------------------ the stream


def test_the_peers_files_are_one_stream_in_index_order(tmp_path: Path) -> None:
    world = World(tmp_path, peers=("p1", "p2"))
    job_id = world.confirmed(records=3)
    world.finish(job_id, {"p1": line(0, {"n": 0}) + line(1, "No.", raw="{"),
                          "p2": line(2, {"n": 2})})
    assert list(world.datasets.lines(ANN, job_id)) == [
        ResultLine(i=0, ok=True, data={"n": 0}),
        ResultLine(i=1, ok=False, error="No.", raw="{"),
        ResultLine(i=2, ok=True, data={"n": 2}),
    ]


@pytest.mark.parametrize("junk", [
    b'{"i":1,"ok":tr\n', b"\n", b"[]\n", b"\xff\xfe\n", b'{"i":1,"ok":true,"data":[1]}\n',
    b'{"i":true,"ok":true,"data":{}}\n', b'{"i":1,"ok":true,"data":{"n":NaN}}\n',
    b'{"i":1,"ok":true,"data":{"n":1e999}}\n', b'{"i":1,"ok":1,"data":{}}\n',
    b'{"i":77,"ok":true,"data":{}}\n', b'{"i":-1,"ok":true,"data":{}}\n',
    b'{"i":1,"ok":true,"data":{"n":' + b"[" * 200 + b"]" * 200 + b"}}\n",
    b'{"i":1,"ok":true,"data":{"n":' + b"[" * 480 + b'"\\ud800"' + b"]" * 480 + b"}}\n",
    b"[" * 100_000 + b"\n", b"x" * (lines.MAX_LINE * 2 + 5) + b"\n",
], ids=lambda junk: junk[:24].decode("latin-1"))
def test_a_torn_or_foreign_line_costs_only_its_own_record(world: World, junk: bytes) -> None:
    job_id = world.confirmed(records=3)
    world.finish(job_id, line(0, {"n": 0}) + junk + line(2, {"n": 2}))
    found = list(world.datasets.lines(ANN, job_id))
    assert [(one.i, one.ok) for one in found] == [(0, True), (1, False), (2, True)]


def test_a_file_without_its_last_line_end_loses_nothing(world: World) -> None:
    job_id = world.confirmed(records=1)
    world.finish(job_id, line(0, {"n": 0}).rstrip())
    assert [one.ok for one in world.datasets.lines(ANN, job_id)] == [True]


def test_each_index_comes_once_the_first_time_it_is_told(world: World) -> None:
    job_id = world.confirmed(records=2)
    world.finish(job_id, line(0, {"n": "first"}) + line(0, {"n": "again"}) + line(1, {"n": 1}))
    assert [one.data for one in world.datasets.lines(ANN, job_id)] == [{"n": "first"}, {"n": 1}]


def test_whole_numbers_are_whole_however_they_were_written(world: World) -> None:
    one = lines.read_line(b'{"i":0,"ok":true,"data":{"a":3.0,"b":2.50,"c":12345678901234567}}')
    assert one is not None
    assert json.dumps(one.data) == '{"a": 3, "b": 2.5, "c": 12345678901234567}'


def test_half_a_character_is_replaced(world: World) -> None:
    job_id = world.confirmed(records=1)
    world.finish(job_id, b'{"i":0,"ok":true,"data":{"name":"a\\ud800b","\\uDC00":["\\udfff"]}}\n')
    content = b"".join(world.datasets.export(ANN, job_id, Wish(form="json")).chunks).decode()
    assert json.loads(content) == [{"name": "a?b", "?": ["?"]}]
    assert names(world, job_id) == ["a?b"]


@given(content=st.lists(
    st.sampled_from([line(i, {"n": i}) for i in range(4)] + [line(1, "No."), b'{"i":2,"ok"\n',
                                                            b"junk\n", b"\n"]), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_whatever_a_file_holds_every_index_comes_once_in_order(
    tmp_path: Path, content: list[bytes]
) -> None:
    world = World(tmp_path)
    job_id = world.confirmed(records=4)
    world.finish(job_id, b"".join(content))
    assert [one.i for one in world.datasets.lines(ANN, job_id)] == [0, 1, 2, 3]


def test_a_running_job_has_no_dataset_yet(world: World) -> None:
    job_id = world.confirmed()
    for ask in (world.datasets.lines, world.datasets.columns, world.datasets.page,
                world.datasets.profile, world.datasets.failures):
        with pytest.raises(Conflict, match="not finished yet"):
            ask(ANN, job_id)
    with pytest.raises(Conflict):
        world.datasets.export(ANN, job_id, Wish(form="csv"))


def test_nobody_reads_the_dataset_of_another(world: World, people: str) -> None:
    world.datasets.page(ANN, people)
    for ask in (world.datasets.lines, world.datasets.columns, world.datasets.page,
                world.datasets.profile, world.datasets.failures):
        with pytest.raises(NotThere):
            ask(BOB, people)
    with pytest.raises(NotThere):
        world.datasets.export(BOB, people, Wish(form="json"))


def test_a_result_file_that_is_not_here_is_told_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, peers=("p1", "p2"))
    job_id = world.confirmed(records=2)
    world.finish(job_id, {"p1": line(0, {"n": 0})})
    with pytest.raises(StoreError, match="p2"):
        world.datasets.export(ANN, job_id, Wish(form="json"))
    world.report(job_id, peer="p2", ok=1, result_cid="0" * 64, finished_at=world.clock.now())
    world.clock.advance(1.1)
    with pytest.raises(StoreError):
        world.datasets.export(ANN, job_id, Wish(form="json"))


# --------------------------------------------------------------------- export


def test_an_export_is_named_after_its_title_and_holds_every_record(world: World) -> None:
    job_id = world.dataset(PEOPLE, schema=TYPES, title="My people")
    file = world.datasets.export(ANN, job_id, Wish(form="json", skip_failed=True))
    assert file.disposition == 'attachment; filename="My people.json"'
    assert [one["name"] for one in json.loads(b"".join(file.chunks))] == ["Zoë", "adam", "Bea"]


def test_csv_columns_follow_the_schema_then_the_records(world: World, people: str) -> None:
    text = b"".join(world.datasets.export(ANN, people, Wish(form="csv")).chunks).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [*TYPES["properties"], "extra"]
    assert [row["extra"] for row in rows] == ["", "", "100%"]
    assert rows[1]["age"] == ""


def test_parquet_carries_types_and_the_columns_own_names(world: World, people: str) -> None:
    content = b"".join(world.datasets.export(ANN, people, Wish(form="parquet")).chunks)
    table = parquet.read_table(io.BytesIO(content))
    assert table.column_names == [*TYPES["properties"], "extra"]
    assert table.column("name").to_pylist() == [person["name"] for person in PEOPLE
                                                if not isinstance(person, str)]
    assert str(table.schema.field("age").type) == "int64"


def test_json_lines_leave_failed_records_out(world: World, people: str) -> None:
    content = b"".join(world.datasets.export(ANN, people, Wish(form="jsonl")).chunks)
    assert [json.loads(one)["name"] for one in content.splitlines()] == ["Zoë", "adam", "Bea"]


def test_an_export_outlives_a_lost_schema(world: World, people: str) -> None:
    job = replace(world.published(people), details_cid="0" * 64)
    world.board.publish(job)
    world.jobs.invalidate()
    text = b"".join(world.datasets.export(ANN, people, Wish(form="csv")).chunks).decode()
    assert text.startswith("name,age,score,active,born,seen,tags,extra\n")


# ------------------------------------------------------------------- the table


def test_columns_take_their_types_from_the_schema(world: World, people: str) -> None:
    assert kinds(world, people) == {
        "name": "text", "age": "integer", "score": "number", "active": "boolean",
        "born": "date", "seen": "datetime", "tags": "json", "extra": "text",
    }
    assert [c.name for c in world.datasets.columns(ANN, people) if c.nested] == ["tags"]


@pytest.mark.parametrize(("sub", "values", "kind"), [
    ({"type": "integer"}, [1, 2.5], "number"),
    ({"type": "integer"}, [1, 2**70], "number"),
    ({"type": "integer"}, [1, 2**70 + 1], "json"),
    ({"type": "integer"}, [1, 10**400], "json"),
    ({"type": "integer"}, [1, "many"], "json"),
    ({"type": "number"}, [1, 2], "number"),
    ({"type": "string", "format": "date"}, ["2026-02-30"], "text"),
    ({"type": "string", "format": "date"}, ["2026-02-28", "soon"], "text"),
    ({"type": "string", "format": "date-time"}, ["0001-01-01T00:00:00+14:00"], "text"),
    ({"type": "string", "format": "date-time"}, ["2026-01-01T00:00:00z"], "datetime"),
    ({}, [True, None], "boolean"),
    ({}, [True, 1], "json"),
    ({}, [{"a": 1}, "x"], "json"),
    ({"enum": ["a", "b"]}, ["a"], "text"),
    ({"type": "boolean"}, [None], "boolean"),
])
def test_a_column_becomes_what_holds_all_its_values(
    world: World, sub: dict[str, Any], values: list[Any], kind: str
) -> None:
    job_id = world.dataset([{"x": value} for value in values],
                           schema={"type": "object", "properties": {"x": sub}})
    assert kinds(world, job_id) == {"x": kind}
    assert len(world.datasets.page(ANN, job_id).frame) == len(values)
    assert len(world.datasets.profile(ANN, job_id)) == 1


def test_a_page_holds_typed_cells_and_the_index(world: World, people: str) -> None:
    page = world.datasets.page(ANN, people)
    assert (page.total, page.matching) == (3, 3)
    assert list(page.frame.columns) == ["#", *TYPES["properties"], "extra"]
    assert list(page.frame["#"]) == [0, 1, 3]
    assert str(page.frame["age"].dtype) == "Int64"
    assert page.frame["age"].isna().tolist() == [False, True, False]
    assert page.frame["born"][0] == date(1990, 5, 1)
    assert page.frame["seen"][1] == datetime(2026, 1, 1, 8, tzinfo=UTC)
    assert page.frame["tags"][2] == '["b","c"]'


def test_sorting_is_over_the_whole_dataset_and_empty_cells_come_last(
    world: World, people: str
) -> None:
    assert names(world, people, sort="age") == ["Bea", "Zoë", "adam"]
    assert names(world, people, sort="age", descending=True) == ["Zoë", "Bea", "adam"]
    assert names(world, people, sort="name") == ["adam", "Bea", "Zoë"]
    assert names(world, people, sort="#", descending=True) == ["Bea", "adam", "Zoë"]
    assert names(world, people, sort="age", offset=1, limit=1) == ["Zoë"]


def test_search_is_literal_in_any_text_and_blind_to_case(world: World, people: str) -> None:
    assert names(world, people, search="ADA") == ["adam"]
    assert names(world, people, search="zoË") == ["Zoë"]
    assert names(world, people, search="100%") == ["Bea"]
    assert names(world, people, search='"C"') == ["Bea"]
    assert names(world, people, search=".*") == []
    page = world.datasets.page(ANN, people, search="e")
    assert (page.total, page.matching) == (3, 1)


@pytest.mark.parametrize(("column", "wish", "left"), [
    ("name", Filter(values=frozenset({"Bea", "Nobody"})), ["Bea"]),
    ("name", Filter(values=frozenset()), []),
    ("age", Filter(values=frozenset({None})), ["adam"]),
    ("age", Filter(values=frozenset({None, 31})), ["Zoë", "adam"]),
    ("age", Filter(low=20), ["Zoë"]),
    ("score", Filter(low=-3, high=1), ["Zoë", "Bea"]),
    ("active", Filter(values=frozenset({True})), ["Zoë", "Bea"]),
    ("born", Filter(low=date(1990, 5, 1), high=date(1999, 1, 1)), ["Zoë"]),
    ("seen", Filter(low=date(2026, 1, 1)), ["Zoë", "adam"]),
    ("seen", Filter(high=datetime(2025, 12, 31, tzinfo=UTC)), ["Bea"]),
    ("tags", Filter(values=frozenset({"[]"})), ["adam"]),
    ("#", Filter(low=1), ["adam", "Bea"]),
])
def test_filters_keep_what_fits(
    world: World, people: str, column: str, wish: Filter, left: list[str]
) -> None:
    assert names(world, people, filters={column: wish}) == left


@pytest.mark.parametrize("wishes", [
    {"sort": "nothing"}, {"filters": {"nothing": Filter()}}, {"offset": -1}, {"limit": 0},
    {"limit": 10**6}, {"filters": {"age": Filter(low="x")}},
    {"filters": {"age": Filter(low=2**63)}}, {"filters": {"age": Filter(high=-2**63 - 1)}},
    {"filters": {"name": Filter(values=frozenset({1}))}},
    {"filters": {"active": Filter(values=frozenset({1}))}},
    {"filters": {"born": Filter(low="1990-01-01")}},
    {"sort": "^.*$"}, {"sort": "*"},
])
def test_a_wish_that_does_not_fit_is_refused(
    world: World, people: str, wishes: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        world.datasets.page(ANN, people, **wishes)


def test_any_key_may_be_a_column(world: World) -> None:
    record = {"#": 1, "i": 2, "c0": 3, "*": 4, "^.*$": 5, "": 6, "a.b": 7, "é\n": 8}
    job_id = world.dataset([record], schema={"type": "object"})
    page = world.datasets.page(ANN, job_id, sort="^.*$", filters={"*": Filter(low=4)})
    assert list(page.frame.columns) == ["##", *record]
    assert page.frame.iloc[0].tolist() == [0, *record.values()]


def test_a_dataset_without_a_good_record_works_everywhere(world: World) -> None:
    job_id = world.dataset(["No.", "Never."], schema=TYPES)
    page = world.datasets.page(ANN, job_id, sort="age", search="x", filters={"age": Filter(low=1)})
    assert (len(page.frame), page.total, page.matching) == (0, 0, 0)
    assert list(page.frame.columns) == ["#", *TYPES["properties"]]
    assert kinds(world, job_id)["age"] == "integer"
    profiles = world.datasets.profile(ANN, job_id)
    assert [(one.filled, one.distinct) for one in profiles] == [(0, 0)] * len(TYPES["properties"])
    assert b"\n" not in taken(world, job_id, Wish(form="csv"))
    assert taken(world, job_id, Wish(form="json", skip_failed=True)) == b"[]"
    assert len(world.datasets.failures(ANN, job_id)) == 2


def test_a_job_that_failed_before_any_file_has_an_empty_dataset(world: World) -> None:
    job_id = world.confirmed(records=2)
    world.take_over()
    world.board.publish(replace(world.published(job_id), status="failed", error="No model."))
    world.jobs.invalidate()
    assert list(world.datasets.lines(ANN, job_id)) == []
    assert world.datasets.page(ANN, job_id).total == 0
    assert world.datasets.failures(ANN, job_id) == ()


def test_a_cancelled_job_holds_what_was_generated_and_calls_nothing_else_failed(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, peers=("p1", "p2", "p3"))
    job_id = world.confirmed(records=9)
    world.finish(job_id, {"p1": line(0, {"name": "a"}) + line(2, "No.", raw="{"),
                          "p2": line(4, {"name": "b"})})
    world.board.publish(replace(world.published(job_id), status="failed", cancelled_by="ann",
                                cancelled_at=world.clock.now()))
    world.jobs.invalidate()
    assert [one.i for one in world.datasets.lines(ANN, job_id)] == [0, 2, 4]
    assert names(world, job_id) == ["a", "b"]
    content = b"".join(world.datasets.export(ANN, job_id, Wish(form="json")).chunks)
    assert json.loads(content) == [{"name": "a"}, None, {"name": "b"}]
    assert [one.index for one in world.datasets.failures(ANN, job_id)] == [2]
    assert [(one.reason, one.count) for one in world.datasets.failure_groups(ANN, job_id)] == [
        ("No.", 1)]


def test_records_without_any_field_make_a_table_of_rows(world: World) -> None:
    job_id = world.dataset([{}, {}], schema={"type": "object"})
    assert list(world.datasets.page(ANN, job_id).frame.columns) == ["#"]
    assert world.datasets.page(ANN, job_id, search="x").matching == 0
    assert world.datasets.profile(ANN, job_id) == ()


# -------------------------------------------------------------- the cache file


def counted_builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    built: list[Path] = []
    original = building.build

    def build(path: Path, *rest: Any) -> None:
        built.append(path)
        original(path, *rest)

    monkeypatch.setattr(building, "build", build)
    return built


def test_the_table_is_built_once_however_many_ask(
    world: World, people: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = counted_builds(monkeypatch)
    together = threading.Barrier(4)

    def ask(_: int) -> int:
        together.wait(10)
        return world.datasets.page(ANN, people).total

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [3] * 4
    assert len(built) == 1
    assert [file.name for file in built[0].parent.iterdir()] == [f"{people}.parquet"]


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "no parquet", "inside"])
def test_a_damaged_table_is_built_again(world: World, people: str, tmp_path: Path,
                                        damage: str) -> None:
    assert names(world, people) == ["Zoë", "adam", "Bea"]
    path = tmp_path / "datasets" / f"{people}.parquet"
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "inside":
        path.write_bytes(content[:4] + b"\xff" * 60 + content[64:])
    else:
        path.write_bytes({"empty": b"", "cut": content[:-9], "no parquet": b"x" * 99}[damage])
    assert names(world, people, sort="#") == ["Zoë", "adam", "Bea"]


OTHERS = b"".join(line(i, {"name": f"n{i}"}) for i in range(4))


def test_another_edition_makes_another_table(world: World, people: str) -> None:
    assert names(world, people) == ["Zoë", "adam", "Bea"]
    world.board.publish(sealed(world.published(people), world.files, OTHERS, round=1))
    world.jobs.invalidate()
    assert names(world, people) == ["n0", "n1", "n2", "n3"]


def test_of_an_earlier_job_another_set_of_result_files_does(world: World) -> None:
    job_id = world.confirmed()
    world.finish(job_id, b"".join(line(i, record) for i, record in enumerate(PEOPLE)))
    assert names(world, job_id) == ["Zoë", "adam", "Bea"]
    world.finish(job_id, OTHERS)
    world.clock.advance(1.1)
    assert names(world, job_id) == ["n0", "n1", "n2", "n3"]


def test_the_dataset_of_a_sealed_edition_stays_whatever_peers_say_later(
    world: World, people: str
) -> None:
    before = b"".join(world.datasets.export(ANN, people, Wish(form="json")).chunks)
    for cid in {state.result_cid for state in world.board.states(people).values()}:
        world.files.remove(cid or "")
    world.report(people, ok=0, result_cid="away", finished_at=world.clock.now())
    world.clock.advance(1.1)
    assert b"".join(world.datasets.export(ANN, people, Wish(form="json")).chunks) == before
    world.files.remove(world.published(people).edition.manifest_cid)
    with pytest.raises(StoreError, match="Try again"):
        world.datasets.export(ANN, people, Wish(form="json"))


def test_a_cache_that_cannot_be_written_is_told_and_the_download_still_works(
    tmp_path: Path,
) -> None:
    (tmp_path / "datasets").write_text("in the way")
    world = World(tmp_path)
    job_id = world.dataset(PEOPLE)
    with pytest.raises(StoreError, match="download still works"):
        world.datasets.page(ANN, job_id)
    assert b"Bea" in b"".join(world.datasets.export(ANN, job_id, Wish(form="csv")).chunks)


def test_a_build_that_breaks_leaves_no_file(tmp_path: Path) -> None:
    calls = 0

    def lines() -> Iterator[ResultLine]:
        nonlocal calls
        calls += 1
        yield ResultLine(i=0, ok=True, data={"a": 1})
        if calls == 2:
            raise StoreError("The disk is gone.")

    with pytest.raises(StoreError):
        building.build(tmp_path / "x.parquet", lambda: blocks_of(lines()), {}, "f")
    assert list(tmp_path.iterdir()) == []


def test_a_strange_job_id_stays_in_the_cache_folder(tmp_path: Path) -> None:
    for strange in ("../../x", "/etc/x", "a/b", "..", "x" * 5_000, "a\x00b"):
        path = columnar.path_of(tmp_path, strange)
        assert path.parent == tmp_path / "datasets"
        assert path.name.removesuffix(".parquet").isalnum()


def test_many_records_are_written_in_batches(world: World) -> None:
    job_id = world.dataset([{"name": f"n{i}", "age": i} for i in range(12_000)])
    page = world.datasets.page(ANN, job_id, sort="age", descending=True, limit=2)
    assert list(page.frame["age"]) == [11_999, 11_998]
    assert page.total == 12_000


# -------------------------------------------------------------- the profile


def test_each_column_is_profiled_by_its_kind(world: World, people: str) -> None:
    name, age, score, active, born, seen, tags, extra = world.datasets.profile(ANN, people)
    assert (name.filled, name.distinct, name.shortest, name.longest) == (3, 3, 3, 4)
    assert [(top.value, top.count) for top in name.top] == [("Bea", 1), ("Zoë", 1), ("adam", 1)]
    assert (age.filled, age.rows, age.filled_share) == (2, 3, pytest.approx(2 / 3))
    assert (age.low, age.high, age.mean) == (19, 31, 25)
    assert sum(one.count for one in age.bins) == 2
    assert (age.bins[0].low, age.bins[-1].high, len(age.bins)) == (19, 31, 12)
    assert (score.low, score.high) == (-3, 2.5)
    assert active.true_share == pytest.approx(2 / 3)
    assert (born.low, born.high) == (date(1985, 1, 2), date(2000, 12, 31))
    assert seen.high == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert tags.distinct == 3
    assert (extra.filled, extra.longest) == (1, 4)


def test_equal_numbers_make_one_bar_and_wild_ones_do_not_break_it(world: World) -> None:
    job_id = world.dataset([{"a": 5, "b": -1.7e308}, {"a": 5, "b": 1.7e308}],
                           schema={"type": "object"})
    same, wild = world.datasets.profile(ANN, job_id)
    assert [(one.low, one.high, one.count) for one in same.bins] == [(5, 5, 2)]
    assert sum(one.count for one in wild.bins) == 2


def test_whole_numbers_that_no_float_holds_keep_all_their_digits(world: World) -> None:
    job_id = world.dataset([{"x": 2**53 + 1}, {"x": 0.5}], schema={"type": "object"})
    assert list(world.datasets.page(ANN, job_id).frame["x"]) == ["9007199254740993", "0.5"]


@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30)
       | st.lists(st.none() | st.integers(-(2**53), 2**53)
                  | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20,
          deadline=None)
def test_a_histogram_counts_every_number_once(tmp_path: Path, values: list[Any]) -> None:
    world = World(tmp_path)
    world.clock.advance(next(COUNTER))
    job_id = world.dataset([{"x": value} for value in values], schema={"type": "object"})
    (profile,) = world.datasets.profile(ANN, job_id)
    assert sum(one.count for one in profile.bins) == profile.filled
    assert profile.filled == sum(value is not None for value in values)


COUNTER = iter(range(10**6))


def test_the_most_frequent_texts_come_first(world: World) -> None:
    words = ["b"] * 3 + ["a" * 500] * 2 + [f"once {number:02}" for number in range(30)]
    job_id = world.dataset([{"name": word} for word in words])
    top = world.datasets.profile(ANN, job_id)[0].top
    assert [(one.value, one.count) for one in top] == [
        ("b", 3), ("a" * 200, 2), *((f"once {number:02}", 1) for number in range(TOP - 2)),
    ]


def test_a_profile_is_computed_once(world: World, people: str) -> None:
    assert world.datasets.profile(ANN, people) is world.datasets.profile(ANN, people)


# --------------------------------------------------------------- the failures


def test_failures_tell_their_reason_and_the_reply_that_was_kept(world: World) -> None:
    job_id = world.confirmed(records=3)
    world.finish(job_id, line(0, "Cut off.", raw='{"na') + line(1, {"name": "a"}) + line(2, "No."))
    found = world.datasets.failures(ANN, job_id)
    assert [(one.index, one.message, one.raw) for one in found] == [
        (0, "Cut off.", '{"na'), (2, "No.", None),
    ]
    assert len(world.datasets.failures(ANN, job_id, limit=1)) == 1


def test_a_table_that_another_process_builds_is_left_alone(
    world: World, people: str, tmp_path: Path
) -> None:
    world.datasets.columns(ANN, people)
    (table,) = (tmp_path / "datasets").glob("*.parquet")
    fresh, old = table.with_suffix(".fresh.tmp"), table.with_suffix(".old.tmp")
    for file in (fresh, old):
        file.write_bytes(b"half a table")
    os.utime(old, (1, 1))
    table.unlink()
    world.datasets.columns(ANN, people)
    assert fresh.exists()
    assert not old.exists()


def test_a_table_built_while_its_job_is_deleted_does_not_stay(
    world: World, people: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = building.build

    def slow(path: Path, *asked: Any) -> None:
        build(path, *asked)
        world.jobs.delete(ANN, people)

    monkeypatch.setattr(building, "build", slow)
    with pytest.raises(NotThere):
        world.datasets.columns(ANN, people)
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_forgotten_table_leaves_nothing_and_others_alone(
    world: World, people: str, tmp_path: Path
) -> None:
    other = world.dataset([{"name": "a"}], draft_id="other")
    for job_id in (people, other):
        world.datasets.columns(ANN, job_id)
    (tmp_path / "datasets" / f"{people}.x1.tmp").touch()
    columnar.forget(tmp_path, people)
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{other}.parquet"]
    columnar.forget(tmp_path / "nowhere", people)


def test_the_cache_keeps_the_latest_tables_only(
    world: World, people: str, tmp_path: Path
) -> None:
    folder = tmp_path / "datasets"
    folder.mkdir(exist_ok=True)
    for number in range(columnar.MAX_TABLES + 3):
        (folder / f"t{number}.parquet").touch()
        os.utime(folder / f"t{number}.parquet", (number, number))
    world.datasets.columns(ANN, people)
    kept = {file.name for file in folder.glob("*.parquet")}
    assert len(kept) == columnar.MAX_TABLES
    assert f"{people}.parquet" in kept
    assert "t3.parquet" not in kept
    assert "t4.parquet" in kept


def test_no_lock_outlives_its_use(world: World, people: str) -> None:
    world.datasets.columns(ANN, people)
    assert not world.datasets._locks._locks


# ------------------------------------------------------- complete, but not closed


def test_a_complete_job_whose_peers_are_gone_gives_its_records_so_marked(tmp_path: Path) -> None:
    world = World(tmp_path, peers=("local", "b", "c"))
    job_id = world.confirmed(records=3, title="T" * 200)
    world.take_over()
    world.beat("local")
    for number, peer in enumerate(world.peers):
        cid = world.files.add(io.BytesIO(line(number, {"name": peer})), peer)
        part = Part(start=number, end=number + 1, cid=cid, ok=1, failed=0)
        world.report(job_id, peer=peer, ok=1, parts=(part,), finished_at=world.clock.now())

    assert "2 of 3 peers can't be reached" in (world.jobs.get(ANN, job_id).not_closed or "")
    export = world.datasets.export(ANN, job_id, Wish(form="csv"))
    assert 'T-not-closed.csv"' in export.disposition
    assert b"".join(export.chunks) == b"name,age\nlocal,\nb,\nc,"
    assert world.datasets.page(ANN, job_id).total == 3

    world.beat("b")
    world.jobs.invalidate()
    with pytest.raises(Conflict):  # it closes by itself now
        world.datasets.export(ANN, job_id, Wish(form="csv"))


def test_a_file_of_it_that_is_not_here_yet_fails_before_the_first_record(tmp_path: Path) -> None:
    world = World(tmp_path, peers=("local", "b", "c"))
    job_id = world.confirmed(records=3)
    world.take_over()
    world.beat("local")
    for number, peer in enumerate(world.peers):
        part = Part(start=number, end=number + 1, cid=f"missing{peer}", ok=1, failed=0)
        world.report(job_id, peer=peer, ok=1, parts=(part,), finished_at=world.clock.now())
    with pytest.raises(StoreError):
        world.datasets.lines(ANN, job_id)


def wide(world: World, columns: int, records: int = 2) -> str:
    """Records that have no field in common, so many fields in all."""
    each = columns // records
    return world.dataset([{f"c{n}_{i}": i for i in range(each)} for n in range(records)],
                         schema={"type": "object"})


@pytest.mark.parametrize("ask", [
    lambda datasets, job: datasets.page(ANN, job),
    lambda datasets, job: datasets.profile(ANN, job)])
def test_more_columns_than_can_be_looked_at_are_said_to_be_so(world: World, ask: Any) -> None:
    job_id = wide(world, MAX_SHOWN + 2)
    with pytest.raises(TooWide, match="more than can be shown"):
        ask(world.datasets, job_id)
    table = b"".join(world.datasets.export(ANN, job_id, Wish(form="csv")).chunks)
    assert table.split(b"\n")[0].count(b",") == MAX_SHOWN + 1


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx", "bundle"])
def test_more_columns_than_any_table_has_are_downloads_of_json_only(
    world: World, form: Any
) -> None:
    job_id = wide(world, MAX_COLUMNS + 2)
    with pytest.raises(TooWide, match="Take it as JSON"):  # before anything has left
        world.datasets.export(ANN, job_id, Wish(form=form))
    for plain in ("json", "jsonl"):
        assert b"".join(world.datasets.export(ANN, job_id, Wish(form=plain)).chunks)


def test_a_page_of_large_records_leaves_as_it_is_read() -> None:
    read: list[int] = []

    def lines() -> Iterator[ResultLine]:
        for i in range(10):
            read.append(i)
            yield ResultLine(i=i, ok=True, data={"a": "x" * 100_000})

    answer = record_page(lines(), total=10, offset=0)
    first = next(answer)
    assert read == [0]
    said = json.loads(first + b"".join(answer))
    assert [one["index"] for one in said["records"]] == list(range(10))
