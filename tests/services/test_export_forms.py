"""Every form of a dataset's file, opened by the library that people open it with."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape
from pyarrow import parquet

from datagen.domain.downloads import EXCEL_CELL, FORMS, Form, Wish
from datagen.domain.errors import Conflict, NotThere, StoreError
from datagen.domain.jobs import Part, Share
from datagen.engine.journal import Journal, failed_line, folder_of, ok_line
from datagen.services import columns as columnar
from datagen.services import workbook
from datagen.services.preparing import MAX_WAITING, OF_ONE, Preparation, Preparations
from tests.services.job_world import ANN, BOB, World, line

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "Whom it is about | # <b>"},
        "age": {"type": ["integer", "null"], "minimum": 0, "maximum": 150},
        "score": {"type": "number"},
        "active": {"type": "boolean"},
        "born": {"type": "string", "format": "date"},
        "seen": {"type": "string", "format": "date-time"},
        "address": {"type": "object", "properties": {
            "city": {"type": "string"}, "zip": {"type": "string"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name"],
}
RECORDS: list[Mapping[str, Any] | str] = [
    {"name": "Zoë, \"Z\"", "age": 31, "score": 1, "active": True, "born": "1990-05-01",
     "seen": "2026-01-01T10:00:00Z", "address": {"city": "Graz", "zip": "8010"}, "tags": ["a"]},
    "It did not fit.",
    {"name": "=1+1", "age": None, "score": 2.5, "active": False, "born": "1985-01-02",
     "seen": "2026-01-01T10:00:00+02:00", "address": {}, "tags": []},
    {"name": "line\nbreak\r\tand é 你 🙂", "age": 19, "score": -3, "active": True,
     "born": "2000-12-31", "seen": "2025-06-01T00:00:00.5Z",
     "address": {"city": "-x", "a.b": {"c": [1]}}, "tags": ["b", "c"]},
]
GOOD = [record for record in RECORDS if not isinstance(record, str)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def job_id(world: World) -> str:
    return world.dataset(RECORDS, schema=SCHEMA, title="../People\r\n\"x\"")


def taken(world: World, job_id: str, form: str, **options: Any) -> bytes:
    export = world.datasets.export(ANN, job_id, Wish(form=form, **options))
    content = b"".join(export.chunks)
    assert export.size in {None, len(content)}
    return content


def sheet_of(content: bytes, name: str = "Data") -> list[tuple[Any, ...]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [tuple(cell.value for cell in row) for row in book[name].iter_rows()]


# ------------------------------------------------------------------- text


def test_json_and_lines_hold_every_record_exactly(world: World, job_id: str) -> None:
    assert json.loads(taken(world, job_id, "json")) == [GOOD[0], None, GOOD[1], GOOD[2]]
    assert [json.loads(one) for one in taken(world, job_id, "jsonl").splitlines()] == GOOD


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [True, False])
def test_pandas_reads_csv_record_by_record(
    world: World, job_id: str, delimiter: str, bom: bool
) -> None:
    content = taken(world, job_id, "csv", delimiter=delimiter, bom=bom)
    assert content.startswith(b"\xef\xbb\xbf") == bom
    frame = pd.read_csv(io.BytesIO(content), sep=delimiter, keep_default_na=False, dtype=str,
                        encoding="utf-8-sig")
    assert list(frame.columns) == list(SCHEMA["properties"])
    for row, record in zip(frame.to_dict("records"), GOOD, strict=True):
        assert row["name"] == record["name"]
        assert row["age"] == ("" if record["age"] is None else str(record["age"]))
        assert json.loads(row["address"]) == record["address"]
        assert json.loads(row["tags"]) == record["tags"]
        assert row["active"] == ("true" if record["active"] else "false")


def test_nested_objects_may_have_columns_of_their_own(world: World, job_id: str) -> None:
    frame = pd.read_csv(io.BytesIO(taken(world, job_id, "csv", spread=True)), dtype=str,
                        keep_default_na=False)
    nested = [name for name in frame.columns if name.startswith("address")]
    assert nested == ["address.city", "address.zip", "address", r"address.a\.b.c"]
    assert list(frame["address.city"]) == ["Graz", "", "-x"]
    assert list(frame["address"]) == ["", "{}", ""]
    assert list(frame[r"address.a\.b.c"]) == ["", "", "[1]"]


def test_safe_csv_runs_nothing_whatever_its_columns(world: World, job_id: str) -> None:
    frame = pd.read_csv(io.BytesIO(taken(world, job_id, "csv", safe=True, spread=True)))
    assert frame["name"][1] == "'=1+1"
    assert frame["address.city"][2] == "'-x"


# ---------------------------------------------------------------- Parquet


def test_pyarrow_reads_parquet_record_by_record(world: World, job_id: str) -> None:
    table = parquet.read_table(io.BytesIO(taken(world, job_id, "parquet")))
    assert {field.name: str(field.type) for field in table.schema} == {
        "name": "string", "age": "int64", "score": "double", "active": "bool",
        "born": "date32[day]", "seen": "timestamp[us, tz=UTC]", "address": "string",
        "tags": "string"}
    for row, record in zip(table.to_pylist(), GOOD, strict=True):
        assert (row["name"], row["age"], row["score"], row["active"]) == (
            record["name"], record["age"], record["score"], record["active"])
        assert row["born"] == date.fromisoformat(record["born"])
        assert row["seen"] == datetime.fromisoformat(record["seen"]).astimezone(UTC)
        assert json.loads(row["address"]) == record["address"]


def test_a_dataset_without_failures_is_served_as_its_table(world: World) -> None:
    job_id = world.dataset(GOOD, schema=SCHEMA)
    content = taken(world, job_id, "parquet")
    assert parquet.read_table(io.BytesIO(content)).num_rows == 3
    assert list(world.datasets.page(ANN, job_id, sort="#").frame["#"]) == [0, 1, 2]
    assert content == columnar.path_of(world.cache_dir, job_id).read_bytes()


def test_parquet_has_columns_for_nested_objects_too(world: World, job_id: str) -> None:
    table = parquet.read_table(io.BytesIO(taken(world, job_id, "parquet", spread=True)))
    assert table.column("address.city").to_pylist() == ["Graz", None, "-x"]
    assert str(table.schema.field("born").type) == "date32[day]"


# ------------------------------------------------------------------- Excel


@pytest.mark.parametrize("safe", [True, False])
def test_openpyxl_reads_excel_record_by_record(world: World, job_id: str, safe: bool) -> None:
    content = taken(world, job_id, "xlsx", safe=safe)
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book["Data"]
    assert sheet.freeze_panes == "A2"
    head, *rows = [list(row) for row in sheet.iter_rows()]
    assert [cell.value for cell in head] == list(SCHEMA["properties"])
    assert all(cell.font.b for cell in head)
    for row, record in zip(rows, GOOD, strict=True):
        name, age, score, active, born, seen, address, _tags = row
        assert name.value == record["name"].replace("\r", "\n")
        assert (age.value, score.value, active.value) == (
            record["age"], record["score"], record["active"])
        assert born.value.date() == date.fromisoformat(record["born"])
        assert seen.value == datetime.fromisoformat(record["seen"]).astimezone(UTC).replace(
            tzinfo=None)
        assert json.loads(address.value) == record["address"]
        assert not [cell for cell in row if cell.data_type == "f"]
    formula = rows[1][0]
    assert (formula.value, formula.data_type, bool(formula.quotePrefix)) == ("=1+1", "s", safe)


def test_its_second_sheet_is_the_data_dictionary(world: World, job_id: str) -> None:
    head, *fields = sheet_of(taken(world, job_id, "xlsx"), "Fields")
    assert head == ("Field", "Type", "Required", "Allowed", "Description")
    assert fields[0] == ("name", "string", "yes", None, "Whom it is about | # <b>")
    assert fields[1][:4] == ("age", "integer or nothing", "no", "0 to 150")
    assert "address.city" in [one[0] for one in fields]
    facts = {one[0]: one[1] for one in fields}
    assert (facts["Records"], facts["Failed"]) == ("3", "1")


@given(values=st.lists(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
    | st.sampled_from(["_x0041_", "\x01\ufffe", "0001-01-01", "=x", "x" * 40_000, "http://a.b"]),
    max_size=8))
@example(values=[1.7976931348623155e308, 0.1 + 0.2, -5e-300])
@example(values=[2**63, 2**64 + 2**12])
@example(values=[2**53 + 1, -(2**63)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30,
          deadline=None)
def test_any_value_survives_in_a_workbook(tmp_path: Path, values: list[Any]) -> None:
    world = World(tmp_path)
    world.clock.advance(next(COUNTER))
    job_id = world.dataset([{"x": value, "n": n} for n, value in enumerate(values)] or ["No."],
                           schema={"type": "object", "properties": {"x": {}, "n": {}}})
    _, *rows = sheet_of(taken(world, job_id, "xlsx", safe=True))
    mixed = len({type(value) for value in values if value is not None}) > 1
    for (found, n), value in zip(rows, values, strict=True):
        assert n == values.index(value) or values[n] == value
        if isinstance(value, str) and not mixed:
            plain = "".join("\N{REPLACEMENT CHARACTER}" if workbook._NEVER.match(one) else one
                            for one in value).replace("\r\n", "\n").replace("\r", "\n")
            kept = unescape(found or "")  # as Excel does
            assert kept == plain or (len(value) > EXCEL_CELL and kept.startswith(plain[:9_000]))
        elif isinstance(value, int | float) and not mixed and not isinstance(value, bool):
            # Beyond 64 bits, whole numbers that a double holds are doubles in every table.
            is_double = isinstance(value, float) or not -(2**63) <= value < 2**63
            assert (type(value)(found) if isinstance(found, str) else found) == value
            assert isinstance(found, str) or abs(value) <= 2**53 or is_double


COUNTER = iter(range(10**6))


def test_what_excel_can_not_hold_is_told_before_anything_is_made(
    world: World, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "EXCEL_ROWS", 2)
    with pytest.raises(Conflict, match=r"holds 2 rows.*has 3\. Take it as CSV"):
        world.datasets.prepare(ANN, job_id, Wish(form="xlsx"))
    monkeypatch.setattr(workbook, "EXCEL_ROWS", 3)
    monkeypatch.setattr(workbook, "EXCEL_COLUMNS", 2)
    with pytest.raises(Conflict, match="2 columns"):
        taken(world, job_id, "xlsx")


# ------------------------------------------------------------------ bundle


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_bundle_holds_records_schema_job_card_and_checksums(world: World, job_id: str) -> None:
    files = opened(taken(world, job_id, "bundle"))
    assert set(files) == {"README.md", "schema.json", "job.json", "data.csv", "data.jsonl",
                          "data.parquet", "SHA256SUMS"}
    sums = dict(reversed(one.split("  ")) for one in files["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()
                    if name != "SHA256SUMS"}
    assert [json.loads(one) for one in files["data.jsonl"].splitlines()] == GOOD
    assert parquet.read_table(io.BytesIO(files["data.parquet"])).num_rows == 3
    assert len(pd.read_csv(io.BytesIO(files["data.csv"]))) == 3
    assert json.loads(files["schema.json"]) == SCHEMA
    said = json.loads(files["job.json"])
    assert (said["records"], said["failed"], said["complete"]) == (3, 1, True)
    card = files["README.md"].decode()
    assert card.startswith("---\npretty_name: ")
    assert "| name | string | yes |  | Whom it is about \\| \\# \\<b\\> |" in card


def test_equal_records_make_equal_bundles(world: World, job_id: str, tmp_path: Path) -> None:
    first = taken(world, job_id, "bundle")
    for file in (tmp_path / "datasets").iterdir():
        file.unlink()
    assert taken(world, job_id, "bundle") == first


def test_no_key_address_or_account_is_in_a_bundle(world: World) -> None:
    draft = world.draft(records=1)
    inference = replace(draft.inference, base_url="https://models.example/private", model="m1",
                        parameters={"temperature": 0.5, "api_key": "sk-tell", "xToken": "sk-tale"})
    token = world.drafts.sign(ANN, replace(draft, inference=inference))
    job_id = world.jobs.confirm(ANN, token)
    world.finish(job_id, line(0, {"name": "a"}))
    files = opened(taken(world, job_id, "bundle"))
    said = json.loads(files["job.json"])
    assert (said["model"], said["parameters"]) == ("m1", {"temperature": 0.5})
    for content in files.values():
        for secret in (b"sk-tell", b"sk-tale", b"models.example", b'"ann"'):
            assert secret not in content


# ----------------------------------------------------------------- partial


def running(world: World, *, total: int = 6) -> str:
    """A job of which this replica's worker has some records in its journal."""
    job_id = world.confirmed(records=total)
    world.take_over()
    folder = folder_of(world.cache_dir, job_id, "local")
    journal = Journal(folder, Share(start=0, end=total))
    for index in (4, 1):
        journal.append(ok_line(index, {"name": f"n{index}"}))
    journal.append(failed_line(2, "No.", ""))
    journal.close()
    world.report(job_id, ok=2, failed=1)
    world.jobs.invalidate()
    return job_id


