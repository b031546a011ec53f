"""What comes back from a chat model: a reply, or one of the model errors.

Reads every known form: wrapped in ``result``, the same at top level, OpenAI's, and
errors that arrive with HTTP 200. The bytes are hostile: whatever they are, nothing but
a ModelError leaves this module, and no message holds a secret. Pure functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import orjson

from datagen.adapters.chat_secrets import MOST_READ, clean, holds_key
from datagen.domain.chat import ChatReply
from datagen.domain.errors import (
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ModelUnknown,
    ModelUnreachable,
    ReplyUnusable,
)

_MAX_WAIT = 3600.0  # seconds; a server that asks for more is treated as asking for this
_MOST_TOKENS = 1_000_000  # of one call that a server is believed to have counted
_ABOUT_FORMAT = re.compile(
    r"(?i)response[_ ]?format|json[_ ]schema|json[_ ](?:object|mode)|structured[_ ]output"
    r"|guided[_ ]json|grammar|\bschema\b"
)
_ABOUT_THIS_SCHEMA = re.compile(r"(?i)grammar|invalid schema|schema (?:error|conversion|at )|\$ref")
_ABOUT_MODEL = re.compile(
    r"(?i)\bmodel_not_found\b|\b(?:unknown|invalid|no such) model\b"
    r"|\bmodel\b[^;]{0,120}?\b(?:not found|does(?: not|n.t) exist|is not a valid|is unknown)\b"
)
_STATUS_OF_WORD = {
    "unauthorized": 401, "forbidden": 403, "authentication_error": 401, "invalid_api_key": 401,
    "insufficient_quota": 402, "rate_limited": 429, "rate_limit_exceeded": 429,
    "overloaded": 503, "overloaded_error": 503, "timeout": 504, "error": 500, "failed": 500,
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    body: bytes
    place: str  # host and port, for messages
    secrets: tuple[str, ...] = ()  # never to be repeated to anybody
    retry_after: str | None = None  # the header, as sent
    now: datetime  # for a Retry-After that is a date

    @cached_property
    def data(self) -> Any:
        """The body as JSON; None when it is none."""
        return parse(self.body)


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """An error as a server words it; ``text`` is raw and for deciding only."""

    status: int  # HTTP status, or the one its words stand for
    text: str
    about_format: bool  # it names the form that was asked for
    about_schema: bool  # ... and it is this schema it can't do, not the form as such


def parse(body: bytes) -> Any:
    """The body as JSON; None when it is none."""
    try:
        return orjson.loads(body)
    except ValueError:  # it is stricter about marks, halves of characters and numbers
        return _leniently(body)


def _leniently(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def complaint(answer: Answer) -> Complaint | None:
    """The error an answer tells of, by HTTP status or in words; None = none."""
    data = answer.data
    status, texts = 0, list[str]()
    for holder in _holders(data):
        word = holder.get("status")
        if isinstance(word, str):
            status = status or _STATUS_OF_WORD.get(word.strip().lower(), 0)
        for name in ("error", "detail"):
            found = holder.get(name)
            if found:
                texts.append(words(found))
                status = status or _status_in(found) or (500 if name == "error" else 0)
        if status and not texts and isinstance(holder.get("message"), str):
            texts.append(holder["message"])
    if not 200 <= answer.status < 300:
        known = _status_in(data["error"]) if isinstance(data, dict) and data.get("error") else 0
        # Some servers answer 429 for a spent budget: waiting does not help there.
        status = 402 if known == 402 else answer.status
        if not texts and data is None:
            texts.append(_plain(answer.body))
    if not status:
        return None
    text = "; ".join(t for t in texts if t)[: MOST_READ + 1]
    about_format = (status in {400, 422} or status >= 500) and bool(_ABOUT_FORMAT.search(text))
    return Complaint(
        status=status, text=text, about_format=about_format,
        about_schema=about_format and bool(_ABOUT_THIS_SCHEMA.search(text)),
    )


def error_of(answer: Answer, found: Complaint) -> ModelError:
    """The typed error for a complaint, its message fit for people."""
    words = clean(found.text, answer.secrets)
    tail = f": {words}" if words else "."
    who, status = f"The model server at {answer.place}", found.status
    if status in {401, 402, 403, 407}:
        return ModelRefused(f"{who} refused the key or the permission ({status}){tail}")
    if status in {408, 504}:
        return ModelUnreachable(f"{who} gave up before the answer was ready ({status}){tail}")
    if status in {429, 503, 529}:
        return ModelOverloaded(
            f"{who} is overloaded ({status}){tail}",
            retry_after=wait_of(answer.retry_after, answer.now),
        )
    if 300 <= status < 400:
        return ModelRejected(f"{who} answers from another address ({status}). "
                             "Configure that address; redirects are not followed.")
    if status in {400, 404, 422, 500} and _ABOUT_MODEL.search(found.text):
        return ModelUnknown(f"{who} does not know this model ({status}).")
    if status == 404:
        return ModelRejected(f"{who} does not know this path or model (404){tail}")
    if 400 <= status < 500:
        return ModelRejected(f"{who} did not accept the request ({status}){tail}")
    return ModelFailed(f"{who} failed ({status}){tail}")


def read_reply(answer: Answer) -> ChatReply:
    """The reply in an answer. Raises the ModelError it tells of, or ReplyUnusable."""
    found = complaint(answer)
    if found is not None:
        raise error_of(answer, found)
    data = answer.data
    holders = list(_holders(data))
    outputs = [*holders, *(o for h in holders for o in _list(h.get("FULL_OUTPUT")))]
    choices = [c for o in outputs if isinstance(o, dict) for c in _list(o.get("choices"))[:1]]
    texts = [_content(c) for c in choices]
    texts += [t for h in holders for t in _list(h.get("TEXT_RESPONSE")) if isinstance(t, str)]
    finish = _first(c.get("finish_reason") for c in choices if isinstance(c, dict))
    text = next((t for t in texts if t.strip()), None)
    if text is None:
        raise ReplyUnusable(_why_empty(answer, data, finish), cut=finish == "length")
    if holds_key(text, answer.secrets):
        raise ReplyUnusable(f"The model server at {answer.place} repeated the key that it was "
                            "called with, and no record may hold that.")
    usages = [o["usage"] for o in outputs
              if isinstance(o, dict) and isinstance(o.get("usage"), dict)]
    return ChatReply(
        text=text,
        finish_reason=finish,
        prompt_tokens=_count(usages, "prompt_tokens"),
        completion_tokens=_count(usages, "completion_tokens"),
        model=_model(outputs, answer.secrets),
    )


def _model(outputs: list[Any], secrets: tuple[str, ...]) -> str | None:
    name = _first(o.get(n) for o in outputs if isinstance(o, dict)
                  for n in ("model", "MODEL_NAME"))
    return name and clean(name, secrets)


def wait_of(header: str | None, now: datetime) -> float | None:
    """Seconds from a ``Retry-After`` header (a number or a date), 0 to 3600; None = not said."""
    text = (header or "").strip()
    try:
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
            return min(float(text), _MAX_WAIT)
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
        return None
    return min(max(seconds, 0.0), _MAX_WAIT)


def _holders(data: Any) -> Iterator[Mapping[str, Any]]:
    """The objects that may hold an answer: ``result`` when wrapped, and the top level."""
    if isinstance(data, dict):
        if isinstance(data.get("result"), dict):
            yield data["result"]
        yield data


def _list(value: Any) -> list[Any]:
    """``value`` as a list; a single one stands for itself, nothing for no items."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _first(values: Iterator[Any]) -> str | None:
    return next((v[:200] for v in values if isinstance(v, str) and v), None)


