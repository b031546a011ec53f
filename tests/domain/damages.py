"""What models and the wire do to a record on its way, kind by kind.

``MENDED`` leave one reading only: the record has to come back. ``LOST`` leave none: the
reply has to be rejected. What a damage can't do to a record it answers with None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Record = dict[str, Any]
Schema = Mapping[str, Any]
Reply = tuple[str, str | None]  # text, finish_reason
Damage = Callable[[Record, Schema], Reply | None]


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(change: Callable[[str], str | None], finish: str | None = "stop",
          indent: int | None = None) -> Damage:
    def damage(record: Record, _schema: Schema) -> Reply | None:
        text = change(json.dumps(record, ensure_ascii=False, indent=indent))
        return None if text is None else (text, finish)
    return damage


def _value(change: Callable[[Record, Schema], Any]) -> Damage:
    def damage(record: Record, schema: Schema) -> Reply | None:
        value = change(record, schema)
        return None if value is None else (_plain(value), "stop")
    return damage


def texts(value: Any) -> Iterator[str]:
    """All texts in a value, field names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _quoted(opening: str, closing: str) -> Damage:
    """Other quotes around texts that hold no quotes themselves."""
    def damage(record: Record, _schema: Schema) -> Reply | None:
        if any(re.search(r"[\"'“”„‘’‚\\\n]", text) for text in texts(record)):
            return None
        return re.sub(r'"([^"]*)"', f"{opening}\\1{closing}", _plain(record)), "stop"
    return damage


def _naively_quoted(record: Record, _schema: Schema) -> Reply | None:
    """Every double quote made a single one, though a text holds an apostrophe."""
    if not any("'" in text for text in texts(record)):
        return None
    return _plain(record).replace('"', "'"), "stop"


def _commented(comment: str) -> Damage:
    return _text(lambda text: re.sub(r",\n", f", {comment}\n", text, count=2)
                 if ",\n" in text else None, indent=2)


def _broken_lines(record: Record, _schema: Schema) -> Reply | None:
    text = _plain(record).replace("\\n", "\n").replace("\\t", "\t")
    return (text, "stop") if text != _plain(record) and "\\\\" not in text else None


def _simple(schema: Any) -> str | None:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    alone = isinstance(kind, str) and not {"anyOf", "oneOf", "$ref", "allOf", "enum", "const",
                                           "not"} & set(schema)
    return kind if alone else None


def _changed(value: Any, schema: Any, change: Callable[[str, Any, Mapping[str, Any]], Any]) -> Any:
    """The value with ``change`` done to every part whose schema names one type and no more."""
    kind = _simple(schema)
    if kind is None:
        return value
    if isinstance(value, dict):
        own = schema.get("properties", {})
        value = {name: _changed(item, own.get(name), change) for name, item in value.items()}
    elif isinstance(value, list) and "prefixItems" not in schema:
        value = [_changed(item, schema.get("items"), change) for item in value]
    return change(kind, value, schema)


def _as_texts(kind: str, value: Any, _schema: Schema) -> Any:
    if kind in {"integer", "number", "boolean"}:
        return json.dumps(value)
    return value


def _as_floats(kind: str, value: Any, _schema: Schema) -> Any:
    return float(value) if kind == "integer" and abs(value) < 2**53 else value


def _as_numbers(kind: str, value: Any, _schema: Schema) -> Any:
    whole = kind == "string" and re.fullmatch(r"-?[1-9][0-9]{0,15}|0", value)
    return int(value) if whole else value


def _as_json(kind: str, value: Any, _schema: Schema) -> Any:
    return _plain(value) if isinstance(value, list) and kind == "array" else value


def _typed(change: Callable[[str, Any, Mapping[str, Any]], Any]) -> Damage:
    def damage(record: Record, schema: Schema) -> Reply | None:
        made = _changed(record, schema, change)
        return None if json.dumps(made) == json.dumps(record) else (_plain(made), "stop")
    return damage