@pytest.mark.parametrize("form", FORMS)
def test_of_a_job_that_runs_there_is_what_it_has_so_far(world: World, form: str) -> None:
    job_id = running(world)
    with pytest.raises(Conflict, match="not finished yet"):
        taken(world, job_id, form)
    export = world.datasets.export(ANN, job_id, Wish(form=form, partial=True))
    content = b"".join(export.chunks)
    assert "People-partial." in export.disposition
    names = ["n1", "n4"]
    if form == "json":
        assert json.loads(content) == [{"name": "n1"}, None, {"name": "n4"}]
    elif form == "jsonl":
        assert [json.loads(one)["name"] for one in content.splitlines()] == names
    elif form == "csv":
        assert list(pd.read_csv(io.BytesIO(content))["name"]) == names
    elif form == "parquet":
        assert parquet.read_table(io.BytesIO(content)).column("name").to_pylist() == names
    elif form == "xlsx":
        assert [row[0] for row in sheet_of(content)] == ["name", *names]
        assert "still running: 3 of 6" in str(sheet_of(content, "Fields"))
    else:
        files = opened(content)
        assert "**Not the whole dataset.** The job was still running: 3 of 6" in files[
            "README.md"].decode()
        assert json.loads(files["job.json"])["complete"] is False


def test_a_part_that_a_peer_stored_and_a_journal_are_one_partial_dataset(tmp_path: Path) -> None:
    world = World(tmp_path, peers=("local", "other"))
    job_id = running(world, total=8)
    cid = world.files.add(io.BytesIO(line(5, {"name": "n5"}) + line(7, {"name": "n7"})), "part")
    world.report(job_id, peer="other", ok=2, parts=(
        Part(start=4, end=8, cid=cid, ok=2, failed=0, whole=False),))
    world.jobs.invalidate()
    found = [json.loads(one)["name"]
             for one in taken(world, job_id, "jsonl", partial=True).splitlines()]
    assert found == ["n1", "n5", "n7"]  # index 4 is in the other's share


