"""Field lists: "price: number - in euros", a table, or a JSON list of names and types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from datagen.domain.schema import paths
from datagen.domain.schema.types import of_word, split_values
from datagen.domain.schema.vocabulary import is_schema

_NAMES = ("name", "field", "path", "key", "column", "fieldName", "field_name", "columnName",
          "column_name", "property", "id", "title")
_LINE = re.compile(
    r"\s*(?P<mark>[-*•+]|\d{1,3}[.)])?\s*"
    r"[`*_\"']*(?P<name>[A-Za-z][\w.\[\]/ -]{0,59}?)[`*\"']*\s*"
    r"(?:\((?P<inside>[^()]{0,200})\))?[`*\"']*\s*"
    r"(?:(?P<colon>:|=|–|—|\s-\s)\s*(?P<rest>.*))?"
)
_RANGE = re.compile(r"(?P<low>-?\d+(?:\.\d+)?)\s*(?:to|-|–|\.\.+|and)\s*(?P<high>-?\d+(?:\.\d+)?)")
_LIMIT = re.compile(
    r"(?:(?P<most>at most|up to|max(?:imum)?)|(?P<least>at least|min(?:imum)?))"
    r"\s*(?:of|:|=)?\s*(?P<value>-?\d+(?:\.\d+)?)", re.IGNORECASE)
_MAX_PHRASE = 600  # characters
_MAX_DESCRIPTION = 300


class Entry(NamedTuple):
    """One field of a list: its name or path, and whatever was said of it."""

    name: str
    said: Any


def of_list(items: Iterable[Any]) -> list[Entry]:
    """The fields in a JSON list of ``{"name", "type", …}``, ``{"price": "number"}`` or lines.

    Empty when it is no list of fields (of records, say); one that is torn may miss a few.
    """
    items = list(items)
    # [{"name": "string"}, {"age": "integer"}]: the keys are the names
    keys = [next(iter(item)) for item in items if isinstance(item, Mapping) and len(item) == 1]
    pairs = len(items) == len(keys) == len(set(keys)) > 1
    found: list[Entry] = []
    missed = 0
    for item in items:
        if isinstance(item, str):
            found += of_line(item) or [Entry(item, "string")]
        elif isinstance(item, Mapping):
            entry = _of_pair(item) if pairs else _of_object(item)
            found += [entry] if entry else []
            missed += entry is None
        else:
            missed += 1
    if missed > len(found):
        return []
    return [Entry(name, entry.said) for entry in found if (name := tidy(entry.name))]


def _of_object(item: Mapping[str, Any]) -> Entry | None:
    for key in _NAMES:
        rest = {k: v for k, v in item.items() if k != key}
        if isinstance(item.get(key), str) and (is_schema(rest) or _only_words(rest)):
            return Entry(item[key], rest)
    return _of_pair(item) if len(item) == 1 else None


def _of_pair(item: Mapping[str, Any]) -> Entry | None:
    name, said = next(iter(item.items()))
    known = isinstance(said, Mapping) or (isinstance(said, str) and of_word(said))
    return Entry(str(name), said) if known else None


def _only_words(rest: Mapping[str, Any]) -> bool:
    """Whether nothing but a text about the field, or a type nobody knows, is said of it."""
    return set(rest) <= {"description", "desc", "type", "required", "example", "examples"}


def of_text(text: str) -> list[Entry]:
    """The fields in lines or in a table; prose around them is passed over."""
    tables = [*_table(text)]
    if tables:
        return tables
    found = [(line, entry) for line in text.splitlines()[:2000] for entry in of_line(line)]
    typed = [entry for _, entry in found if _is_typed(entry)]
    if typed:
        return typed
    marked = [entry for line, entry in found if re.match(r"\s*([-*•+]|\d{1,3}[.)])\s", line)]
    return marked if len(marked) > 1 else []


def _is_typed(entry: Entry) -> bool:
    return isinstance(entry.said, dict) and not entry.said.get("untyped")


def of_line(line: str) -> list[Entry]:
    """At most one field: ``- **price** (number, required): what it costs``."""
    found = _LINE.fullmatch(line.strip()[:_MAX_PHRASE].rstrip(" ,;"))
    if not found or len(line) > 2000:
        return []
    name = tidy(found.group("name"))
    inside, rest = (found.group("inside") or "").strip(), (found.group("rest") or "").strip()
    if not name or (not found.group("mark") and not inside and not rest):
        return []
    phrase = f"{inside} - {rest}" if rest and of_phrase(inside) else rest or inside
    said = of_phrase(phrase)
    if said is None:
        if " " in found.group("name").strip() and not found.group("mark"):
            return []  # prose: "Note that: …"
        said = {"untyped": True}
        if rest:
            said["description"] = rest[:_MAX_DESCRIPTION]
    return [Entry(name, said)]


def of_phrase(text: str) -> dict[str, Any] | None:
    """The schema in "integer, 1 to 10 - how many"; None when it names no type."""
    if len(text) > _MAX_PHRASE:
        return None
    head, separator, description = _divided(text.strip().strip("\"'`"))
    node = of_word(head)
    if node is None:
        first = re.match(r"[\w/-]+(?:\s+of\s+[\w-]+|\[\w*\]|<[\w-]+>)?", head)
        follows = head[first.end():].lstrip()[:1] if first else ""
        ranged = first and re.match(r"\s*(?:from |between )?-?\d", head[first.end():])
        if first and (follows in {",", ";", "(", "[", ":"} or ranged):
            node = of_word(first.group(0))
        if node is None or first is None:
            return None
        node = {**node, **_limits(head[first.end():], str(node["type"]))}
    if re.search(r"\b(optional|not required)\b", text, re.IGNORECASE):
        node = {**node, "optional": True}
    if separator and description:
        node = {**node, "description": description[:_MAX_DESCRIPTION]}
    return node


def _divided(text: str) -> tuple[str, str, str]:
    found = re.search(r"\s+[-–—]+\s+|:\s+(?=[A-Za-z])", text)
    if not found or of_word(text):
        return text, "", ""
    return text[:found.start()].strip(), found.group(0), text[found.end():].strip(" -–—")


def _limits(text: str, kind: str) -> dict[str, Any]:
    """What "1 to 10", "at most 80 characters" or "one of a, b" says besides the type."""
    low, high = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(
        kind, ("minimum", "maximum"))
    choice = re.search(r"(?:one of|either|values?|enum)\s*:?\s*([^()]+)", text, re.IGNORECASE)
    if choice and kind == "string":
        values = split_values(choice.group(1))
        return {"enum": values} if len(values) > 1 else {}
    found = _RANGE.search(text)
    if found:
        return {low: found.group("low"), high: found.group("high")}
    limits = {}
    for limit in _LIMIT.finditer(text):
        limits[high if limit.group("most") else low] = limit.group("value")
    return limits


def _table(text: str) -> Iterator[Entry]:
    """The rows of a Markdown table: name, type, and the rest as description."""
    lines = text.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=False):
        cells = [cell.strip().strip("`*") for cell in line.strip().strip("|").split("|")]
        if not line.strip().startswith("|") or len(cells) < 2 or set(cells[0]) <= set("-: "):
            continue
        name, said = tidy(cells[0]), of_phrase(cells[1])
        if not name or said is None or re.fullmatch(r"[\s|:-]*-[\s|:-]*", below):
            continue
        if len(cells) > 2 and cells[-1]:
            said = {**said, "description": cells[-1][:_MAX_DESCRIPTION]}
        yield Entry(name, said)


def tidy(name: str) -> str:
    """A name or path as a field can carry it; "" when nothing is left."""
    text = re.sub(r"\s+", "_", name.strip().strip("`*\"'").strip())
    try:
        return paths.join(paths.parse(text)) if len(text) <= 200 else ""
    except ValueError:
        return re.sub(r"\W+", "_", text).strip("_")[:60]