def _lone(record: Record, schema: Schema) -> Reply | None:
    """Lists of one as the one alone, where it is no list and can't be read as several."""
    own = schema.get("properties", {})
    made = {}
    for name, value in record.items():
        part = own.get(name, {})
        sure = (_simple(part) == "array" and isinstance(value, list) and len(value) == 1
                and _simple(part.get("items")) in {"string", "integer", "number", "object"}
                and not (isinstance(value[0], str) and not re.fullmatch(r"[a-z]{4,}", value[0])))
        made[name] = value[0] if sure else value
    return None if made == record else (_plain(made), "stop")


def _renamed(change: Callable[[str], str]) -> Damage:
    def rename(value: Any, schema: Any) -> Any:
        own = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
        if isinstance(value, dict) and _simple(schema):
            return {change(n) if n in own else n: rename(v, own.get(n)) for n, v in value.items()}
        if isinstance(value, list) and _simple(schema) and "prefixItems" not in schema:
            return [rename(item, schema.get("items")) for item in value]
        return value

    def damage(record: Record, schema: Schema) -> Reply | None:
        made = rename(record, schema)
        return None if made == record else (_plain(made), "stop")
    return damage


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _number_replaced(by: str) -> Damage:
    """The first number of the record's own fields, written as something that is none."""
    def damage(record: Record, _schema: Schema) -> Reply | None:
        name = next((n for n, v in record.items() if type(v) in {int, float}), None)
        if name is None:
            return None
        text = _plain({**record, name: "\x00"})
        return text.replace('"\\u0000"', by), "stop"
    return damage


def _without_required(record: Record, schema: Schema) -> Any:
    needed = [name for name in schema.get("required", ()) if name in record]
    return {n: v for n, v in record.items() if n != needed[-1]} if needed else None