def test_a_cancelled_job_is_marked_without_being_asked(world: World) -> None:
    job_id = world.dataset([{"name": "a"}])
    world.board.publish(replace(
        world.published(job_id), status="failed", cancelled_by="ann", total_records=9,
        cancelled_at=world.clock.now(), edition=None, inc=0))
    world.jobs.invalidate()
    export = world.datasets.export(ANN, job_id, Wish(form="jsonl"))
    assert "-partial.jsonl" in export.disposition


def test_a_job_without_a_record_has_nothing_partial(world: World) -> None:
    job_id = world.confirmed()
    with pytest.raises(Conflict, match="no record yet"):
        taken(world, job_id, "csv", partial=True)


def test_a_finished_job_is_whole_though_a_part_was_asked_for(world: World, job_id: str) -> None:
    export = world.datasets.export(ANN, job_id, Wish(form="jsonl", partial=True))
    assert "partial" not in export.disposition
    with pytest.raises(NotThere):
        world.datasets.export(BOB, job_id, Wish(form="jsonl", partial=True))


# --------------------------------------------------------------- preparing


def test_a_prepared_file_is_made_once_and_told_how_far_it_is(world: World, job_id: str) -> None:
    wish = Wish(form="xlsx")
    assert world.datasets.prepare(ANN, job_id, Wish(form="csv")) is None
    first = world.datasets.prepare(ANN, job_id, wish)
    assert first
    assert first.over.wait(20)
    assert (first.is_ready, first.share) == (True, 1.0)
    made = first.path.stat().st_mtime_ns
    assert taken(world, job_id, "xlsx")
    assert first.path.stat().st_mtime_ns == made
    with pytest.raises(NotThere):
        world.datasets.prepare(BOB, job_id, wish)