def _content(choice: Any) -> str:
    """The text of one choice: a string, or a list of parts with ``text``."""
    if not isinstance(choice, dict):
        return ""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else choice.get("text")
    parts = (p.get("text") if isinstance(p, dict) else p for p in _list(content))
    return "".join(p for p in parts if isinstance(p, str))


def _count(usages: list[dict[str, Any]], name: str) -> int | None:
    for usage in usages:
        value = usage.get(name)
        if type(value) is int and 0 <= value <= _MOST_TOKENS:
            return value
    return None


def _status_in(error: Any) -> int:
    """The HTTP status an error object names, as a number or a word; 0 = none."""
    if isinstance(error, str):
        return _STATUS_OF_WORD.get(error.strip().lower(), 0)
    for name in ("code", "status", "type", "error") if isinstance(error, dict) else ():
        value = error.get(name)
        if isinstance(value, str):
            value = int(value) if re.fullmatch(r"\d{3}", value, re.ASCII) else (
                _STATUS_OF_WORD.get(value.strip().lower()))
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
            return value
    return 0


def words(error: Any, depth: int = 0) -> str:
    """All an error object says, places of a validation error included; "" for anything else."""
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        names = ("loc", "param", "message", "msg", "error", "detail", "code", "type")
        items = [error[n] for n in names if error.get(n) is not None]
    else:
        items = error if isinstance(error, list) else []
    if depth > 4:  # nobody nests an error deeper; a hostile answer might
        return ""
    said = (words(item, depth + 1) for item in items[:20])
    return " ".join(dict.fromkeys(s for s in said if s))


def _plain(body: bytes) -> str:
    """A body that is no JSON, as a short text; a web page gives its title only."""
    text = body.decode("utf-8", "replace")[: MOST_READ + 1]
    if not re.match(r"\s*<", text):
        return text
    title = re.search(r"(?is)<title[^>]{0,200}>([^<]{0,200})", text)
    return title.group(1) if title else "a web page"


def _why_empty(answer: Answer, data: Any, finish: str | None) -> str:
    who = f"The model server at {answer.place}"
    if finish == "length":
        return f"{who} used up its tokens before it wrote any text. Allow more tokens."
    if data is None and re.match(rb"\s*<", answer.body[:200]):
        return f"{who} answered with a web page. Check the address and the path."
    if data is None:
        return f"{who} answered with something that is not JSON. Check the address and the path."
    return f"{who} sent an answer without text. Try again or use another model."
