"""Forms of ours come back from the browser they were given to, and from nowhere else.

Each holds a secret that its browser keeps in a cookie as well (double submit): a foreign page
can make a browser send a form, but knows no secret to put in it.
"""

from __future__ import annotations

import functools
import hmac
import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from datagen.api.errors import Handler
from datagen.api.headers import Networks, content_type, is_secure

COOKIE = "datagen_form"
FIELD = "form_token"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 random bytes


@dataclass
class _Slip:
    """The secret of the browser that is being answered."""

    token: str
    is_given: bool = False  # a form of this answer holds it


_SLIP: ContextVar[_Slip] = ContextVar("form_slip")


def form(action: str, inner: str) -> str:
    """A form that posts to ``action``; ``inner`` is HTML. Within ``of_forms`` only."""
    slip = _SLIP.get()
    slip.is_given = True
    return (f'<form method="post" action="{escape(action)}">'
            f'<input type="hidden" name="{FIELD}" value="{slip.token}">{inner}</form>')


def of_forms(handler: Handler, trusted: Networks) -> Handler:
    """Wrap a handler that draws or reads forms: its browser gets, and keeps, the secret.

    Nobody is left to read an answer once the browser has gone.
    """

    @functools.wraps(handler)
    async def wrapped(request: Request) -> Response:
        known = request.cookies.get(COOKIE, "")
        slip = _Slip(token=known if _TOKEN.fullmatch(known) else secrets.token_urlsafe(32))
        _SLIP.set(slip)
        try:
            response = await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if slip.is_given and slip.token != known:
            response.set_cookie(COOKIE, slip.token, path="/", httponly=True, samesite="lax",
                                secure=is_secure(request.scope, trusted))
        return response

    return wrapped


async def fields_of(request: Request) -> Mapping[str, str] | None:
    """What a form of ours sent; None = it can't be read, or this browser was given none.

    The gate bounds its size. Raises ClientDisconnect.
    """
    if content_type(request.headers) != "application/x-www-form-urlencoded":
        return None
    try:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True,
                                max_num_fields=10))
    except ValueError:
        return None
    known, sent = request.cookies.get(COOKIE, ""), fields.pop(FIELD, "")
    is_ours = _TOKEN.fullmatch(known) and hmac.compare_digest(known.encode(), sent.encode())
    return fields if is_ours else None
