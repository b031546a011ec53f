"""What is asked of a node, and what it answers, free of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Api = Literal["cstore", "r1fs"]
Form = Literal["ok", "bytes", "result", "detail", "validation", "error", "text", "timeout",
               "reset", "null", "unknown"]
_SERVER_TROUBLE = (500, 502, 503)
_TROUBLE = (400, 429, *_SERVER_TROUBLE)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an API of a node."""

    api: Api
    op: str
    args: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold secrets
    size: int = 0  # bytes of its body


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. ``form`` says how it looks on the wire (``wire.py``)."""

    form: Form = "ok"
    result: Any = field(default=None, repr=False)  # for ok: what stands in the envelope
    status: int = 200
    message: str = ""  # for failures
    about: str = ""  # for failures of the form error: its ``detail``
    content: bytes = field(default=b"", repr=False)  # for bytes
    meta: Mapping[str, Any] = field(default_factory=dict)  # for bytes: ``x-meta``


RESET = Answer(form="reset", status=0)  # the connection breaks without an answer
UNKNOWN = Answer(form="unknown", status=404)  # the node has no such route


def ok(result: Any) -> Answer:
    """A result. An object with ``status_code`` becomes an HTTP error, as on a real node."""
    if isinstance(result, dict) and "status_code" in result:
        code = result["status_code"]
        fits = type(code) is int and 400 <= code <= 599
        return Answer(form="detail", status=code if fits else 500,
                      message="The result was taken for an HTTP answer.")
    return Answer(result=result)


def wrong(message: str) -> Answer:
    """A failure that is told with HTTP 200."""
    return Answer(form="result", message=message)


def failed(status: int, message: str, about: str = "") -> Answer:
    return Answer(form="error", status=status, message=message, about=about)


def trouble(form: Form, luck: Random) -> Answer:
    """A failure that is no one's fault, in one of the forms."""
    statuses = {"detail": _TROUBLE, "error": _SERVER_TROUBLE, "text": _SERVER_TROUBLE,
                "validation": (422,), "timeout": (504,), "reset": (0,)}.get(form, (200,))
    return Answer(form=form, status=luck.choice(statuses), message="The sandbox was told to fail.")
