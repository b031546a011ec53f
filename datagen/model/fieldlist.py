"""A plain list of fields, as people write it, read into the fields of a draft.

``Fields: sku; price with amount (5 to 900) and currency (EUR or USD); tags, a list of
words`` becomes ``sku``, ``price.amount``, ``price.currency`` and ``tags[]``. Where the
text does not say the type, the name's usual meaning does; what remains is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

Field = dict[str, Any]  # name (or path), type, and limits where the text names them

MAX_FIELDS = 40
_LIST = re.compile(
    r"\b(?:fields?|columns?|properties|attributes)\b[^:;.\n]{0,40}:\s*(.+?)(?=\.\s|\.$|\n\s*\n|$)",
    re.IGNORECASE | re.DOTALL,
)
_THING = r"(?:an? |the |its |their )?[A-Za-z][\w-]{1,20}(?: [\w-]{2,20}){0,2}"
_MENTION = re.compile(
    rf"\b(?:has|have|having|with|contains?|includes?|including)\s+"
    rf"({_THING}(?:,\s*{_THING})*,?\s+and\s+{_THING})", re.IGNORECASE)
_AROUND = re.compile(  # what stands before and after a name: "the", "of a shop"
    r"^(?:an?|the|its|their)\s+|(?<!number)\s+(?:of|for|in|on|from|to|by|at|with|that)\b.*$",
    re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+", re.MULTILINE)
_NAME = re.compile(r"[\"'`]?([A-Za-z][\w\[\].]*(?:[ -]\w+){0,3}?)[\"'`]?"
                   r"(?=\s*(?:$|[,:(]|\b(?:with|such|as|like|from|between|is|are|in|of)\b))\s*[,:]?")
_NUMBER_WORDS = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten)"
_MANY = re.compile(
    rf"\blist of\b|\b{_NUMBER_WORDS} to {_NUMBER_WORDS}\b[\w\s-]*\b(?:words|items)\b", re.IGNORECASE
)
_NUMBER = r"(-?\d{1,15}(?:\.\d{1,15})?)(?!\.?\d)"  # with more digits it is no limit of anything
_RANGE = re.compile(rf"(?<![\d.]){_NUMBER}\s*(?:to|-|–|and)\s*{_NUMBER}")
_AT_MOST = re.compile(r"(?:at most|up to|max(?:imum)?)\s*(\d{1,9})\s*char", re.IGNORECASE)
_CHOICES = re.compile(
    r"(\w[\w '/-]{0,30}(?:,\s*\w[\w '/-]{0,30})*),?\s+or\s+(\w[\w '/-]{0,30})"
)
_INSIDE = re.compile(r"\(([^()]{1,300})\)")
_SIMPLE = (
    (re.compile(r"\b(?:true or false|yes or no|boolean)\b", re.IGNORECASE), "boolean"),
    (re.compile(r"\bdate and time\b|\btimestamp\b|\bdate-?time\b", re.IGNORECASE), "date-time"),
    (re.compile(r"\W*(?:an? )?(?:whole number|integer)\b", re.IGNORECASE), "integer"),
    (re.compile(r"\W*(?:a )?(?:decimal )?number\b", re.IGNORECASE), "number"),
    (re.compile(r"\W*(?:a )?date\b", re.IGNORECASE), "date"),
    (re.compile(r"\W*(?:a )?(?:short |long )?text\b", re.IGNORECASE), "string"),
)
# The usual meaning of a name's words; the first that fits counts.
_MEANINGS: tuple[tuple[str, Field], ...] = (
    (r"^(is|has|was|in|can) |available|included|active|enabled|resolved|verified|subscribed",
     {"type": "boolean"}),
    (r"\be ?mail\b", {"type": "email"}),
    (r"\b(url|uri|website|homepage)\b", {"type": "uri"}),
    (r"\b(created|updated|sent|received) at$|\b(timestamp|datetime)\b", {"type": "date-time"}),
    (r"\bdate\b|\bbirthday\b", {"type": "date"}),
    (r"\bpriority\b", {"type": "string", "enum": ["low", "medium", "high"]}),
    (r"\b(rating|stars)\b", {"type": "integer", "minimum": 1, "maximum": 5}),
    (r"\b(percent|percentage|humidity)\b", {"type": "number", "minimum": 0, "maximum": 100}),
    (r"\bage\b", {"type": "integer", "minimum": 0, "maximum": 120}),
    (r"\b(price|amount|cost|salary|total|fee|balance|weight|height|width|depth|length|speed)\b",
     {"type": "number", "minimum": 0}),
    (r"\b(temperature|latitude|longitude)\b", {"type": "number"}),
    (r"\b(quantity|count|stock|pages|years|days|hours|minutes|nights|servings)\b|^number of ",
     {"type": "integer", "minimum": 0}),
)


def listed(text: str) -> list[Field]:
    """The fields a text names as a list of fields; none when it has no such list."""
    found = _LIST.search(text)
    if not found:
        return []
    return distinct(field for item in _items(found.group(1)) for field in _fields(item))


def mentioned(text: str) -> list[Field]:
    """The fields a text names in passing: "tickets with a subject, message and priority"."""
    found = _MENTION.search(text)
    names = _split(found.group(1)) if found else []
    return distinct(field_of(_AROUND.sub("", name.strip())) for name in names)


def field_of(name: str, hint: str = "", prefix: str = "") -> Field:
    """One field: its path, and the type and limits that hint and name tell."""
    known = _told(hint, name) or _meant(name) or {"type": "string"}
    return {"name": prefix + snake(name), **known}


def classes(text: str) -> list[str]:
    """The first choice a text offers, e.g. "spam or ham"; 2 to 12 words, or none."""
    for match in _CHOICES.finditer(text):
        last = match.group(2).split()[0]
        first = [part.split()[-1] for part in match.group(1).split(",") if part.split()]
        if all(re.fullmatch(r"[a-z_-]{2,20}", word) for word in (*first, last)):
            return list(dict.fromkeys((*first, last)))[:12]
    return []


def distinct(fields: Iterable[Field]) -> list[Field]:
    """The fields without those of a name that was there already."""
    kept: dict[str, Field] = {}
    for field in fields:
        if field["name"].strip("_[]."):
            kept.setdefault(field["name"], field)
    return list(kept.values())[:MAX_FIELDS]


def snake(name: str) -> str:
    """A name as a field name: lower case, words joined by underscores, path marks kept."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9_.\[\]]+", "_", words.lower()).strip("_")[:60]


