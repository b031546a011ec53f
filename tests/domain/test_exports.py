from __future__ import annotations

import csv
import io
import json
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.cells import rows
from datagen.domain.downloads import attachment_name
from datagen.domain.exports import (
    ResultLine,
    csv_chunks,
    json_chunks,
    jsonl_chunks,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "job_vectors"
GOLDEN = json.loads((VECTORS / "api_responses.json").read_text())
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner,
                                                                max_size=3),
    max_leaves=6,
)


def good(i: int, data: dict[str, Any]) -> ResultLine:
    return ResultLine(i=i, ok=True, data=data)


def failed(i: int) -> ResultLine:
    return ResultLine(i=i, ok=False, error="No.")


def as_json(lines: list[ResultLine], *, skip_failed: bool = False) -> str:
    return b"".join(json_chunks(lines, skip_failed=skip_failed)).decode()


def as_csv(lines: list[ResultLine], columns: list[str], *, safe: bool = False) -> str:
    return b"".join(csv_chunks(lines, columns, safe=safe)).decode()


def golden_lines() -> list[ResultLine]:
    return [good(i, data) for i, data in enumerate(json.loads(GOLDEN["export_json"][1]))]


def test_json_is_byte_for_byte_the_earlier_form() -> None:
    assert as_json(golden_lines()) == GOLDEN["export_json"][1]


def test_csv_is_byte_for_byte_the_earlier_form() -> None:
    lines = golden_lines()
    assert as_csv(lines, list(lines[0].data or {})) == GOLDEN["export_csv"][1]


def test_a_failed_record_is_null_in_its_place_or_left_out_when_asked() -> None:
    lines = [failed(0), good(1, {"a": 1}), failed(2)]
    assert json.loads(as_json(lines)) == [None, {"a": 1}, None]
    assert json.loads(as_json(lines, skip_failed=True)) == [{"a": 1}]


def test_json_lines_hold_the_good_records_one_per_line() -> None:
    lines = [good(0, {"a": "x\ny", "b": [1]}), failed(1), good(2, {"a": "\u2028"})]
    written = b"".join(jsonl_chunks(lines)).decode()
    assert written.split("\n") == ['{"a":"x\\ny","b":[1]}', '{"a":"\u2028"}', ""]


def test_no_records_make_an_empty_array_and_a_header() -> None:
    assert as_json([]) == "[]"
    assert as_json([failed(0)], skip_failed=True) == "[]"
    assert as_csv([failed(0)], ["a", "b"]) == "a,b"


def test_csv_cells_follow_the_earlier_form() -> None:
    line = good(0, {"t": True, "f": False, "n": None, "x": {"k": ["é", 1]}, "q": 'a"b\nc'})
    assert as_csv([line], ["t", "f", "n", "missing", "x", "q"]) == (
        't,f,n,missing,x,q\ntrue,false,,,"{""k"":[""é"",1]}","a""b\nc"'
    )


def test_a_lone_empty_cell_is_quoted_so_that_its_row_is_not_skipped() -> None:
    text = as_csv([good(0, {}), good(1, {"a": "x"})], ["a"])
    assert list(csv.DictReader(io.StringIO(text))) == [{"a": ""}, {"a": "x"}]


def one(value: Any, *, safe: bool = False) -> str:
    """The value beside another, as CSV has it."""
    return rows([[value], ["x"]], safe=safe)[0].removesuffix(",x")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\n=x", "＝1", "＋1"])
def test_a_text_that_starts_like_a_formula_is_defused_only_when_asked(text: str) -> None:
    assert one(text, safe=True).strip('"') == f"'{text}"
    assert one(text).strip('"') == text


def test_it_is_defused_among_numbers_and_nothing_too() -> None:
    assert rows([["=a", 5, None, "b"], [1, 2, 3, 4]], safe=True) == ["'=a,1", "5,2", ",3", "b,4"]


def test_numbers_and_harmless_texts_are_never_defused() -> None:
    assert one(-5, safe=True) == "-5"
    assert one("a=b", safe=True) == "a=b"
    assert one(["=x"], safe=True) == '"[""=x""]"'


@pytest.mark.parametrize(("value", "text"), [
    (2**70, "1180591620717411303424"), (1.5e-7, "1.5e-7"), (0.1, "0.1"), (True, "true"),
    ({"a": 2**70}, '"{""a"":1180591620717411303424}"'), ("\ud800", "\ud800"), ([], "[]"),
])
def test_any_value_makes_a_cell(value: Any, text: str) -> None:
    assert one(value) == text
    assert rows([[value, "x"], ["", ""]])[0] == f"{text},"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_holds_the_delimiter_is_quoted(delimiter: str) -> None:
    text = b"".join(csv_chunks([good(0, {"a": "1,2;3\t4", "b": 0.5})], ["a", "b"],
                               delimiter=delimiter)).decode()
    assert list(csv.reader(io.StringIO(text), delimiter=delimiter)) == [
        ["a", "b"], ["1,2;3\t4", "0.5"]]
    assert text.startswith(f"a{delimiter}b\n")


def test_the_mark_for_excel_comes_first_and_once() -> None:
    text = b"".join(csv_chunks([good(0, {"é": 1})], ["é"], bom=True))
    assert text == "\ufeffé\n1".encode()


def test_a_column_name_is_defused_too() -> None:
    assert as_csv([], ["=cmd"], safe=True) == "'=cmd"


@given(st.lists(st.dictionaries(st.text(max_size=4), JSON_VALUES, max_size=3), max_size=4))
def test_what_json_exports_reads_back_the_same(records: list[dict[str, Any]]) -> None:
    lines = [good(i, data) for i, data in enumerate(records)]
    assert json.loads(as_json(lines)) == records


@given(st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=2), max_size=4))
def test_what_csv_exports_reads_back_the_same(rows: list[list[str]]) -> None:
    lines = [good(i, dict(zip("ab", row, strict=True))) for i, row in enumerate(rows)]
    text = as_csv(lines, ["a", "b"])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], *rows]


def test_a_big_export_leaves_in_many_chunks() -> None:
    lines = (good(i, {"text": "x" * 1_000}) for i in range(1_000))
    sizes = [len(chunk) for chunk in json_chunks(lines)]
    assert sizes[0] < 4 * 1024
    assert len(sizes) > 6
    assert max(sizes) < 256 * 1024


@given(st.text(max_size=300))
def test_an_attachment_name_is_one_plain_header_whatever_the_title(title: str) -> None:
    header = attachment_name(title, "csv")
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["Content-Disposition"] = header
    name = message.get_filename()
    assert name is not None
    assert name.endswith(".csv")
    assert not set(name) & set('/\\"')
    assert header.count('"') == 2


def test_a_title_beyond_ascii_keeps_its_letters_for_browsers_that_can() -> None:
    assert attachment_name("Kundenaufträge: März", "json") == (
        'attachment; filename="Kundenauftrage- Marz.json"; '
        "filename*=UTF-8''Kundenauftr%C3%A4ge-%20M%C3%A4rz.json"
    )


def test_a_title_of_nothing_usable_is_called_dataset() -> None:
    assert attachment_name(" \x00\r\n", "csv") == 'attachment; filename="dataset.csv"'
