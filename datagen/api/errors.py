"""Errors to status codes, and JSON in and out of handlers with bounds.

Every handler is wrapped in ``answering``; what it raises becomes
``{"error": "<sentence>", "details"?: …}`` (API.md), and nothing else leaks.
"""

from __future__ import annotations

import functools
import json
import logging
import math
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from datagen.api.signin_look import card
from datagen.domain.errors import (
    Conflict,
    DatagenError,
    InputError,
    MailNotConfigured,
    MailRefused,
    ModelError,
    ModelOverloaded,
    NotAllowed,
    NotThere,
    SessionEnded,
    SignInFailed,
    StoreError,
    TooManyTries,
)

_LOG = logging.getLogger(__name__)

# To strangers, who are not to know where anything is; the log says more.
ACCOUNTS_AWAY = "The store that holds the accounts can't be read. Try again in a moment."
SEND_JSON = "Send JSON, with the header Content-Type: application/json."

Handler = Callable[[Request], Awaitable[Response]]

_STATUSES: tuple[tuple[type[DatagenError], int], ...] = (
    (InputError, 400),
    (SignInFailed, 401),
    (SessionEnded, 401),
    (NotAllowed, 403),
    (NotThere, 404),
    (Conflict, 409),
    (TooManyTries, 429),
    (MailRefused, 502),
    (MailNotConfigured, 503),
    (ModelError, 502),
    (StoreError, 503),
)


class RequestError(DatagenError):
    """A request that HTTP itself forbids: its size, its kind, its method."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def body_too_large(limit: int) -> RequestError:
    """413 for a body of more than ``limit`` bytes."""
    return RequestError(413, f"The request is too large: {limit // 1024:,} KiB at most.")


def failure(status: int, message: str, *, details: Any = None) -> JSONResponse:
    """The one shape of an answer that reports a failure."""
    body: dict[str, Any] = {"error": message}
    if details is not None:
        body["details"] = details
    return JSONResponse(body, status_code=status)


def answer_for(exc: Exception) -> JSONResponse:
    """What the person or script is told; the unexpected is logged and told as such."""
    if isinstance(exc, RequestError):
        return failure(exc.status, str(exc))
    for kind, status in _STATUSES:
        if isinstance(exc, kind):
            return _known(exc, status)
    _LOG.error("A request failed unexpectedly.", exc_info=exc)
    return failure(500, "Something broke on our side; it was logged. Please try again.")


def seen(headers: Headers, answer: JSONResponse) -> Response:
    """The same as a page where a person followed a link, as one to a file that is gone."""
    if headers.get("sec-fetch-mode") != "navigate":
        return answer
    said = json.loads(bytes(answer.body))["error"]
    way_out = '<p><a href="/">To your jobs</a></p>'
    page = card("That did not work", f"<p>{escape(said)}</p>{way_out}",
                status=answer.status_code)
    if pause := answer.headers.get("retry-after"):
        page.headers["Retry-After"] = pause
    return page


def _known(exc: DatagenError, status: int) -> JSONResponse:
    message = str(exc)
    details = None
    if isinstance(exc, InputError) and exc.problems:
        details = [{"path": p.path, "message": p.message} for p in exc.problems]
    if isinstance(exc, ModelError) and exc.advice not in message:
        message = f"{message} {exc.advice}".strip()
    answer = failure(status, message, details=details)
    if isinstance(exc, TooManyTries):
        answer.headers["Retry-After"] = str(max(1, math.ceil(exc.retry_after)))
    if isinstance(exc, ModelOverloaded) and exc.retry_after is not None:
        answer.headers["Retry-After"] = str(max(1, math.ceil(exc.retry_after)))
    return answer


def answering(handler: Handler) -> Handler:
    """Wrap a handler so that whatever it raises becomes a JSON answer."""

    @functools.wraps(handler)
    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it
        except Exception as exc:  # noqa: BLE001 - the outermost seam: logged and answered
            return seen(request.headers, answer_for(exc))

    return wrapped
