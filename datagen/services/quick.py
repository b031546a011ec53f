"""Stored result lines as columns of text, without an object of Python's for each value.

Reads what the worker writes: every record has the same fields, in one order. A pattern finds
their values; what it can't vouch for (another order, an odd number, half a character) is read
one by one by ``protocol.lines`` instead: the outcome is the same, since whatever is found here
is JSON, and JSON can be read in one way only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from datagen.protocol.lines import is_odd
from datagen.services.kinds import Kind

if TYPE_CHECKING:
    import polars as pl

MAX_COLUMNS = 64
_MISSES = 5  # blocks read in vain, after which no other is tried
_TOGETHER = 10  # columns in one pattern: with more of them, it is a slow one

_INDEX = "(0|[1-9][0-9]{0,14})"
_TEXT = r'(?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])*'
_ATOM = rf'"{_TEXT}"|[-+.0-9A-Za-z:,]'  # anything but a bracket: what it is, is looked at later
_LIST = rf"[\[{{](?:{_ATOM})*[\]}}]"
_DEEPER = rf"[\[{{](?:{_ATOM}|{_LIST})*[\]}}]"
_VALUE: Mapping[Kind, str] = {
    "text": f'"({_TEXT})"', "date": f'"({_TEXT})"', "datetime": f'"({_TEXT})"',
    "integer": "(0|-?[1-9][0-9]{0,17})", "boolean": "(true|false)",
    # One that ends in a zero may be a whole one in disguise.
    "number": r"(0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]{0,14})\.[0-9]{0,15}[1-9])",
    "json": rf"([\[{{](?:{_ATOM}|{_DEEPER})*[\]}}])",
}
_WORD = r'"[^"\\]*"|0|-?[1-9][0-9]{0,14}|true|false|null'
_PLAIN_LIST = rf"^\[(?:(?:{_WORD})(?:,(?:{_WORD}))*)?\]$"  # compact as it stands
_FAILED = rf'^\{{"i":{_INDEX},"ok":false,"error":"{_TEXT}"(?:,"raw":"{_TEXT}")?\}}$'


@dataclass(frozen=True)
class Found:
    """Good records in a row."""

    indices: pl.Series  # Int64
    columns: pl.DataFrame  # in the given order: texts as they are, all else as compact JSON


class Pattern:
    """Finds the fields of the given kinds in lines that have them in this order."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        import polars as pl

        self._kinds = tuple(kinds.values())
        fields = [f"{pl.escape_regex(_json(name))}:(?:{_VALUE[kind]}|null)"
                  for name, kind in kinds.items()]
        self._patterns: list[str] = []
        before = rf'\{{"i":{_INDEX},"ok":true,"data":\{{'
        for at in range(0, len(fields), _TOGETHER):
            self._patterns.append(f"^{before}{','.join(fields[at:at + _TOGETHER])}(.*)$")
            before = ","
        self._misses = 0
        self._usable = 0 < len(fields) <= MAX_COLUMNS

    def read(self, block: bytes) -> Found | None:
        """The good records among these lines; None where they are better read one by one."""
        if not self._usable or not block or self._misses >= _MISSES:
            return None
        found = self._read(block)
        self._misses += found is None
        return found

    def _read(self, block: bytes) -> Found | None:
        import polars as pl

        whole = block.removesuffix(b"\n").split(b"\n")
        try:
            lines = rest = pl.Series(values=whole, dtype=pl.Binary).cast(pl.String)
        except pl.exceptions.PolarsError:  # not UTF-8
            return None
        parts: list[pl.Series] = []
        for pattern in self._patterns:
            groups = rest.str.extract_groups(pattern).struct.unnest().get_columns()
            rest = groups.pop()
            parts += groups
        good = (rest == "}}").fill_null(value=False)
        if not good.all():
            if not lines.filter(~good).str.contains(_FAILED).all():
                return None
            parts = [part.filter(good) for part in parts]
        columns, escapes = [], b"\\" in block
        for n, (kind, part) in enumerate(zip(self._kinds, parts[1:], strict=True)):
            column = _checked(kind, part, escapes=escapes)
            if column is None:
                return None
            columns.append(column.alias(f"c{n}"))
        return Found(parts[0].cast(pl.Int64), pl.DataFrame(columns))


def _checked(kind: Kind, part: pl.Series, *, escapes: bool) -> pl.Series | None:
    """The values as cells; None where the plain reader would read something else."""
    if kind in {"text", "date", "datetime"}:
        return _unescaped(part) if escapes else part
    if kind == "number" or (kind == "json" and not part.str.contains(_PLAIN_LIST).all()):
        whole = f"[{','.join(part.drop_nulls())}]".encode()
        try:
            values = orjson.loads(whole)
        except orjson.JSONDecodeError:
            return None
        if is_odd(values, 3) or orjson.dumps(values) != whole:
            return None
    return part


def _unescaped(part: pl.Series) -> pl.Series | None:
    import polars as pl

    escaped = part.str.contains("\\", literal=True)
    if not escaped.any():
        return part
    whole = '","'.join(part.filter(escaped))
    try:
        values = orjson.loads(f'["{whole}"]')
    except orjson.JSONDecodeError:  # half a character, among others
        return None
    return part.scatter(escaped.arg_true(), pl.Series(values, dtype=pl.String))


def _json(name: str) -> str:
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "replace").decode()
