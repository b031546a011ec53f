"""From a description in plain words to a schema, without a model.

It reads the fields a person names; where none are named it knows what records of that
kind usually hold.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from datagen.model.sample.domains import ANYTHING, DOMAINS, Field, of_fields
from datagen.model.sample.fields import by_name, described, parts_of, read_field

_FIELDS = re.compile(
    r"\b(?:fields?|columns?|attributes?|properties)\b"
    r"(?:\s+(?:are|named|called|should be))?\s*:?\s+",
    re.IGNORECASE)
_LINE = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.+)$", re.MULTILINE)
_MARKED = re.compile(r"`([A-Za-z_][\w.\[\] ]{0,40})`|\"([A-Za-z_]\w{0,40})\"")
_END = re.compile(r"\.(?:\s|$)|\n\s*\n|</|\.\"")
_WITH = re.compile(r"\bwith\s+([^.\n]+)", re.IGNORECASE)
# The parts of a request, between quotes or between tags.
_QUOTED = re.compile(r'\b(title|description|instructions):\s*"""(.*?)"""'
                     r"|<(title|description|instructions)>(.*?)</\3>", re.DOTALL | re.IGNORECASE)
_CLASSES = re.compile(
    r"\b(?:labels?|class(?:es)?|classify|classified|ground truth)\b[^.\n]*?"
    r"(?::|\bas\b|\bare\b|\bis\b|\binto\b|\()\s*([^.\n;)]+)", re.IGNORECASE)
_WHETHER = re.compile(r"\b(\w+)\s+(?:or|/|vs\.?|and)\s+(\w+)\b", re.IGNORECASE)
_KNOWN_PAIRS = ({"spam", "ham"}, {"positive", "negative"}, {"true", "fake"}, {"real", "fake"})
_MOST_FIELDS = 40


def draft_schema(text: str, *, dataset_mode: bool = False) -> dict[str, Any]:
    """A JSON Schema (an object without further fields) for what ``text`` describes.

    ``dataset_mode``: one of its fields is ``label`` with the classes the text names.
    """
    tagged = {(one or two).lower(): (said or told).strip()
              for one, said, two, told in _QUOTED.findall(text)}
    told = "\n".join(tagged.values()) if tagged else text
    known = _domain(tagged, told)
    named = named_fields(told)
    if not named and known is ANYTHING:
        named = _mentioned(told)
    usable = len(named) > 1 or (named and set(named) != {"label"})
    fields = {name: _settled(name, field, known) for name, field in named.items()}
    if not usable:
        fields = copy.deepcopy(known) | fields
    if dataset_mode:
        label = fields.pop("label", {})
        fields["label"] = label if "enum" in label else {"type": "string", "enum": classes(told)}
    title = tagged.get("title")
    return ({"title": title} if title else {}) | of_fields(fields)


def _domain(tagged: dict[str, str], told: str) -> dict[str, Field]:
    """The fields of the kind of record the text is about."""
    first = f"{tagged.get('title', '')} {tagged.get('description', '')}".lower()
    heard, early = _words(told), _words(first)
    scores = {name: sum(heard.count(word) + 3 * early.count(word) for word in domain.words)
              for name, domain in DOMAINS.items()}
    best = max(scores, key=lambda name: scores[name])
    return DOMAINS[best].fields if scores[best] else ANYTHING


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z][a-z-]*", text.lower())


def named_fields(text: str) -> dict[str, Field]:
    """The fields a text names: after "fields:", in lines with a dash, or in backticks."""
    clauses = [line for line in _LINE.findall(text) if len(line) < 300]
    said = _FIELDS.search(text)
    if said is not None and not clauses:
        rest = text[said.end():]
        end = _END.search(rest)
        listed = rest[:end.start()] if end else rest
        clauses = parts_of(listed, on=";") if ";" in listed else parts_of(listed)
    found: dict[str, Field] = {}
    for clause in clauses:
        read = read_field(clause)
        if read is not None:
            found.setdefault(*read)
    if not found:
        for marks in _MARKED.findall(text):
            name = re.sub(r"\W+", "_", marks[0] or marks[1]).strip("_")
            found.setdefault(name, described(name, ""))
    return dict(list(found.items())[:_MOST_FIELDS])


def _mentioned(text: str) -> dict[str, Field]:
    """"readings with temperature and humidity": two names at least, else none."""
    said = _WITH.search(text)
    read = [read_field(part) for part in parts_of(said[1])] if said else []
    found = dict(field for field in read if field is not None)
    return found if len(found) > 1 else {}


def _settled(name: str, field: Field, known: dict[str, Field]) -> Field:
    """A field of which only the name was said is what such records usually hold."""
    return copy.deepcopy(known[name]) if name in known and field == by_name(name) else field


def classes(text: str) -> list[str]:
    """The classes of a label that a text names."""
    for found in _CLASSES.findall(text):
        options = [option.strip("`\"' ").lower() for option in parts_of(found)]
        if len(options) > 1 and all(0 < len(option.split()) <= 3 for option in options):
            return list(dict.fromkeys(options))
    for one, two in _WHETHER.findall(text):
        if {one.lower(), two.lower()} in _KNOWN_PAIRS:
            return [one.lower(), two.lower()]
    heard = _words(text)
    if "spam" in heard:
        return ["spam", "ham"]
    return ["positive", "neutral", "negative"] if "sentiment" in heard else ["positive", "negative"]
