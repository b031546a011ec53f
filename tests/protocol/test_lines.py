"""Stored result lines: the quick reader says what the exact one says."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.protocol import lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=6)
    | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-1000, 1000).map(float),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner,
                                                                max_size=3),
    max_leaves=8,
)


def alike(one: Any, two: Any) -> bool:
    """Whether both read the same, types of numbers included."""
    return repr(one) == repr(two)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5), st.booleans())
def test_both_readers_read_every_record_alike(data: dict[str, Any], escaped: bool) -> None:
    text = json.dumps({"i": 3, "ok": True, "data": data}, ensure_ascii=escaped).encode(
        "utf-8", "surrogatepass")
    assert alike(lines.read_line(text), lines._read_exactly(text))


@pytest.mark.parametrize("number", [
    "3.0", "-0", "-0.0", "1e5", "1E5", "1.5e1", "9007199254740993.5", "0.99999999999999999999",
    "123456789012345678901234567890", "-9223372036854775809", "18446744073709551616", "1e21",
    "1e-7", "2.50", "1e999",
])
@pytest.mark.parametrize("shape", ['{"n":%s}', '{"n":[%s]}', '{"n":{"m":[{"k":%s}]}}'])
def test_both_readers_read_every_number_alike(number: str, shape: str) -> None:
    text = f'{{"i":0,"ok":true,"data":{shape % number}}}'.encode()
    assert alike(lines.read_line(text), lines._read_exactly(text))


@pytest.mark.parametrize("text", [
    b'{"i":1,"ok":true,"data":{"a":"\\ud800"}}', b'{"i":1,"ok":true,"data":{"a":NaN}}',
    b'{"i":1,"ok":true,"data":{"a":1},"more":' + b"[" * 120 + b"]" * 120 + b"}",
    b'{"i":1,"ok":true,"data":{"a":' + b"[" * 99 + b"]" * 99 + b"}}",
    b'{"i":1,"ok":true,"data":{"a":' + b"[" * 100 + b"]" * 100 + b"}}",
    b'{"i":1,"ok":false,"error":"x"}', b'{"i":true,"ok":true,"data":{}}', b"{}", b"", b"[1]",
    b'{"i":1.0,"ok":true,"data":{}}', b'{"ok":true,"data":{}}', b"\xff", b'"' + b"x" * 20,
    b'{"i":1,"ok":true,"data":{"a":1,"a":2}}', b'{"i":1,"ok":true,"data":[]}',
])
def test_both_readers_agree_on_what_is_no_record(text: bytes) -> None:
    assert alike(lines.read_line(text), lines._read_exactly(text))


@pytest.mark.parametrize("line", [
    b'{"i":0,"ok":true,"data":{"a":"\xed\xa0\x80"}}',  # half a character, as no UTF-8 has it
    '{"i":0,"ok":true,"data":{"a":"x"}}'.encode("utf-16-le"),
    b'{"i":0,"ok":true,"data":{"\xff":1}}'])
def test_a_line_that_is_no_utf8_is_no_result(line: bytes) -> None:
    assert lines.read_line(line) is None


@pytest.mark.parametrize("rubbish", [b"\n", b"x\n", b"{}\n", b"\n{}\n"], ids=repr)
def test_a_file_of_what_is_no_result_is_not_read_to_its_end(rubbish: bytes) -> None:
    record = b'{"i":0,"ok":true,"data":{}}\n'
    stream = io.BytesIO(record + rubbish * 2_000_000)
    assert [line.i for line in lines.result_lines(stream)] == [0]
    assert stream.tell() <= 2 * lines.BLOCK


def test_some_of_it_between_results_costs_only_itself() -> None:
    record = b'{"i":0,"ok":true,"data":{}}\n'
    found = list(lines.result_lines(io.BytesIO((record * 9 + b"{to\n") * 5_000)))
    assert len(found) == 45_000
