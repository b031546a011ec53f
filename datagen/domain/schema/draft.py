"""From a model's reply to a schema that can be used, whatever form the reply has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import json_repair

from datagen.domain import replies
from datagen.domain.errors import InputError, ReplyUnusable
from datagen.domain.schema import fields, paths, tree
from datagen.domain.schema.check import DIALECT, problems, sanitise, too_big, unfit
from datagen.domain.schema.closed import closed
from datagen.domain.schema.explain import shown
from datagen.domain.schema.label import see_to_label
from datagen.domain.schema.mend import Mender
from datagen.domain.schema.types import of_word
from datagen.domain.schema.usable import usable
from datagen.domain.schema.vocabulary import is_schema

_WRAPPERS = ("schema", "json_schema", "jsonSchema", "result", "data", "output", "response",
             "record", "answer", "record_schema")
_LISTS = ("fields", "columns", "properties", "attributes", "schema", "items")
_WHOLE = ("$ref", "allOf", "anyOf", "oneOf")  # a root may be made of these alone
_CODE = re.compile(r"\b(?:interface|struct|class|type|record)\s+\w+\s*=?\s*\{")
_QUOTES = str.maketrans("“”„‟", '""""')
_MAX_NODES = 3_000  # objects and lists in one draft; 200 fields need far fewer


@dataclass(frozen=True, kw_only=True)
class DraftSchema:
    """A schema that can be used, and what was changed to get it."""

    schema: Mapping[str, Any]
    changes: tuple[str, ...] = ()  # sentences for the person who asked


def read_draft(
    text: str, *, dataset_mode: bool, classes: tuple[str, ...] = ()
) -> DraftSchema:
    """The schema a reply means. Raises ReplyUnusable.

    In dataset mode it has a required ``label``; ``classes`` are those the user named,
    for a reply that names none.
    """
    for value in _candidates(text):
        found = _read(value, classes) if dataset_mode else _read(value, None)
        if found is not None:
            return found
    raise ReplyUnusable("The model's answer holds no usable schema.")


def _candidates(text: str) -> Iterator[Any]:
    """What the reply could mean: JSON as a whole, in parts, torn; at last its lines."""
    if len(text) > replies.MAX_REPLY:
        return
    text = replies.without_thoughts(text).strip()
    parts = sorted(replies.pieces(text, "{["), key=len, reverse=True)
    if _CODE.search(text):  # its braces are no JSON
        yield [*_entries_as_items(fields.of_text(text))]
    for at, part in enumerate([text, *parts[:5]]):
        value = _parsed(replies.strictly, part)
        if value is None and not part.isascii():
            part = part.translate(_QUOTES)
        yield _parsed(replies.repaired, part) if value is None and at else value
    yield [*_entries_as_items(fields.of_text(text))]
    start = min((at for o in "{[" if (at := text.find(o)) >= 0), default=-1)
    if start >= 0 and len(text) <= replies.MAX_REPAIR:
        # Cut off: unlike a record, a draft is looked through by a person before it counts.
        yield _parsed(lambda torn: json_repair.loads(torn, skip_json_loads=True), text[start:])


