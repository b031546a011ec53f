"""Changes to an input that keep its form: what bytes alone would hardly ever come to."""

from __future__ import annotations

import json
from random import Random
from typing import Any

WORDS = (
    "", " ", "0", "-1", "1e999", "-0.0", "1.0", "NaN", "null", "true", '"', "'", "\\", "\\u0000",
    "\\ud800", "{", "}", "[", "]", ",", ":", ";", "|", "\t", "\r\n", "\n", "\x00", "\x0b", "\x1c",
    "\x85", "\u2028", "\ufeff", "\u200b", "\u202e", "\ud800", "٣", "²", "K", "ı", "ß", "é", "你",
    "🦄", "=1+1", "+1", "-1+1", "@x", "＝1", "..", "/", "//", "%00", "%2f", "%0d%0a", "?a=b", "#",
    "::1", "127.1", "0x7f.1", "2130706433", "[::ffff:7f00:1]", "fe80::1%25x", "169.254.169.254",
    "10.0.0.1", "<script>", "```json\n", "```", "<think>", "</think>", "9" * 18, "9" * 400,
    "9" * 5_000, "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31", "__proto__",
    "$ref", "#", "&a", "*a", "<<: *a", "!!python/name:os.system", "---", "%YAML 1.1", "- ", ": ",
    "(a+)+$", "^(?!x)", "\\d", "[^", "$2b$04$", "succeeded", "age 5 to 9", "up to 7 characters",
    ", and ", " or ", "(a, b)",
)
_DEEP = "\x02deep\x02"
_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 1.0, -0.0, 2**31, 2**53, 2**63, 2**64, 10**400, 1e308, 1e22,
    float("inf"), float("nan"), [], {}, [[]], [{}], "", "x" * 300, _DEEP, *WORDS)


def changed(data: bytes, random: Random, most: int = 8_192) -> bytes:
    """The input with one to four changes, at most ``most`` bytes of it."""
    for _ in range(random.randint(1, 4)):
        data = (_as_json(data, random) if random.random() < 0.6 else None) or _as_text(data, random)
    return data[:most]


def _as_text(data: bytes, random: Random) -> bytes:
    word = random.choice(WORDS).encode("utf-8", "surrogatepass")
    at = random.randint(0, len(data))
    end = min(len(data), at + random.choice((0, 0, 1, 1, 2, 4, 16, len(data))))
    match random.randint(0, 3):
        case 0:
            return data[:at] + word + data[end:]
        case 1:
            return data[:at] + data[at:end] * random.choice((2, 3, 50)) + data[end:]
        case 2:
            return data[:at] + data[end:]
        case _:
            return data[:at] + bytes([random.randrange(256)]) + data[end:]


def _as_json(data: bytes, random: Random) -> bytes | None:
    """One part of a JSON value changed; None where it is no JSON."""
    try:
        found = [json.loads(data)]
        places = list(_places(found))
        holder, key = random.choice(places)
        match random.randint(0, 6):
            case 0 | 1 | 2:
                holder[key] = random.choice(_ODD)
            case 3:
                holder[key] = _inside(holder[key], random)
            case 4:
                other, name = random.choice(places)
                holder[key] = json.loads(json.dumps(other[name]))
            case 5 if holder is not found:
                del holder[key]
            case _ if isinstance(holder, dict):
                holder[random.choice((*holder, *WORDS))] = holder[key]
            case _:
                holder[key] = random.choice(([holder[key]], {"x": holder[key]}))
        text = json.dumps(found[0] if found else None, ensure_ascii=random.random() < 0.5)
    except (ValueError, RecursionError):
        return None
    if (mark := json.dumps(_DEEP)) in text:
        depth = random.choice((70, 110, 250, 990, 1_010, 2_000))
        text = text.replace(mark, random.choice(("[" * depth + "]" * depth,
                                                 '{"a":' * depth + "1" + "}" * depth)))
    return text.encode("utf-8", "surrogatepass")


def _inside(value: Any, random: Random) -> Any:
    """A text or a number with a small change."""
    if isinstance(value, str):
        at = random.randint(0, len(value))
        return value[:at] + random.choice(WORDS) + value[at + random.randint(0, 2):]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return random.choice((value + 1, value - 1, -value, value * 10, str(value)))
    return random.choice(_ODD)


def _places(root: Any) -> Any:
    """Every holder of a value, with its key there."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        for key, child in list(node.items() if isinstance(node, dict) else enumerate(node)):
            yield node, key
            if isinstance(child, dict | list):
                waiting.append(child)
