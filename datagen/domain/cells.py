"""Values as cells of a table: the one place that writes them, whatever the table's form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

# What spreadsheets run as a formula when a text begins with it, full-width in some regions.
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
_WORDS = {True: "true", False: "false"}


def json_text(value: Any, *, indented: bool = False) -> bytes:
    """A value as JSON in UTF-8, compact or indented by two; half a character becomes ``?``."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else None)
    except TypeError:  # a whole number beyond 64 bits, half a character, deep nesting
        form: Mapping[str, Any] = {"indent": 2} if indented else {"separators": (",", ":")}
        return json.dumps(value, ensure_ascii=False, **form).encode("utf-8", "replace")


def text(value: Any) -> str:
    """A value as the text of a cell: nested ones as compact JSON, nothing as no text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value).decode()


def is_formula(value: str) -> bool:
    """Whether a spreadsheet may run this text."""
    return value[:1] in FORMULA_STARTS and value != ""


def defused(value: str) -> str:
    """The text with an apostrophe in front, where a spreadsheet might run it."""
    return f"'{value}" if is_formula(value) else value


def rows(
    columns: Sequence[Sequence[Any]], *, safe: bool = False, delimiter: str = ","
) -> list[str]:
    """The values of some records, column by column, as lines of CSV without their ends.

    ``safe``: texts that look like a formula are defused. No columns, no lines.
    """
    if len(columns) == 1:  # an empty line would be skipped by whoever reads it
        return [line or '""' for line in _column(columns[0], safe, delimiter)]
    return list(map(delimiter.join, zip(*(
        _column(values, safe, delimiter) for values in columns), strict=True)))


def _column(values: Sequence[Any], safe: bool, delimiter: str) -> Iterable[str]:
    """One column's cells, quoted where they must be; quick where all are of one kind."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return map(str, values)
    if kinds == {bool}:
        return map(_WORDS.__getitem__, values)
    texts = values if kinds == {str} else [
        value if type(value) is str else text(value) for value in values]
    # Only a number's own minus may begin a cell that is no text.
    if safe and str in kinds and not FORMULA_STARTS.isdisjoint([one[:1] for one in texts]):
        texts = [defused(one) if type(value) is str else one
                 for value, one in zip(values, texts, strict=True)]
    together = "".join(texts)
    if '"' in together or delimiter in together or "\n" in together or "\r" in together:
        return [_quoted(one) if '"' in one or delimiter in one or "\n" in one or "\r" in one
                else one for one in texts]
    return texts


def _quoted(one: str) -> str:
    return '"' + one.replace('"', '""') + '"' if '"' in one else f'"{one}"'


def by_column(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Sequence[Any]]:
    """The records' values column by column; None where a record lacks one."""
    order = list(names)
    if all(list(record) == order for record in records):  # as a closed schema makes them
        return list(zip(*[record.values() for record in records], strict=True))
    return [[record.get(name) for record in records] for name in names]