def _entries_as_items(entries: list[fields.Entry]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        yield {entry.name: {k: v for k, v in entry.said.items() if k != "untyped"}
               or {"type": "string"}}


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except (ValueError, RecursionError, TypeError, IndexError, AttributeError):
        return None


def _read(value: Any, classes: tuple[str, ...] | None) -> DraftSchema | None:
    """The schema of one candidate; ``classes`` is None outside dataset mode."""
    if not isinstance(value, dict | list) or not value or unfit({"": value}):
        return None
    if _count(value) > _MAX_NODES:
        return None
    mender = Mender()
    named = _named_classes(value)
    try:
        schema = _object_of(_unwrapped(value), mender)
        if schema is None:
            return None
        schema = closed(schema, mender)
        if not schema.get("properties") or too_big(schema):
            return None
        if classes is not None:
            see_to_label(schema, named or classes, mender)
        schema = sanitise(usable(schema, mender))
    except (InputError, RecursionError):
        return None
    if problems(schema):
        return None
    return DraftSchema(schema=schema, changes=tuple(mender.notes))


def _count(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value
    return 1 + sum(_count(child) for child in inside if isinstance(child, dict | list))


def _unwrapped(value: Any) -> Any:
    """The fields or the schema inside ``{"schema": …}``, ``{"fields": [..]}`` and the like."""
    for _ in range(4):
        if not isinstance(value, dict):
            break
        if not isinstance(value.get("properties"), dict):
            key = next((k for k in _LISTS if _is_field_list(value.get(k))), None)
            if key is not None or value.get("fields") == []:
                return value[key or "fields"]
        key = next((k for k in _WRAPPERS if isinstance(value.get(k), dict)
                    and "properties" not in value and (len(value) == 1 or "schema" in k)), None)
        if key is None:
            break
        value = value[key]
    return value


def _is_field_list(value: Any) -> bool:
    return isinstance(value, list) and bool(fields.of_list(value))


def _named_classes(value: Any) -> tuple[str, ...]:
    """The classes a reply lists beside its fields."""
    lists = [value.get(k) for k in ("classes", "labels", "label_values")] if isinstance(
        value, dict) and ("fields" in value or "properties" in value or "schema" in value) else []
    return next((tuple(found) for found in lists if isinstance(found, list) and found
                 and all(isinstance(name, str) for name in found)), ())


def _object_of(value: Any, mender: Mender) -> dict[str, Any] | None:
    if not value:
        return None
    if isinstance(value, list):
        entries = fields.of_list(value)
        if entries:
            return _of_entries(entries, mender)
        value = value[0]  # records, shown as examples
    if not isinstance(value, dict):
        return None
    if is_schema(value):
        if value.get("type") == "array" and isinstance(value.get("items"), dict):
            mender.note("", "the schema was of a list; its items are the records")
            value = value["items"]
        if isinstance(value.get("properties"), dict | list) or any(key in value for key in _WHOLE):
            _note_dialect(value, mender)
            return mender.schema({"type": "object", **value}, "")
    entries = [fields.Entry(fields.tidy(str(name)), _phrased(said))
               for name, said in value.items() if fields.tidy(str(name))]
    return _of_entries(entries, mender, named=False)


def _note_dialect(value: Mapping[str, Any], mender: Mender) -> None:
    named = value.get("$schema", DIALECT)
    if named != DIALECT:
        mender.note("", f"$schema was {shown(named)}; the schema is of draft 2020-12 now")


def _phrased(said: Any) -> Any:
    """``"integer, 1 to 10 - how many"`` as a schema, where it is one."""
    return (fields.of_phrase(said) or said) if isinstance(said, str) else said


def _of_entries(
    entries: list[fields.Entry], mender: Mender, *, named: bool = True
) -> dict[str, Any]:
    """``named``: they came as a list of named fields, so that what is said is a schema."""
    root = tree.new_object()
    typed = any(isinstance(e.said, dict) or (isinstance(e.said, str) and of_word(e.said))
                for e in entries)
    seen: set[str] = set()
    for name, said in sorted(entries, key=lambda e: len(paths.parse(e.name)) > 1):
        if name not in seen:  # small models repeat themselves
            seen.add(name)
            node = mender.node(said, name, typed=typed, sure=named)
            _place(root, name, node, said, mender)
    order = list(dict.fromkeys(paths.parse(name)[0] for name, _ in entries))
    root["properties"] = {n: root["properties"][n] for n in order if n in root["properties"]}
    root["required"] = [n for n in root["properties"] if n in root["required"]]
    return root


def _place(root: dict[str, Any], name: str, node: Any, said: Any, mender: Mender) -> None:
    steps = paths.parse(name)
    for at in range(1, len(steps)):  # what was said to be plain, but has fields, is an object
        _make_way(root, steps[:at], steps[at])
    try:
        holder = tree.parent(root, steps)
    except tree.InTheWayError:
        mender.note(name, "does not fit what was said of the field around it; left out")
        return
    if steps[-1] == paths.LIST:
        holder["items"] = node
        return
    holder["properties"][steps[-1]] = node
    if not (isinstance(said, dict) and _is_optional(said)):
        tree.require(holder, steps[-1])


def _is_optional(said: Mapping[str, Any]) -> bool:
    return said.get("required") is False or said.get("optional") is True


def _make_way(root: dict[str, Any], steps: paths.Steps, following: str) -> None:
    try:
        holder = tree.parent(root, steps)
    except tree.InTheWayError:
        return
    last = steps[-1]
    where, key = (holder, "items") if last == paths.LIST else (holder["properties"], last)
    kind, known = "array" if following == paths.LIST else "object", where.get(key)
    if isinstance(known, dict) and known.get("type") != kind:
        made = {"type": "array"} if kind == "array" else tree.new_object()
        where[key] = {**made, **({"description": known["description"]}
                                 if "description" in known else {})}


def own_draft(schema: Mapping[str, Any], classes: tuple[str, ...] | None) -> DraftSchema:
    """A schema of the user's own as a draft; in dataset mode (``classes``) with its label.

    Nothing else is changed: what is wrong with it is the user's to mend.
    """
    mender, clean = Mender(), sanitise(schema)
    if classes is not None and isinstance(clean.get("properties"), dict) and not problems(clean):
        see_to_label(clean, classes, mender)
    return DraftSchema(schema=clean, changes=tuple(mender.notes))
