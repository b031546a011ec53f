"""What comes back from the stores of a Ratio1 node: a result, or one NodeError.

Reads every known form: wrapped in ``result``, merged into the top level (RAW), bare values,
and errors at any HTTP status, 200 included. The bytes are hostile: whatever they are,
nothing but a NodeError leaves this module. Its message never repeats a word of the answer,
for a node's words may hold the values that were sent to it. Pure functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Never
from urllib.parse import urlsplit

from datagen.domain.errors import StoreError

_AT_ONCE = 5.0  # seconds
# What a node adds at the top level: apart from ``result`` when wrapped, among it when RAW.
_NODE_FIELD = re.compile(r"server_node_addr|evm_network|ee_node_.*")
# What a complaint consists of; anything else that has a value makes it data.
_COMPLAINT = frozenset({
    "code", "detail", "error", "logged", "message", "method", "ok", "path", "request_id", "status",
    "status_code", "success", "timestamp", "traceback", "type",
})
_ABSENT = re.compile(
    r"(?i)\bnot (?:be )?(?:found|there)\b|\bno such\b|\bdoes(?: not|n.t) exist\b"
    r"|\bmay not exist\b|\bunknown cid\b"
)
# The 404 of web frameworks for a path they don't serve; a store's own says what is missing.
_NO_ROUTE = re.compile(r"(?i)(?:404[ :-]*)?(?:page )?(?:not found)?\W?")


class Why(Enum):
    """Why a call gave no result, as far as it matters to who made it."""

    UNSENT = "unsent"  # there was no connection: the node knows nothing of the call
    BROKEN = "broken"  # the node failed, or the connection did; a moment later it may work
    TIMED_OUT = "timed out"  # it may still be at it
    ABSENT = "absent"  # what was asked for is not there
    NO_SUCH_CALL = "no such call"  # an older node, another server, or a wrong address
    REFUSED = "refused"  # the request does not suit it
    UNREADABLE = "unreadable"  # an answer, but none of a known form
    TOO_LARGE = "too large"  # more than was allowed for
    CHANGED = "changed"  # another file than was stored


@dataclass(frozen=True, kw_only=True)
class Service:
    """Who is talked to, in words for people."""

    name: str  # begins a sentence
    url: str  # may hold a password
    variable: str  # where the address is configured

    def __str__(self) -> str:
        """The name with host and port."""
        try:
            parts = urlsplit(self.url)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            return self.name
        return f"{self.name} at {parts.hostname}{port}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    body: bytes
    service: Service


class NodeError(StoreError):
    """A call to a node's store that gave no result."""

    def __init__(self, service: Service, why: Why, *, status: int | None = None) -> None:
        code = f" ({status})" if status else ""
        super().__init__(f"{service} {_SENTENCES[why].format(code=code, name=service.variable)}")
        self.why = why
        self.status = status  # of HTTP; None without an answer

    def may_pass(self, took: float) -> bool:
        """Whether the same call may go well a moment later, after this one took ``took`` seconds.

        A node refuses what is well formed now and then. A 504 that comes at once is not of a
        node that works on: nothing would wait behind it.
        """
        if self.why is Why.TIMED_OUT:
            return self.status is not None and took < _AT_ONCE
        return self.why in {Why.UNSENT, Why.BROKEN, Why.UNREADABLE, Why.REFUSED}


_SENTENCES = {
    Why.UNSENT: "can't be reached. Is the node running? If so, check {name}.",
    Why.BROKEN: "failed{code}. Try again; if it stays so, look at the node's log.",
    Why.TIMED_OUT: "did not answer in time{code}. Another call may hold it up: try again later.",
    Why.ABSENT: "does not have what was asked for{code}.",
    Why.NO_SUCH_CALL: "does not know this call{code}. Check {name} and the node's version.",
    Why.REFUSED: "did not accept the request{code}. Check {name} and the node's version.",
    Why.UNREADABLE: "answered with something unknown{code}. Check {name}.",
    Why.TOO_LARGE: "sent more than DataGen takes at once.",
    Why.CHANGED: "gave another file than was stored. Look at the node's log.",
}


