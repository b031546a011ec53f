"""How a very small model is asked: short, by example, and never more than one thing.

It drafts no JSON: it names fields, in a line that continues examples, and code turns the
names into a draft. Fields that the person listed are taken as listed. A record's prompt is
cut down to what 135 M parameters can follow; its form comes from the grammar.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from datagen.domain.chat import Message
from datagen.domain.prompts import DATASET_SCHEMA_SYSTEM_PROMPT, SCHEMA_SYSTEM_PROMPT
from datagen.model import fieldlist
from datagen.model.fieldlist import Field

ENOUGH_LISTED = 3  # fields a person listed; from here on the model adds none
FEWEST = 4  # fields of a draft that the model names
MOST = 8
TRIES = 3  # times it is asked for names
_CUT = 400  # characters of a description, and of instructions, that it gets to read

_EXAMPLES = """\
Fields of each table:

Table: Books. Books of a public library
Fields: title, author name, publisher, publication date, number of pages, language, available

Table: Bookings. Hotel bookings of a small hotel by the sea
Fields: guest name, guest email, room number, check in date, number of nights, total price

Table: Accidents. Accidents at work in a factory
Fields: accident date, employee name, department, injury type, severity, days absent, report text

"""
NAMES_GRAMMAR = r"""%llguidance {}
start: " " NAME ("," " " NAME){4,8} "\n"
NAME: /[a-z]{2,14}( [a-z]{2,14}){0,2}/
"""
_CLASS_EXAMPLES = """\
Classes of each dataset:

Dataset: Film reviews and whether the writer liked the film
Classes: positive, negative

Dataset: Photos of pets
Classes: cat, dog, bird

Dataset: Mails to a shop by what they are about
Classes: order, delivery, complaint

"""
CLASSES_GRAMMAR = r"""%llguidance {}
start: " " WORD ("," " " WORD){1,4} "\n"
WORD: /[a-z]{3,14}/
"""
_TORN = re.compile(r"\b(?:a|an|and|at|by|for|from|in|of|on|or|per|the|to|with)\s*$")
Continue = Callable[[str, str, int], str]  # prompt, grammar, seed -> the line it continues with


def is_draft(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> bool:
    """Whether a request is the product's own request for a draft."""
    return schema is None and bool(messages) and messages[0].content in {
        SCHEMA_SYSTEM_PROMPT, DATASET_SCHEMA_SYSTEM_PROMPT}


def draft(messages: Sequence[Message], ask: Continue) -> str:
    """The draft as a JSON list of fields, in the form the product's prompt asks for."""
    title, description = _quoted(messages, "Title"), _quoted(messages, "Description")
    wish = f"{description}\n{_quoted(messages, 'Instructions')}"
    seed = seed_of(messages)
    fields = fieldlist.listed(wish)
    if len(fields) < ENOUGH_LISTED:
        about = f"Table: {title}. {' '.join(wish.split())[:_CUT]}\nFields:"
        known = fieldlist.distinct([*fields, *fieldlist.mentioned(wish)])
        fields = _named(known, _EXAMPLES + about, ask, seed)
    if messages[0].content == DATASET_SCHEMA_SYSTEM_PROMPT:
        fields = _labelled(fields, f"{title}. {wish}", ask, seed)
    return json.dumps({"fields": fields}, ensure_ascii=False)


def _named(known: list[Field], prompt: str, ask: Continue, seed: int) -> list[Field]:
    """The fields, and those the model names besides until there are enough."""
    fields = known
    for attempt in range(TRIES):
        names = ask(prompt, NAMES_GRAMMAR, seed + attempt).split(",")
        whole = [name for name in names if not _TORN.search(name)]
        fields = fieldlist.distinct([*fields, *(fieldlist.field_of(n) for n in whole)])
        if len(fields) >= FEWEST:
            break
    return fields[:max(MOST, len(known))]


def _labelled(fields: list[Field], about: str, ask: Continue, seed: int) -> list[Field]:
    """The fields with a label that has classes: as told, else as the model names them."""
    told = next((f for f in fields if f["name"] == "label" and "enum" in f), None)
    if told:
        return fields
    words: Iterable[str] = fieldlist.classes(about) or (
        word.strip() for word in
        ask(f"{_CLASS_EXAMPLES}Dataset: {' '.join(about.split())[:_CUT]}\nClasses:",
            CLASSES_GRAMMAR, seed).split(","))
    label = {"name": "label", "type": "string", "enum": list(dict.fromkeys(words))}
    return [*(f for f in fields if f["name"] != "label"), label]


def record_prompt(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """A short chat for one record; the messages as they are where they are not the product's.

    What differs from record to record comes last, so that the beginning stays cached.
    """
    description = _quoted(messages, "Description")
    if not description:
        return [{"role": m.role, "content": m.content} for m in messages]
    instructions = " ".join(_quoted(messages, "Instructions").split())[:_CUT]
    names = ", ".join(str(name).replace("_", " ") for name in schema.get("properties", {}))
    variation = re.search(
        r"^This one: (.{1,200}?)\.?$", messages[-1].content, re.MULTILINE)
    return [{"role": "system", "content": "You write realistic example data."},
            {"role": "user", "content":
             f"Write one example: {' '.join(description.split())[:_CUT]}\n{instructions}\n"
             f"Give: {names[:_CUT]}.\nWrite {variation.group(1) if variation else 'it'} as JSON."}]


def _quoted(messages: Sequence[Message], name: str) -> str:
    """What the product's last prompt quotes under a name; "" when it does not."""
    text = next((m.content for m in reversed(messages) if m.role == "user"), "")
    found = re.search(rf'^{name}: """(.*?)"""$', text, re.DOTALL | re.MULTILINE | re.IGNORECASE)
    return found.group(1).strip() if found else ""


def seed_of(messages: Sequence[Message]) -> int:
    """A seed that follows from the whole prompt: other prompts, other answers."""
    text = "\x00".join(f"{m.role}\x01{m.content}" for m in messages)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:4], "big") >> 1
