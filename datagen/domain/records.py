"""From a model's reply to one validated record, or to the reason why there is none.

Nothing is made up: a reply that does not hold a whole record is rejected, whatever
could be guessed from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from datagen.domain import replies
from datagen.domain.chat import ChatReply
from datagen.domain.schema.explain import instance_path, sentence

MAX_RAW = 8 * 1024  # bytes of a rejected reply that are kept for its owner
MAX_ERRORS = 20  # looked for in one record; a hostile one may have millions
MAX_REASONS = 3  # faults named in one reason
_WRAPPERS = ("record", "data", "result", "output", "response", "item", "answer")


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A record that fits the schema, its keys in the schema's order."""

    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """Why a reply is no record."""

    reason: str  # a sentence with the field's path
    raw: str  # the reply, at most MAX_RAW bytes; hostile text


class RecordReader:
    """Reads replies for one schema; compiled once, pure, safe to share between threads."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = dict(schema)
        self._validator = Draft202012Validator(
            self._schema, format_checker=Draft202012Validator.FORMAT_CHECKER
        )

    def read(self, reply: ChatReply) -> Accepted | Rejected:
        """The first whole object in the reply that fits, or the reason why none does."""
        reason = "The model's answer is empty."
        if reply.text.strip():
            reason = ""
            for value in self._objects(reply):
                found = self._fault(value)
                if not found:
                    return Accepted(data=ordered(value, self._schema))
                reason = reason or found
        return rejected(reason or _no_object(reply), reply)

    def _objects(self, reply: ChatReply) -> Iterator[dict[str, Any]]:
        """Every object the reply could mean, the most literal reading first."""
        if len(reply.text) > replies.MAX_REPLY:
            return
        text = replies.without_thoughts(reply.text).strip()
        try:
            yield from self._records(replies.strictly(text))
        except ValueError:
            parts = replies.pieces(text)
            for part in parts:
                yield from self._records(_parsed(part, repair=reply.finish_reason != "length"))
            if not parts and reply.finish_reason == "stop":
                yield from self._records(_parsed(_one_brace_short(text), repair=False))

    def _records(self, value: Any) -> Iterator[dict[str, Any]]:
        """The object itself, or the one it is wrapped in."""
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            return
        fields = self._schema.get("properties")
        key = next(iter(value)) if len(value) == 1 else None
        if key in _WRAPPERS and not (isinstance(fields, Mapping) and key in fields):
            yield from self._records(value[key])
        else:
            yield value

    def _fault(self, value: dict[str, Any]) -> str:
        """What is wrong with an object, in one sentence; "" when it fits."""
        if self._is_schema(value):
            return "The model repeated the schema instead of writing a record."
        try:
            json.dumps(value, ensure_ascii=False).encode()
            errors = list(islice(self._validator.iter_errors(value), MAX_ERRORS))
        except UnicodeEncodeError:
            return "The model's answer holds characters that are not valid text."
        except RecursionError:
            return "The model's answer is nested too deeply."
        except Exception as exc:  # noqa: BLE001 - a checker that breaks on hostile text costs this record alone
            return f"The model's answer can't be checked ({type(exc).__name__})."
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


def _parsed(text: str, *, repair: bool) -> Any:
    try:
        return replies.strictly(text)
    except ValueError:
        pass
    if not repair:
        return None
    try:
        return replies.repaired(text)
    except ValueError:
        return None


def _one_brace_short(text: str) -> str:
    """The object whose last brace the model left out, where its last value is whole."""
    start = text.find("{")
    whole = start >= 0 and text[-1] in '"}]' and (
        replies.closing(text + "}", start) == len(text) + 1)
    return text[start:] + "}" if whole else ""


def _no_object(reply: ChatReply) -> str:
    if len(reply.text) > replies.MAX_REPLY:
        return "The model's answer is far too long for one record."
    start = reply.text.find("{")
    if reply.finish_reason == "length":
        return "The model's answer was cut off at its token limit. Ask for shorter records."
    if start >= 0 and replies.closing(reply.text, start) is None:
        return "The model's answer stops in the middle of the record."
    if start >= 0:
        return "The model's answer is damaged and can't be read as JSON."
    return "The model's answer holds no JSON object."


def _named(error: ValidationError) -> str:
    path = instance_path(error.absolute_path)
    return f"{path}: {sentence(error)}" if path else sentence(error)


def _bounded(text: str) -> str:
    return text[:MAX_RAW].encode(errors="replace")[:MAX_RAW].decode(errors="ignore")
