"""One field out of the words that a person used for it.

``hour, 0 to 23`` / ``label: spam or ham`` / ``tags, two to five words`` /
``variants, a list of one to four with colour and stock (0 to 500)``.
"""

from __future__ import annotations

import re
from typing import Any

from datagen.model.sample.domains import Field, of_fields, some
from datagen.model.sample.names import tokens
from datagen.model.sample.values import usual_span

_WORD_NUMBERS = {word: number for number, word in enumerate((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve"))}
_NUMBER = rf"(\d{{1,15}}(?:\.\d{{1,15}})?(?!\.?\d)|{'|'.join(_WORD_NUMBERS)})"
_RANGE = re.compile(rf"\b{_NUMBER}\s*(?:to|-|–|and)\s*{_NUMBER}\b", re.IGNORECASE)
_AT_MOST = re.compile(rf"\b(?:at most|up to|max(?:imum)?)\s+{_NUMBER}\b", re.IGNORECASE)
_AT_LEAST = re.compile(rf"\b(?:at least|min(?:imum)?)\s+{_NUMBER}\b", re.IGNORECASE)
_LIKE = re.compile(r"\b(?:such as|like|e\.g\.)\s+([A-Z]{1,6}[-_#]?\d{2,10})\b")
_PIECES = re.compile(rf"\b{_NUMBER}\s+(?:(capital|upper-?case)\s+)?(letters?|digits?)|\b(a dash)\b",
                     re.IGNORECASE)
_ONE_OF = re.compile(r"\b(?:one of|either|values?|allowed)\b:?\s*(.+)", re.IGNORECASE)
_NAME_END = re.compile(
    r"\s*[,:(;–]|\s+-\s"
    r"|\s+(?:with|such as|like|which|from|between|as|one of|either|is)\b", re.IGNORECASE)
_YES_NO = re.compile(r"\b(?:true\s*(?:or|/)\s*false|yes\s*(?:or|/)\s*no|bool(?:ean)?)\b",
                     re.IGNORECASE)
_LIST = re.compile(r"\b(?:list|array) of\b", re.IGNORECASE)
_YES_NO_NAMES = frozenset((
    "is", "has", "in", "was", "can", "resolved", "active", "verified", "newsletter", "enabled",
    "vegetarian", "paid", "archived"))
_MOST_OPTIONS = 24
_PROSE = frozenset((
    "message", "body", "text", "description", "content", "comment", "review", "notes", "note",
    "feedback", "question", "answer"))


def parts_of(text: str, *, on: str = ",") -> list[str]:
    """``text`` cut at commas (or ``on``), "and" and "or", never inside brackets."""
    if on == ",":
        text = _outside(r"\s*,?\s+(?:and|or)\s+(?!\d)", ",", text)
    return [part.strip(" .") for part in _outside(re.escape(on), "\0", text).split("\0")
            if part.strip(" .")]


def _outside(pattern: str, to: str, text: str) -> str:
    """Replace outside of brackets only."""
    pieces = re.split(r"(\([^()]*\))", text)
    return "".join(piece if piece.startswith("(") else re.sub(pattern, to, piece)
                   for piece in pieces)


def read_field(clause: str) -> tuple[str, Field] | None:
    """Name and schema of the field a clause is about, or None when it names none."""
    clause = re.sub(r"^(?:an?|the|its|and|optional)\s+", "", clause.strip().strip("`\"'"),
                    flags=re.IGNORECASE)
    end = _NAME_END.search(clause)
    words = clause[:end.start()] if end else clause
    name = "_".join(re.findall(r"[A-Za-z0-9]+", words))
    name = name if re.search(r"[a-z][A-Z]", name) and " " not in words else name.lower()
    if not name or not name[0].isalpha() or len(words.split()) > 3:
        return None
    return name, described(name, clause[end.start():].strip() if end else "")


def described(name: str, detail: str) -> Field:
    """The schema of a field by its name and what is said about it."""
    nested = re.search(r"(?:^|\s)with\s+(.+)$", detail, re.DOTALL)
    if nested is not None:
        inner = [read_field(part) for part in parts_of(nested[1])]
        whole = of_fields(dict(field for field in inner if field is not None))
        if whole["properties"]:
            return _listed(whole, detail[:nested.start()])
    if _YES_NO.search(detail):
        return {"type": "boolean"}
    field = _exact(detail) or _sized(name, detail) or by_name(name)
    listed = _LIST.search(detail) or (re.search(r"\b(?:words|items|tags|entries)\b", detail)
                                      and not re.search(r"\bsentences?\b", detail))
    if field["type"] == "string" and listed:
        return _listed({"type": "string", "minLength": 2, "maxLength": 40}, "list of " + detail)
    note = detail.strip(" ,:–-()")
    return {**field, "description": note} if 3 < len(note) <= 200 and "enum" not in field else field


def _exact(detail: str) -> Field | None:
    """Allowed values, or a code whose form is shown or spelt out."""
    options = _options(detail)
    if options:
        return {"type": "string", "enum": options}
    shown = _LIKE.search(detail)
    if shown is not None:
        form = re.sub(r"\d+", lambda found: f"[0-9]{{{len(found[0])}}}", shown[1])
        return {"type": "string", "pattern": f"^{form}$"}
    form = "".join("-" if dash else
                   ("[0-9]" if kind.lower().startswith("d") else "[A-Z]" if upper else "[a-z]")
                   + f"{{{int(_value(count))}}}"
                   for count, upper, kind, dash in _PIECES.findall(detail))
    return {"type": "string", "pattern": f"^{form}$"} if "{" in form else None


def _options(detail: str) -> list[str]:
    bracket = re.search(r"\(([^()]+)\)", detail)
    text = bracket[1] if bracket else detail.lstrip(" ,:–-")
    named = _ONE_OF.search(text)
    if not bracket and not named and not (re.search(r"\bor\b", text) or detail.startswith(":")):
        return []
    text = named[1] if named else text
    options = [option.strip("`\"' ") for option in parts_of(re.sub(r"[/|]", ",", text))]
    short = all(0 < len(option.split()) <= 3 and not re.match(r"an?\s|the\s|.*\d", option)
                for option in options)
    return options if short and 1 < len(options) <= _MOST_OPTIONS else []


def _sized(name: str, detail: str) -> Field | None:
    """A length or a range, where numbers are named."""
    low, high = limits(detail)
    if low is None and high is None:
        return None
    if "character" in detail:
        return _bounded({"type": "string"}, "minLength", "maxLength", low, high)
    if re.search(r"\b(?:sentence|paragraph)s?\b", detail):
        return {"type": "string", "minLength": 40, "maxLength": 800}
    if re.search(r"\bwords?\b", detail):
        return {"type": "string", "minLength": 2, "maxLength": 40}
    span = usual_span(name)
    fraction = bool(re.search(r"\d\.\d|\b(?:decimal|number|float)\b", detail))
    kind = "number" if fraction or (span is not None and span.digits) else "integer"
    return _bounded({"type": kind}, "minimum", "maximum", low, high)


def limits(detail: str) -> tuple[float | None, float | None]:
    """The smallest and largest number a text allows; None where it does not say."""
    span = _RANGE.search(detail)
    if span is not None:
        return _value(span[1]), _value(span[2])
    low, high = _AT_LEAST.search(detail), _AT_MOST.search(detail)
    return (_value(low[1]) if low else None), (_value(high[1]) if high else None)


def _value(text: str) -> float:
    number = float(_WORD_NUMBERS.get(text.lower(), text))
    return int(number) if number.is_integer() else number


def _bounded(field: Field, lowest: str, highest: str, low: Any, high: Any) -> Field:
    return field | ({lowest: low} if low is not None else {}) | (
        {highest: high} if high is not None else {})


def _listed(item: Field, words: str) -> Field:
    """A list of items where the words say so, else the item."""
    if not _LIST.search(words):
        return item
    low, high = limits(words)
    return some(item, int(low or 0), int(high or max(low or 0, 4)))


def by_name(name: str) -> Field:
    """What a field of this name usually is."""
    parts = tokens(name)
    last = parts[-1] if parts else ""
    if parts and (parts[0] in _YES_NO_NAMES or last in _YES_NO_NAMES):
        return {"type": "boolean"}
    if last in {"tags", "keywords", "symptoms", "languages", "categories", "skills", "ingredients"}:
        return some({"type": "string", "minLength": 2, "maxLength": 40}, 1, 4)
    form = _form(parts, last)
    if form is not None:
        return {"type": "string", "format": form}
    span = usual_span(name)
    if span is not None and last not in {"id", "number", "code"}:
        kind = "number" if span.digits else "integer"
        return {"type": kind, "minimum": span.low, "maximum": span.high}
    long = last in _PROSE
    return {"type": "string", "minLength": 20 if long else 1, "maxLength": 600 if long else 120}


def _form(parts: tuple[str, ...], last: str) -> str | None:
    if last == "email":
        return "email"
    if last in {"url", "link", "website", "uri", "homepage"}:
        return "uri"
    if last in {"at", "timestamp", "datetime"}:
        return "date-time"
    if last in {"date", "birthday", "dob", "on", "deadline"} or parts[:1] == ("date",):
        return "date"
    return {"uuid": "uuid", "guid": "uuid", "ip": "ipv4"}.get(last)