@pytest.mark.parametrize("form", FORMS)
def test_what_makes_no_difference_to_a_file_has_none_prepared_anew(
    world: World, job_id: str, tmp_path: Path, form: Form
) -> None:
    plain, first = Wish(form=form), taken(world, job_id, form)
    for name, value in {"skip_failed": True, "safe": True, "delimiter": ";", "bom": True,
                        "spread": True}.items():
        for file in (tmp_path / "datasets").glob("*.*.*"):
            file.unlink()  # what was prepared, not the table
        other = _content(form, taken(world, job_id, form, **{name: value}))
        same = replace(plain, **{name: value}).told == plain.told
        assert same == (other == _content(form, first)), name


def _content(form: Form, file: bytes) -> object:
    """Without when it was made."""
    if form != "xlsx":
        return file
    sheet = openpyxl.load_workbook(io.BytesIO(file))["Data"]
    return [[(cell.value, cell.quotePrefix) for cell in row] for row in sheet.iter_rows()]


def test_it_goes_with_its_job(world: World, job_id: str, tmp_path: Path) -> None:
    taken(world, job_id, "bundle")
    columnar.forget(world.cache_dir, job_id)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_what_keeps_a_file_from_being_made_is_told(world: World, job_id: str,
                                                   tmp_path: Path) -> None:
    (tmp_path / "datasets").write_text("in the way")
    with pytest.raises(StoreError, match="can't be used"):
        taken(world, job_id, "xlsx")


