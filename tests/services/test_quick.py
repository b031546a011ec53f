"""What is read many at a time is what is read one by one."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.domain.downloads import Wish
from datagen.engine.journal import failed_line
from datagen.protocol.lines import MAX_LINE, blocks
from datagen.services.blocks import Block
from datagen.services.building import _rows
from datagen.services.kinds import Kind
from datagen.services.quick import Pattern
from datagen.services.separated import csv_blocks

KINDS: Mapping[str, Kind] = {
    "text": "text", "whole": "integer", "number": "number", "is it?": "boolean", "day": "date",
    'a "name"': "datetime", "nested": "json",
}
SCHEMA = {"properties": {
    "text": {"type": "string"}, "whole": {"type": "integer"}, "number": {"type": "number"},
    "is it?": {"type": "boolean"}, "day": {"type": "string", "format": "date"},
    'a "name"': {"type": "string", "format": "date-time"}, "nested": {"type": "array"},
}}
USUAL: Mapping[str, Any] = {
    "text": "Zoë, =1", "whole": -3, "number": 2.5, "is it?": True, "day": "2026-03-14",
    'a "name"': "2026-03-14T09:26:53+01:00", "nested": ["a", 1, None]}
ODD = ("3.0", "1e5", "-0", "0.10", "12345678901234567890", "1e999", "NaN", "01", '"\\ud800"',
       '"\\u00e9"', '"\\x"', '"a\tb"', '[3.0]', '[1,"\\u0041"]', '{"a":1,"a":2}', "[1,]", "[1}",
       "[ 1]", "[[[[1]]]]", '[{"b":[0.5]}]', '{"b":"]"}', "true,false", '1,"whole":2', "", "[]",
       '""', '"\'"', "[" * 200 + "]" * 200)
ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6)
                   | st.floats(allow_nan=False, allow_infinity=False),
                   lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
                       st.text(max_size=3), inner, max_size=2), max_leaves=4)
TEXTS = st.text(max_size=8) | st.sampled_from(["=1", "-1", "＝x", "\t", "a\rb", "a\nb", 'q"', ";"])
FITTING: Mapping[Kind, st.SearchStrategy[Any]] = {
    "text": TEXTS, "integer": st.integers(-2**66, 2**66), "boolean": st.booleans(),
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    "date": st.dates().map(str) | TEXTS, "datetime": st.datetimes().map(str) | TEXTS,
    "json": st.lists(ANY, max_size=3) | st.dictionaries(st.text(max_size=3), ANY, max_size=2)}


def token(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def stored(i: int, tokens: Mapping[str, str]) -> bytes:
    """A line as its writer may have put it, whatever the tokens are."""
    said = ",".join(f"{token(name)}:{value}" for name, value in tokens.items())
    return f'{{"i":{i},"ok":true,"data":{{{said}}}}}'.encode("utf-8", "surrogatepass")


def in_order(tokens: Mapping[str, str]) -> dict[str, str]:
    return {name: tokens[name] for name in KINDS}


def usual(**other: str) -> dict[str, str]:
    return {name: token(value) for name, value in USUAL.items()} | other


FIT = st.fixed_dictionaries({name: (st.none() | FITTING[kind]).map(token)
                             for name, kind in KINDS.items()}).map(in_order)
PLAIN: Mapping[Kind, st.SearchStrategy[Any]] = {
    "text": TEXTS, "integer": st.integers(-10**6, 10**6), "boolean": st.booleans(),
    "number": st.integers(-10**6, 10**6).map(lambda n: n / 1_000 + 0.0005),
    "date": st.dates().map(str), "datetime": st.datetimes().map(str),
    "json": st.lists(st.integers(-99, 99) | TEXTS | st.none(), max_size=3)}
USED = st.fixed_dictionaries({name: (st.none() | PLAIN[kind]).map(token)
                               for name, kind in KINDS.items()}).map(in_order)
ODD_ONE = st.tuples(st.sampled_from(list(KINDS)), st.sampled_from(ODD) | ANY.map(token)).map(
    lambda one: usual(**{one[0]: one[1]}))
SHUFFLED = st.permutations(list(USUAL)).map(lambda names: {n: token(USUAL[n]) for n in names[:6]})
OTHERS = st.sampled_from([
    failed_line(7, "No.", "{"), b'{"i":7,"ok":false,"error":"x","ok":true,"data":{}}', b"", b"[]",
    b"\xff", stored(7, usual()) + b"}", stored(7, usual()) + b"\r", b'{"i":7,"ok":false}'])


def check_both_ways(found: list[dict[str, str] | bytes], *, safe: bool, delimiter: str) -> None:
    text = b"\n".join(one if isinstance(one, bytes) else stored(i, one)
                      for i, one in enumerate(found))
    block, by_itself = Block(text), Block(own=tuple(Block(text).good()))

    quick, plain = (_rows(one, KINDS, Pattern(KINDS)) for one in (block, by_itself))
    assert (quick is None) == (plain is None)
    if quick and plain:
        assert (quick.arrays is None) == (plain.arrays is None)
        if quick.arrays is not None and plain.arrays is not None:
            assert quick.indices.equals(plain.indices)
            assert all(a.equals(b) for a, b in zip(quick.arrays, plain.arrays, strict=True))

    wish = Wish(form="csv", safe=safe, delimiter=delimiter)
    first = Block(stored(0, usual()))
    texts = [b"".join(csv_blocks(iter([first, one]), list(KINDS), SCHEMA, wish))
             for one in (block, by_itself)]
    assert texts[0] == texts[1]


@given(found=st.lists(USED, max_size=5) | st.lists(FIT | ODD_ONE | SHUFFLED | OTHERS | USED,
                                                   max_size=5),
       safe=st.booleans(), delimiter=st.sampled_from(",;\t"))
@settings(max_examples=150)
def test_whatever_lines_hold_both_ways_of_reading_make_the_same_table_and_csv(
    found: list[dict[str, str] | bytes], safe: bool, delimiter: str
) -> None:
    check_both_ways(found, safe=safe, delimiter=delimiter)


@pytest.mark.parametrize("name", KINDS)
def test_no_odd_value_is_read_otherwise_in_any_column(name: str) -> None:
    for odd in (*ODD, *map(token, ("=1", "-1", "＝x", "\t", "a\rb", "a\nb", 'q"', ";"))):
        check_both_ways([usual(**{name: odd})], safe=True, delimiter=",")


@pytest.mark.parametrize("line", [
    stored(1, usual()), stored(1, usual(text='"line\\nand \\"quote\\""', nested="null")),
    stored(1, usual(number="3", nested='[{"a":[0.5,"x\\\\"]}]')), failed_line(1, "No.", "{"),
], ids=["usual", "escapes", "nested", "failed"])
def test_what_the_worker_writes_is_read_many_at_a_time(line: bytes) -> None:
    assert Pattern(KINDS).read(stored(0, usual()) + b"\n" + line + b"\n") is not None


def test_after_some_blocks_in_vain_no_other_is_tried() -> None:
    pattern, odd, good = Pattern(KINDS), stored(0, usual(whole="3.0")), stored(0, usual())
    assert [pattern.read(odd) for _ in range(5)] == [None] * 5
    assert pattern.read(good) is None


def test_many_columns_are_found_and_too_many_left_alone() -> None:
    for count, is_read in ((64, True), (65, False)):
        record = {f"c{n}": n for n in range(count)}
        line = orjson.dumps({"i": 0, "ok": True, "data": record})
        found = Pattern(dict.fromkeys(record, "integer")).read(line)
        assert (found is not None) == is_read


@given(st.lists(st.sampled_from([b"", b"a", b"bb" * 9, b"c" * 40]), max_size=12),
       st.integers(1, 64), st.integers(1, 64))
def test_blocks_are_the_whole_file(texts: list[bytes], size: int, first: int) -> None:
    content = b"\n".join(texts)
    found = list(blocks(io.BytesIO(content), size=size, first=first))
    assert b"".join(found) == content
    assert all(block.endswith(b"\n") for block in found[:-1])


def test_a_line_that_is_too_long_costs_only_itself() -> None:
    content = b"a\n" + b"x" * (MAX_LINE + 10) + b"\nb\n"
    assert b"".join(blocks(io.BytesIO(content))) == b"a\nb\n"