def _items(text: str) -> list[str]:
    if _BULLET.search(text):
        parts = _BULLET.split(text)
    elif ";" in text:
        parts = text.split(";")
    else:
        parts = _split(text)
    return [part.strip() for part in parts if part.strip()]


def _split(text: str) -> list[str]:
    """A text at its commas and its "and", not inside parentheses."""
    return [part.strip() for part in
            re.split(r",\s*(?:and\s+)?(?![^(]*\))|\s+and\s+(?![^(]*\))", text) if part.strip()]


def _fields(item: str, prefix: str = "") -> Iterator[Field]:
    match = _NAME.match(item.removeprefix("and ").strip())
    if not match:
        return
    name, hint = match.group(1), item.removeprefix("and ").strip()[match.end():].strip()
    many = "[]" if _MANY.search(hint) and not name.endswith("[]") else ""
    inner = re.search(r"(?:^|\b(?:list of|lists? )[^;()]{0,60}?)\bwith\s+(.+)$", hint, re.DOTALL)
    if inner and not prefix:
        for part in _split(inner.group(1)):
            yield from _fields(part, f"{snake(name)}{many}.")
    else:
        field = field_of(name, "" if many else hint, prefix)
        yield field | {"name": field["name"] + many} | ({"type": "string"} if many else {})


def _told(hint: str, name: str) -> Field | None:
    """What the words after a name say of its values."""
    limit, numbers = _AT_MOST.search(hint), _RANGE.search(hint)
    if limit:
        return {"type": "string", "maxLength": int(limit.group(1))}
    if numbers and float(numbers[1]) < float(numbers[2]):
        field = _ranged(hint, name, numbers)
        if field:
            return field
    values = _choice(hint)
    if values:
        return {"type": "string", "enum": values}
    first = (type_ for words, type_ in _SIMPLE[:2] if words.search(hint))
    then = (type_ for words, type_ in _SIMPLE[2:] if words.match(hint))
    found = next(first, None) or next(then, None)
    return {"type": found} if found else None


def _ranged(hint: str, name: str, numbers: re.Match[str]) -> Field | None:
    """A field whose hint says "5 to 900"; None where that counts words or digits."""
    low, high = float(numbers[1]), float(numbers[2])
    if re.search(r"\bchar", hint):
        return None if high < 0 else {
            "type": "string", "minLength": max(0, int(low)), "maxLength": int(high)}
    if re.search(r"\b(words?|sentences?|lines?|digits?|letters?)\b", hint):
        return None
    if "." in numbers.group(0) or (_meant(name) or {}).get("type") == "number":
        low, high = (int(x) if x.is_integer() else x for x in (low, high))
        return {"type": "number", "minimum": low, "maximum": high}
    return {"type": "integer", "minimum": int(low), "maximum": int(high)}


def _choice(hint: str) -> list[str]:
    """The values a hint allows: "(a, b or c)", "one of a, b", "spam or ham"."""
    inside = _INSIDE.search(hint)
    text = inside.group(1) if inside else re.sub(r"^\W*(?:one of |either )?", "", hint).strip(" .")
    if not (inside and "," in text) and not re.match(r"\W*one of\b", hint) and (
        not _CHOICES.fullmatch(text)
    ):
        return []
    values = [v.strip(" \"'`") for v in re.split(r"\s*,\s*(?:or\s+)?|\s+or\s+", text)]
    prose = any(len(v.split()) > 3 or re.match(r"(an?|the|at|in|as|for)\s|\W|$", v) for v in values)
    if prose or len(values) < 2 or set(values) in ({"true", "false"}, {"yes", "no"}):
        return []
    return list(dict.fromkeys(values))


def _meant(name: str) -> Field | None:
    words = snake(name).replace("_", " ").replace("[]", "").rpartition(".")[2]
    return next((dict(field) for words_of, field in _MEANINGS if re.search(words_of, words)), None)
