"""What a neighbour could write under our keys: hundreds of values per kind of key, and names.

A wicked value is a valid record with one field replaced, or no record at all. Fields are
replaced by JSON texts, since no JSON library would write some of these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from datagen.adapters.memory import MemoryStore

MB = 1024 * 1024
SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(1)>"
MARKDOWN = "[x](javascript:alert(1)) **b** :red[x] $x$ ![i](http://evil.test/i.png) # h"
FORMULA = '=HYPERLINK("http://evil.test","x")'
ANSI = "\x1b[2J\x1b]0;title\x07\x1b[31mred"
BIDI = "\u202egnp.exe\u2066\u200f"
TEXTS = [
    "", "x", SCRIPT, IMAGE, MARKDOWN, FORMULA, ANSI, BIDI, "\x00", "a\nb\rc\u2028d",
    "../../../../etc/passwd", "/etc/passwd", "..\\..\\x", ".", "..", "C:\\x", "a/b", "~root",
    "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "javascript:alert(1)",
    "${HOME}", "{0.__class__}", "%s%n", "'; DROP TABLE jobs; --", "__proto__", "nan", "None",
    "done", "SUCCEEDED", "succeeded ", "queued", "local", "ann", "job_1_a", "job_../x", "job_",
    "x" * 20_000, "\u0301" * 5_000, "🦄" * 2_000,
    # times of all kinds
    "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", "2026-13-45T99:99:99Z", "tomorrow",
    "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+23:59", "20260101T000000Z",
]
NESTED = "[" * 5_000 + "]" * 5_000
FRAGMENTS = [
    *map(json.dumps, TEXTS), json.dumps("x" * MB), json.dumps("x" * 300_000),
    '"\\ud800"', '"\\udc00\\ud800 half"',
    "null", "true", "false", "0", "-1", "1.5", "-0.0", "1e400", "-1e400", "NaN", "Infinity",
    "9007199254740991", "9007199254740992", "10000001", "9" * 4_000, "9" * 5_000,
    "[]", "{}", "[[]]", "[{}]", '["a","a"]', '["a","b"]', '["../x"]', '[".."]', "[1]", '[null]',
    json.dumps([f"p{n}" for n in range(10_000)]), json.dumps([f"p{n}" for n in range(999)]),
    '{"start":0,"end":4}', '{"start":-1,"end":4}', '{"start":4,"end":0}', '{"start":0,"end":1e3}',
    '{"start":0,"end":9007199254740991}', '{"start":7,"end":9000000}', '{"start":true,"end":1}',
    '[{"index":1,"message":"m"}]', '[{"index":-1,"message":"m"}]', '[{"index":1,"message":5}]',
    '[{"index":1,"attempt":1,"startedAt":"2026-01-01T00:00:00Z"}]',
    json.dumps([{"index": n, "message": SCRIPT} for n in range(1_000)]),
    json.dumps([{"index": n, "attempt": 1, "startedAt": "2026-01-01T00:00:00Z"}
                for n in range(1_000)]),
    json.dumps({f"field {n} {SCRIPT}": n for n in range(1_000)}),
    json.dumps({f"f{n}": n for n in range(10_000)}),
    '{"prompt":-1}', '{"cancel":{"at":"2026-01-01T00:00:00Z","by":"eve"}}', '{"cancel":5}',
    '{"delete":{"at":"2026-01-01T00:00:00Z","by":"<b>eve</b>"}}',
    NESTED, '{"a":' * 5_000 + "1" + "}" * 5_000, "[" * 90 + "]" * 90, "[" * 5_000,
]
NO_RECORDS = [
    "", " ", "null", "true", "5", "NaN", "1e999", '"text"', "[]", "[{}]", "{", "}", "{}", '{"', "[",
    '{"a"}', "{'a': 1}", '{"a":1,}', "\x00", "\x1b[2J", "<html>502 Bad Gateway</html>", "undefined",
    "[object Object]", "not json", "\ufeff{}", "9" * 5_000, "x" * MB, json.dumps("x" * MB),
    "[" * 5_000, '{"a":' * 5_000, NESTED, "[" * MB, "\ud800", '{"a":"\ud800"}', "=1+1",
]
NAMES = [
    "", " ", ".", "..", "../../x", "/etc/passwd", "a/../../b", "..\\x", "C:\\x", SCRIPT, IMAGE,
    MARKDOWN, FORMULA, ANSI, BIDI, "\x00", "a\x00b", "a\nb", "x" * 300, "x" * MB, "\ud800",
    "job_", "job_../x", "job_1/../../etc", "job_1\n", "job_1_a ", "JOB_1_A", "job_1_\u0430",
    "job_" + "x" * 200, "__class__", "datagen:jobs", "a:b:c", "%2e%2e%2f", "local\x00", "ünïcode",
]


class OpenStore(MemoryStore):
    """A store that somebody else writes as well, with less care than ours."""

    def plant(self, hkey: str, field: str, text: str) -> None:
        self._hashes.setdefault(hkey, {})[field] = text

    def plant_key(self, key: str, text: str) -> None:
        self._keys[key] = text


def changed(record: Mapping[str, Any], field: str, fragment: str) -> str:
    """The record's JSON with that field's value replaced."""
    kept = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in record.items()
            if name != field]
    return "{" + ",".join([*kept, f"{json.dumps(field)}:{fragment}"]) + "}"


def damaged(record: Mapping[str, Any], *more: str) -> Iterator[str]:
    """The record with every field, and each of ``more``, replaced by each fragment."""
    for field in dict.fromkeys([*record, *more]):
        for fragment in FRAGMENTS:
            yield changed(record, field, fragment)


def bent(record: Mapping[str, Any]) -> Iterator[str]:
    """The record as a whole in forms that no honest writer uses."""
    text = json.dumps(record)
    yield from NO_RECORDS
    yield from (text + "}", text + text, text[:-1], text[:-9], "[" + text + "]", "\ufeff" + text,
                text.replace('"', "'"), json.dumps(text))
    yield changed(record, "padding", json.dumps("x" * MB))
    yield changed(record, "padding", NESTED)
    yield changed(record, "padding", "NaN")
    yield json.dumps({**{f"f{n}": n for n in range(10_000)}, **record})
    for field in record:
        yield json.dumps({name: value for name, value in record.items() if name != field})
