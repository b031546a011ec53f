"""From a model's reply to one validated record, or to the reason why there is none.

Nothing is made up: a reply that does not hold a whole record is rejected, whatever
could be guessed from it; so is one that holds two different records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from jsonschema.exceptions import ValidationError

from datagen.domain import replies
from datagen.domain.chat import ChatReply
from datagen.domain.coercion import Coerced, Coercion, folded
from datagen.domain.schema.explain import instance_path, sentence
from datagen.domain.validity import Validity

MAX_RAW = 8 * 1024  # bytes of a rejected reply that are kept for its owner
MAX_ERRORS = 20  # looked for in one record; a hostile one may have millions
MAX_REASONS = 3  # faults named in one reason
_WRAPPERS = frozenset({"record", "data", "result", "output", "response", "item", "answer",
                       "json", "object", "final"})


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A record that fits the schema, its keys in the schema's order."""

    data: dict[str, Any]
    coerced: tuple[str, ...] = ()  # fields (items[].price) of converted values, once per value


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """Why a reply is no record."""

    reason: str  # a sentence with the field's path
    raw: str  # the reply, at most MAX_RAW bytes; hostile text


class RecordReader:
    """Reads replies for one schema; compiled once, pure, safe to share between threads."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = dict(schema)
        self._validity = Validity(self._schema)
        self._coercion = Coercion(self._schema, self._validity.fits)

    def read(self, reply: ChatReply) -> Accepted | Rejected:
        """The one record in the reply that fits, or the reason why there is none."""
        if not reply.text.strip():
            return rejected("The model's answer is empty.", reply)
        if len(reply.text) > replies.MAX_REPLY:
            return rejected("The model's answer is far too long for one record.", reply)
        cut = reply.finish_reason == "length"
        found = replies.find(reply.text, repair=not cut)
        if found.damaged:
            closed = self._unclosed(found) if reply.finish_reason == "stop" else None
            return closed or rejected(_damage(found, reply), reply)
        return self._chosen(found, reply)

    def _chosen(self, found: replies.Found, reply: ChatReply) -> Accepted | Rejected:
        """The record, where one value of the reply fits; a fenced one goes before others."""
        if len(found.values) == 1:
            verdict = self._verdict(found.values[0])
            if isinstance(verdict, Accepted):
                return verdict
            return rejected(verdict or _no_object(found, reply), reply)
        fits: dict[str, Accepted] = {}
        fenced: dict[str, Accepted] = {}
        reason = ""
        for value, in_fence in zip(found.values, found.fenced, strict=True):
            verdict = self._verdict(value)
            if isinstance(verdict, Accepted):
                key = json.dumps(verdict.data, sort_keys=True)
                fits.setdefault(key, verdict)
                if in_fence:
                    fenced.setdefault(key, verdict)
            else:
                reason = reason or verdict
        for group in (fenced, fits):
            if len(group) == 1:
                return next(iter(group.values()))
        if fits:
            return rejected("The model's answer holds several different records; which one "
                            "was meant can't be told.", reply)
        return rejected(reason or _no_object(found, reply), reply)

    def _unclosed(self, found: replies.Found) -> Accepted | None:
        """The record whose last brace the model left out, where nothing else can be missing."""
        if found.values or found.torn[-1:] not in {'"', "}", "]"}:
            return None
        try:
            value = replies.exactly(found.torn + "}")
        except ValueError:
            return None
        fields = self._schema.get("properties")
        closed = (self._schema.get("additionalProperties") is False
                  and "patternProperties" not in self._schema)
        if not closed or not isinstance(fields, Mapping) or set(fields) - set(value):
            return None
        verdict = self._verdict(value)
        return verdict if isinstance(verdict, Accepted) else None

    def _verdict(self, value: Any) -> Accepted | str:
        """The record a value is or wraps, the most literal reading first; else why not."""
        reason = ""
        for record in self._records(value):
            try:
                coerced = self._coercion.apply(record)
                fault = self._fault(record, coerced)
            except RecursionError:
                fault = "The model's answer is nested too deeply."
            except Exception as exc:  # noqa: BLE001 - a checker that breaks on hostile text costs this record alone
                fault = f"The model's answer can't be checked ({type(exc).__name__})."
            else:
                if not fault:
                    return Accepted(data=ordered(coerced.value, self._schema),
                                    coerced=coerced.fields)
            reason = reason or fault
        return reason

    def _records(self, value: Any, wraps: int = 0) -> Iterator[dict[str, Any]]:
        """The object a value is, then the one that is wrapped in it."""
        if wraps > replies.MAX_WRAPS:
            return
        inside: tuple[Any, ...] = ()
        if isinstance(value, dict):
            key = next(iter(value)) if len(value) == 1 else None
            wrapped = key is not None and folded(key) not in self._coercion.names
            if key is None or not wrapped or key.lower() not in _WRAPPERS:
                yield value
            inside = tuple(value.values()) if wrapped else ()
        elif isinstance(value, list):
            text = _text_of_parts(value)
            alone = len(value) == 1 and not (text and "text" not in self._coercion.names)
            inside = (*(value if alone else ()), text)
        elif isinstance(value, str) and wraps:
            inside = replies.find(value, repair=False).values
        for inner in inside:
            yield from self._records(inner, wraps + 1)

    def _fault(self, value: dict[str, Any], coerced: Coerced) -> str:
        """What is wrong with an object, in one sentence; "" when it fits."""
        if self._is_schema(value):
            return "The model repeated the schema instead of writing a record."
        if not _is_text(value):
            return "The model's answer holds characters that are not valid text."
        errors = list(islice(self._validity.errors(coerced.value), MAX_ERRORS))
        return "; ".join(list(dict.fromkeys(map(_named, errors)))[:MAX_REASONS])

    def _is_schema(self, value: dict[str, Any]) -> bool:
        fields = self._schema.get("properties")
        own = fields if isinstance(fields, Mapping) else {}
        return "$schema" in value or (
            isinstance(value.get("properties"), dict)
            and "properties" not in own
            and ("type" not in own or value.get("type") == "object")
        )


def rejected(reason: str, reply: ChatReply) -> Rejected:
    """The verdict on a reply, with as much of it as is kept."""
    return Rejected(reason=reason, raw=_bounded(reply.text))


def ordered(value: Any, schema: Any) -> Any:
    """``value`` with its keys in the order of the schema's properties; others follow."""
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, list):
        return [ordered(item, schema.get("items")) for item in value]
    if not isinstance(value, dict):
        return value
    fields = schema.get("properties")
    fields = fields if isinstance(fields, Mapping) else {}
    names = [name for name in fields if name in value]
    names += [name for name in value if name not in fields]
    return {name: ordered(value[name], fields.get(name)) for name in names}