def result_of(answer: Answer) -> Any:
    """The result of a call, of whatever JSON type. Raises NodeError."""
    data = _read(answer)
    if not isinstance(data, dict):
        return data
    _check(answer, data)
    if "result" not in data:
        return _without_node_fields(data)
    result = data["result"]
    if isinstance(result, dict):
        _check(answer, result)
    return result


def fields_of(answer: Answer) -> dict[str, Any]:
    """The fields of a hash, by name. Raises NodeError.

    A RAW answer has them at the top level, where one may be called ``result`` too: then it
    is text. A hash whose only field is called ``error`` can't be told from a complaint.
    """
    data = _read(answer)
    if isinstance(data, dict):
        _check(answer, data)
        data = _without_node_fields(data)
        if "result" in data and not isinstance(data["result"], str):
            data = data["result"]
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise NodeError(answer.service, Why.UNREADABLE, status=answer.status)
    _check(answer, data)
    return data


def _read(answer: Answer) -> Any:
    """The body's JSON when the HTTP status says that all went well. Raises NodeError."""
    if not 200 <= answer.status < 300:
        raise NodeError(answer.service, _why_status(answer), status=answer.status)
    try:
        return _parsed(answer.body)
    except (ValueError, RecursionError):  # from None: the exception holds the whole text
        raise NodeError(answer.service, Why.UNREADABLE, status=answer.status) from None


def _parsed(body: bytes) -> Any:
    return json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)


def _no_number(name: str) -> Never:
    raise ValueError(name)


def _why_status(answer: Answer) -> Why:
    status = answer.status
    if status in {408, 504}:
        return Why.TIMED_OUT
    if status == 405 or status == 501 or (status == 404 and _is_no_route(answer.body)):
        return Why.NO_SUCH_CALL
    if status == 404:
        return Why.ABSENT
    return Why.BROKEN if status >= 500 or status == 429 else Why.REFUSED


def _is_no_route(body: bytes) -> bool:
    """Whether a 404 is about the path of the call, not about what was asked for."""
    text: Any = body[:200].decode("utf-8", "replace").strip()
    with suppress(ValueError, RecursionError):
        data = _parsed(body)
        text = data["detail"] if isinstance(data, dict) and set(data) == {"detail"} else None
    return isinstance(text, str) and (
        text.startswith("<") or _NO_ROUTE.fullmatch(text[:200]) is not None
    )


def _check(answer: Answer, holder: Mapping[str, Any]) -> None:
    """Raise NodeError for an object that is a complaint rather than data."""
    if holder.get("result") is not None:
        return
    error = holder.get("error") or ("result" not in holder and holder.get("detail"))
    if error and not any(_is_data(*item) for item in holder.items()):
        raise NodeError(answer.service, _why_words(holder, error), status=answer.status)


def _is_data(name: str, value: Any) -> bool:
    return not (value is None or name in _COMPLAINT or _NODE_FIELD.fullmatch(name))


def _why_words(holder: Mapping[str, Any], error: Any) -> Why:
    """What a complaint inside an answer of HTTP 200 stands for."""
    inner = error if isinstance(error, dict) else {"error": error}
    codes = [where.get(name) for where in (holder, inner)
             for name in ("status", "status_code", "code")]
    if 404 in codes:
        return Why.ABSENT
    if 408 in codes or 504 in codes:
        return Why.TIMED_OUT
    texts = [inner.get(name) for name in ("message", "detail", "error")]
    said = " ".join(text[:2000] for text in texts if isinstance(text, str))
    return Why.ABSENT if _ABSENT.search(said) else Why.BROKEN


def _without_node_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if not _NODE_FIELD.fullmatch(name)}