PROSE = "Sure! Here is the record you asked for:\n\n"
MENDED: dict[str, Damage] = {
    "as it is": _text(str),
    "indented": _text(str, indent=4),
    "no finish reason": _text(str, None),
    "whole at the token limit": _text(str, "length"),
    "whole, then cut in the prose": _text(lambda t: f"{t}\n\nThis record shows a", "length"),
    "fence json": _text(lambda t: f"```json\n{t}\n```"),
    "fence JSON, windows lines": _text(lambda t: f"```JSON\r\n{t}\r\n```\r\n", indent=1),
    "fence bare": _text(lambda t: f"```\n{t}\n```"),
    "fence in one line": _text(lambda t: f"```json {t}```"),
    "fence never closed": _text(lambda t: f"```json\n{t}"),
    "fence and prose": _text(lambda t: f"{PROSE}```json\n{t}\n```\nAnything else?"),
    "prose before": _text(lambda t: PROSE + t),
    "prose after": _text(lambda t: f"{t}\n\nLet me know if it fits, and I'll write more."),
    "prose around": _text(lambda t: f"{PROSE}{t}\n\n**Note:** it's invented."),
    "prose with braces": _text(lambda t: f"As {{asked}}, with [care]: {t} (done)"),
    "thoughts": _text(lambda t: f'<think>Is it {{"a": 1}}? No.</think>\n{t}'),
    "thoughts without their first tag": _text(lambda t: f"I think of {{x}}.\n</think>\n{t}"),
    "list of one": _text(lambda t: f"[{t}]"),
    "list of one in prose": _text(lambda t: f"{PROSE}[{t}]"),
    "byte order mark": _text(lambda t: f"\ufeff{t}"),
    "zero width spaces": _text(lambda t: f"\u200b{t}\u200b"),
    "twice the same": _text(lambda t: f"{t}\n{t}"),
    "after another object": _text(lambda t: f'{{"status": "ok"}}\n{t}'),
    "after the schema": lambda r, s: (f"{_plain(dict(s))}\n\n{_plain(r)}", "stop"),
    "single quotes": _quoted("'", "'"),
    "python": lambda r, s: (repr(r), "stop"),
    "smart quotes": _quoted("“", "”"),
    "smart single quotes": _quoted("‘", "’"),
    "low quotes": _quoted("„", "“"),
    "trailing comma": _text(lambda t: t[:-1] + ",}" if len(t) > 2 else None),
    "trailing commas": _text(lambda t: re.sub(r"([\]}\"\w])\n", r"\1,\n", t[:-2]) + ",\n}"
                             if len(t) > 2 else None, indent=2),
    "line comments": _commented("// as asked"),
    "block comments": _commented("/* as asked: {1} */"),
    "hash comments": _commented("# as asked"),
    "missing commas": _text(lambda t: re.sub(r",\n  \"", "\n  \"", t)
                            if ",\n  \"" in t else None, indent=2),
    "bare names": _text(lambda t: re.sub(r'(?m)^( +)"([A-Za-z_]\w*)":', r"\1\2:", t), indent=2),
    "broken lines": _broken_lines,
    "encoded twice": _text(lambda t: json.dumps(t)),
    "encoded three times": _text(lambda t: json.dumps(json.dumps(t))),
    "encoded twice, quotes lost": _text(lambda t: json.dumps(t)[1:-1]),
    "encoded twice in a fence": _text(lambda t: f"```json\n{json.dumps(t)}\n```"),
    "content as parts": _text(lambda t: _plain([{"type": "text", "text": t}])),
    "content as two parts": _text(lambda t: _plain(
        [{"type": "text", "text": t[:9]}, {"type": "text", "text": t[9:]}])),
    "wrapped as record": _value(lambda r, s: {"record": r}),
    "wrapped as data, a list": _value(lambda r, s: {"data": [r]}),
    "wrapped twice": _value(lambda r, s: {"response": {"result": r}}),
    "wrapped by its kind": _value(lambda r, s: {"generated_entry": r}),
    "wrapped, encoded twice": _value(lambda r, s: {"output": _plain(r)}),
    "numbers as texts": _typed(_as_texts),
    "whole numbers with a point": _typed(_as_floats),
    "whole numbers for texts": _typed(_as_numbers),
    "lists as JSON texts": _typed(_as_json),
    "lone values": _lone,
    "names in upper case": _renamed(str.upper),
    "names capitalised": _renamed(str.capitalize),
    "names in camel case": _renamed(_camel),
    "names with dashes": _renamed(lambda name: name.replace("_", "-")),
}
CONVERTED = frozenset({  # kinds that change values or names, not the JSON around them
    "numbers as texts", "whole numbers with a point", "whole numbers for texts",
    "lists as JSON texts", "lone values", "names in upper case", "names capitalised",
    "names in camel case", "names with dashes",
})
LOST: dict[str, Damage] = {
    "empty": lambda r, s: ("", "stop"),
    "blank": lambda r, s: (" \n\t", "stop"),
    "only prose": lambda r, s: ("I'm sorry, but I can't help with that.", "stop"),
    "only an empty fence": lambda r, s: ("```json\n```", "stop"),
    "the schema": lambda r, s: (_plain({"$schema": "x", **s}), "stop"),
    "the schema in a fence": lambda r, s: (f"```json\n{_plain({'$schema': 'x', **s})}\n```",
                                           "stop"),
    "a list of two": _text(lambda t: f"[{t}, {t[:-1]}]"),
    "not a number": _number_replaced("NaN"),
    "infinity": _number_replaced("Infinity"),
    "a number too large": _number_replaced("1e999"),
    "undefined": _number_replaced("undefined"),
    "nothing for a number": _number_replaced(""),
    "a number in words": _number_replaced("twelve"),
    "a number with thousands": _number_replaced("12,345,678"),
    "dots for the rest": _text(lambda t: f"{t[:-1]}, ...}}"),
    "a comment for the rest": _text(lambda t: f"{t[:-2]}, // ... and so on\n}}", indent=1),
    "a field twice": _text(lambda t: '{"zz": 1, "zz": 2, ' + t[1:] if len(t) > 2 else None),
    "an apostrophe in single quotes": _naively_quoted,
    "a required field left out": _value(_without_required),
    "a field nobody asked for": _value(lambda r, s: {**r, "zz_extra": 1}),
    "cut at the token limit": _text(lambda t: t[: len(t) * 2 // 3], "length"),
    "cut before the last brace": _text(lambda t: t[:-1], "length"),
    "cut without a word": _text(lambda t: t[: len(t) // 2], None),
    "damaged at the token limit": _text(lambda t: t[:-1] + ",}", "length"),
    "its beginning lost": _text(lambda t: t[1:]),
    "one brace too many": _text(lambda t: t + "}"),
    "never thought to an end": _text(lambda t: f"<think>Perhaps {t}", "length"),
}
