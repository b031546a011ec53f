"""Stored result lines, one per record (DATA.md, 2), whoever wrote them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from datagen.domain.depth import is_deeper
from datagen.domain.exports import ResultLine
from datagen.protocol.fields import MAX_DEPTH, whole_characters

MAX_LINE = 4 * 1024 * 1024  # bytes; a record of 4,096 tokens is far below
MOST_ODD = 10_000  # lines of a file that are no results; a crash leaves one
_PLAIN = frozenset({str, int, bool, type(None)})  # what no reader gets wrong
BLOCK = 256 * 1024  # bytes of lines that are read one by one


def result_lines(stream: BinaryIO) -> Iterator[ResultLine]:
    """The results in a file, in its order, whatever indices they name.

    One with more than MOST_ODD lines that are none is not read to its end.
    """
    odd = 0
    for block in blocks(stream):
        found = list(lines_of(block))
        yield from found
        odd += block.count(b"\n") - len(found)
        if odd > MOST_ODD:
            return


def lines_of(block: bytes) -> Iterator[ResultLine]:
    """The results among some whole lines."""
    return filter(None, map(read_line, filter(None, block.split(b"\n"))))


def blocks(stream: BinaryIO, *, size: int = BLOCK, first: int = BLOCK) -> Iterator[bytes]:
    """The file as whole lines, many at a time; one that is too long is passed over without
    holding it. ``size``: bytes read at once, less than MAX_LINE; ``first``: by the first read."""
    rest, too_long, due = b"", False, first
    while read := stream.read(due):
        due = size
        end = read.find(b"\n") + 1
        if not end:  # no line ends in it
            too_long = too_long or len(rest) + len(read) >= MAX_LINE
            rest = b"" if too_long else rest + read
            continue
        last = read.rfind(b"\n") + 1
        fits = not too_long and len(rest) + end <= MAX_LINE
        whole = [rest + read[:last] if fits else read[end:last]]
        rest, read, too_long = read[last:], b"", False
        if whole[0]:
            yield whole.pop()  # whoever takes it may take long: nothing of it stays here
    if rest:
        yield rest


def read_line(text: bytes) -> ResultLine | None:
    """One stored line; None for anything that is not a result."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _read_exactly(text)
    if type(record) is dict and len(record) == 3 and record.get("ok") is True:
        i, data = record.get("i"), record.get("data")
        if type(i) is int and type(data) is dict and not is_odd(data.values(), 3):
            return ResultLine(i, True, data)
    return _read_exactly(text)


def is_odd(values: Collection[Any], depth: int) -> bool:
    """Whether orjson may have got some of these values wrong, ``depth`` brackets down.

    It makes a float of 3.0 and of what is beyond 64 bits; both are whole then.
    """
    if _PLAIN.issuperset(map(type, values)):
        return False
    for value in values:
        kind = type(value)
        if kind is float:
            if value.is_integer():
                return True
        elif kind is list:
            if depth > MAX_DEPTH or is_odd(value, depth + 1):
                return True
        elif kind is dict and (depth > MAX_DEPTH or is_odd(value.values(), depth + 1)):
            return True
    return False


def _read_exactly(text: bytes) -> ResultLine | None:
    """The same at a third of the speed, whatever numbers and characters there are."""
    try:
        # Bytes as they are would be read in other encodings too, halves of characters among them.
        record = json.loads(text.decode("utf-8-sig"), parse_float=_number,
                            parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or _is_too_deep(text, record):
        return None
    if b"\\ud" in text.lower():
        record = whole_characters(record)
    i, ok, data = record.get("i"), record.get("ok"), record.get("data")
    if isinstance(i, bool) or not isinstance(i, int):
        return None
    if ok is True:
        return ResultLine(i=i, ok=True, data=data) if isinstance(data, dict) else None
    if ok is not False:
        return None
    error, raw = record.get("error"), record.get("raw")
    return ResultLine(
        i=i, ok=False, raw=raw if isinstance(raw, str) and raw else None,
        error=error if isinstance(error, str) and error else "No reason was recorded.",
    )


def _number(text: str) -> float | int:
    """As JavaScript prints it: 3.0 and 3 are one number. Raises ValueError beyond a double."""
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(text)
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _refused(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity are not JSON


def _is_too_deep(text: bytes, record: Mapping[str, Any]) -> bool:
    """Whether it nests so deeply that who reads it recursively breaks."""
    return text.count(b"{") + text.count(b"[") > MAX_DEPTH and is_deeper(record, MAX_DEPTH + 1)