def test_those_who_ask_for_the_same_file_wait_for_the_same_work(tmp_path: Path) -> None:
    preparations, go, made = Preparations(), threading.Event(), []

    def make(path: Path, told: Callable[[float], None]) -> None:
        told(0.5)
        go.wait(10)
        made.append(path)
        path.write_bytes(b"x")

    def asked(name: str, owner: str = "ann") -> Preparation:
        return preparations.ask(tmp_path / name, make, owner=owner)

    one, two = asked("a"), asked("a")
    assert one is two
    own = [asked(f"own {n}") for n in range(OF_ONE - 1)]
    with pytest.raises(Conflict, match="prepared for you"):
        asked("more")
    others = [asked(f"{n}", f"user{n}") for n in range(MAX_WAITING - OF_ONE)]
    with pytest.raises(Conflict, match="in a minute"):
        asked("more", "bob")
    go.set()
    for preparation in (one, *own, *others):
        assert preparations.wait(preparation).read_bytes() == b"x"
    assert made.count(tmp_path / "a") == 1
    assert asked("a").is_ready


def test_one_who_has_many_files_made_leaves_a_turn_to_others(tmp_path: Path) -> None:
    preparations, go = Preparations(), threading.Event()

    def slow(path: Path, told: Callable[[float], None]) -> None:
        go.wait(30)

    def quick(path: Path, told: Callable[[float], None]) -> None:
        path.write_bytes(b"x")

    for n in range(OF_ONE):
        preparations.ask(tmp_path / f"{n}", slow, owner="ann")
    try:
        assert preparations.ask(tmp_path / "b", quick, owner="bob").over.wait(10)
    finally:
        go.set()


def test_a_fault_in_the_making_is_told_and_the_next_try_begins_anew(tmp_path: Path) -> None:
    preparations = Preparations()

    def broken(path: Path, told: Callable[[float], None]) -> None:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(StoreError, match="ZeroDivisionError"):
            preparations.wait(preparations.ask(tmp_path / "a", broken, owner="ann"))