def _is_text(value: Any) -> bool:
    """Whether all characters are whole: half a surrogate pair is no text that a file can hold."""
    try:
        orjson.dumps(value)
    except TypeError:  # it can't write numbers of any size either
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return False
    return True


def _text_of_parts(value: list[Any]) -> str:
    """The text of content that is a list of parts; "" for any other list."""
    texts = [part.get("text") for part in value
             if isinstance(part, dict) and part.get("type") in {"text", "output_text"}]
    if not texts or len(texts) < len(value):
        return ""
    return "".join(text for text in texts if isinstance(text, str))


def _damage(found: replies.Found, reply: ChatReply) -> str:
    if reply.finish_reason == "length":
        return "The model's answer was cut off at its token limit. Ask for shorter records."
    if found.torn:
        return "The model's answer stops in the middle of the record."
    return "The model's answer is damaged and can't be read as JSON."


def _no_object(found: replies.Found, reply: ChatReply) -> str:
    if reply.finish_reason == "length":
        return _damage(found, reply)
    if any(isinstance(value, list) and len(value) > 1 and isinstance(value[0], dict)
           for value in found.values):
        return "The model's answer holds a list of objects instead of one record."
    return "The model's answer holds no JSON object."


def _named(error: ValidationError) -> str:
    path = instance_path(error.absolute_path)
    return f"{path}: {sentence(error)}" if path else sentence(error)


def _bounded(text: str) -> str:
    return text[:MAX_RAW].encode(errors="replace")[:MAX_RAW].decode(errors="ignore")
