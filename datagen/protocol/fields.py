"""Stored JSON and its fields: written in one form, read with suspicion.

Anyone on a node may write our keys, so whatever is read has a bound: its size, its depth,
its numbers, its times, and the form of every id that may come to name a file or a key.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from datagen.domain.chat import Dialect
from datagen.domain.depth import is_deeper

MAX_VALUE = 256 * 1024  # characters of one stored value; ours stay below 16 K
MAX_DEPTH = 100  # brackets inside one another; a schema of ten levels needs about 40
MAX_TEXT = 1_000  # characters of one field, where nothing else is said
_MOST = 2**53 - 1  # the largest whole number the earlier application can hold
_YEARS = range(1970, 3000)  # of a time that some clock may have told
_CID = re.compile(r"[A-Za-z0-9_-]{1,128}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def dumps(value: Any) -> str:
    """Compact JSON text; half a surrogate pair is escaped, since no store can hold one."""
    text = _ENCODER.encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def load_object(text: str, most: int = MAX_VALUE) -> dict[str, Any]:
    """The JSON object in ``text`` of at most ``most`` characters, each of them whole.

    Raises ValueError, for what nests deeper than MAX_DEPTH too: who draws or writes it again
    would break.
    """
    if len(text) > most:
        raise ValueError("too long")
    text.encode()
    try:
        record = _DECODER.decode(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error kind for unreadable records
    if text.count("{") + text.count("[") > MAX_DEPTH and is_deeper(record, MAX_DEPTH):
        raise ValueError("nested too deeply")
    if "\\u" in text:
        record = {whole_characters(key): whole_characters(item) for key, item in record.items()}
    return record


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number beyond all bounds")
    return value


def _refused(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


# Made once: making one takes longer than most of their work.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refused)


def whole_characters(value: Any) -> Any:
    """The value with a ``?`` for every half of a surrogate pair: no page can draw one."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    return value


def without_none(record: dict[str, Any]) -> dict[str, Any]:
    """The record without what is absent."""
    return {key: value for key, value in record.items() if value is not None}


def to_iso(moment: datetime) -> str:
    """ISO-8601 in UTC with milliseconds and ``Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def from_iso(text: object) -> datetime:
    """An aware time in UTC, of a year in which it can be drawn in any zone. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("not a time")  # noqa: TRY004 - one error kind for unreadable records
    moment = datetime.fromisoformat(text)
    try:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as exc:  # the first or last day of all, in another zone
        raise ValueError("not a time") from exc
    if moment.year not in _YEARS:
        raise ValueError("not a time of these days")
    return moment


def optional_iso(text: object) -> datetime | None:
    """A time that may be absent. Raises ValueError."""
    return None if text is None else from_iso(text)


def whole(
    record: Mapping[str, Any], name: str, default: int | None = None, most: int = _MOST
) -> int:
    """A count in the record, from 0 to ``most``. Raises ValueError."""
    value = record.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} is not a count")
    return value


def milliseconds(record: Mapping[str, Any], name: str) -> int | None:
    """How long something took; None for nonsense, as two machines' clocks make it."""
    value = record.get(name)
    return value if type(value) is int and 0 <= value <= _MOST else None


def text_of(record: Mapping[str, Any], name: str, most: int = MAX_TEXT) -> str:
    """A text of at most ``most`` characters in the record. Raises ValueError."""
    value = record.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{name} is not a text, or too long")
    return value


def optional_text(
    record: Mapping[str, Any], name: str, most: int = MAX_TEXT
) -> str | None:
    """A text that may be absent. Raises ValueError."""
    return None if record.get(name) is None else text_of(record, name, most)


def message_of(record: Mapping[str, Any], name: str) -> str | None:
    """A sentence for people that may be absent; its beginning, if it is long. Raises ValueError."""
    message = optional_text(record, name, MAX_VALUE)
    return message if message is None else message[:MAX_TEXT]


def dialect_of(record: Mapping[str, Any]) -> Dialect | None:
    """The dialect a record names; None = none that is known."""
    value = record.get("dialect")
    return value if value in ("ratio1", "openai") else None


def id_of(record: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    """A text that is an id of this form as a whole. Raises ValueError."""
    value = record.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} is not an id")
    return value


def cid_of(record: Mapping[str, Any], name: str) -> str:
    """The id of a file. Raises ValueError."""
    return id_of(record, name, _CID)


def optional_cid(record: Mapping[str, Any], name: str) -> str | None:
    """The id of a file that may be absent, or empty. Raises ValueError."""
    return None if record.get(name) in (None, "") else cid_of(record, name)


def objects(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects that may be absent. Raises ValueError."""
    items = record.get(name) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError(f"{name} is not a list of objects")
    return items
