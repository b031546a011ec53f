"""Signing up: a page beside the sign-in form, and the same over the API."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from datagen.api.errors import answer_for, answering
from datagen.api.forms import fields_of, form, of_forms
from datagen.api.headers import client_address, loses_cookie
from datagen.api.inputs import read_json
from datagen.api.signin_look import card, field, needs_https, slot
from datagen.domain.errors import (
    Conflict,
    DatagenError,
    InputError,
    MailNotConfigured,
    MailRefused,
    StoreError,
)

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.settings import Settings

SENT = "Your user name and a first password are on their way to you by mail."
MAYBE = "If there is a mail that has not reached this address, it is on its way again."
_AWAY = "Signing up is not possible now. Try again in a moment."
_SIGN_IN = '<p class="foot">Have an account? <a href="/login">Sign in</a></p>'


def signup_routes(services: Services, settings: Settings) -> list[Route]:
    """All are open to strangers: the gate's list names them too."""
    one, trusted = _SignUp(services, settings), settings.trusted_proxies
    return [
        Route("/signup", of_forms(one.show, trusted), methods=["GET"]),
        Route("/signup", of_forms(one.submit, trusted), methods=["POST"]),
        Route("/signup/resend", of_forms(one.submit_again, trusted), methods=["POST"]),
        Route("/api/auth/register", answering(one.register), methods=["POST"]),
        Route("/api/auth/register/resend", answering(one.resend), methods=["POST"]),
    ]


class _SignUp:
    """The handlers."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._signing_up = services.signing_up
        self._trusted, self._port = settings.trusted_proxies, settings.app_port

    async def register(self, request: Request) -> Response:
        """``{name,email,country}`` -> 201 ``{username,message}``; 502 with ``canResend``."""
        try:
            name = await self._made(request, await read_json(request))
        except MailRefused as exc:
            return JSONResponse({"error": _no_mail(exc), "canResend": True}, 502)
        return JSONResponse({"username": name, "message": SENT}, 201)

    async def resend(self, request: Request) -> Response:
        """``{email}`` -> the same whether or not there is something to send."""
        await self._sent_again(request, await read_json(request))
        return JSONResponse({"message": MAYBE}, 202)

    async def show(self, request: Request) -> Response:
        """GET /signup: the form, or why there is none."""
        if "session" in request.scope.get("state", {}):
            return RedirectResponse("/", 303)
        if not self._signing_up.is_open:
            return card("Sign up", f"<p>{escape(str(MailNotConfigured()))}</p>{_SIGN_IN}",
                        status=503)
        if loses_cookie(request.scope, self._trusted):
            return needs_https(request, self._port)
        return _form({})

    async def submit(self, request: Request) -> Response:
        """POST /signup: what happens next, or the form again with the reason."""
        fields = await fields_of(request)
        if fields is None or loses_cookie(request.scope, self._trusted):
            return RedirectResponse("/signup", 303)
        try:
            name = await self._made(request, fields)
        except MailRefused as exc:
            return _not_sent(_no_mail(exc), fields)
        except InputError as exc:
            return _form(fields, wrong={p.path: p.message for p in exc.problems}, status=400)
        except StoreError:
            return _form(fields, problem=_AWAY, status=503)
        except Conflict as exc:  # who clicked twice saw nothing of what the first click came to
            return _answered(exc, _form(fields, problem=str(exc), is_known=True))
        except DatagenError as exc:
            return _answered(exc, _form(fields, problem=str(exc)))
        return card("Check your mail", f"""\
<p>Your account is ready. Its password is on the way to <b>{escape(fields["email"])}</b>; look
among the unwanted mails, too, if it does not come within minutes.</p>
<p>Your user name: <code>{escape(name)}</code></p>
<p><a href="/login">Sign in</a></p>""", status=201)

    async def submit_again(self, request: Request) -> Response:
        """POST /signup/resend: the same answer whether or not there is something to send."""
        fields = await fields_of(request)
        if fields is None:
            return RedirectResponse("/signup", 303)
        try:
            await self._sent_again(request, fields)
        except DatagenError as exc:
            return _answered(exc, _not_sent(str(exc), fields))
        return card("Check your mail", f'<p>{escape(MAYBE)}</p><p><a href="/login">Sign in</a></p>',
                    status=202)

    async def _made(self, request: Request, said: Mapping[str, object]) -> str:
        address = client_address(request.scope, self._trusted)
        return await run_in_threadpool(self._signing_up.register, said.get("name"),
                                       said.get("email"), said.get("country"), address)

    async def _sent_again(self, request: Request, said: Mapping[str, object]) -> None:
        address = client_address(request.scope, self._trusted)
        await run_in_threadpool(self._signing_up.resend, said.get("email"), address)


def _no_mail(exc: MailRefused) -> str:
    return f"Your account was made, but its password has not reached you. {exc}"


def _answered(exc: DatagenError, page: Response) -> Response:
    """The page with the status, and the pause, that the API has for this."""
    answer = answer_for(exc)
    page.status_code = answer.status_code
    if pause := answer.headers.get("retry-after"):
        page.headers["Retry-After"] = pause
    return page


def _not_sent(problem: str, fields: Mapping[str, str]) -> Response:
    email = escape(fields.get("email", "")[:200])
    return card("The mail did not leave", f"""\
{slot(problem=problem)}
<p>The password waits for a day. Have the mail sent to <b>{email}</b> again in a while.</p>
{_again(fields)}<p class="foot">Another address? <a href="/signup">Sign up again</a></p>{_SIGN_IN}\
""", status=502)


def _mail_again(fields: Mapping[str, str]) -> str:
    return f'<div class="second"><p class="foot">No mail came?</p>{_again(fields)}</div>'


def _again(fields: Mapping[str, str]) -> str:
    email = escape(fields.get("email", "")[:200])
    return form("/signup/resend", f'<input type="hidden" name="email" value="{email}">'
                                  '<button type="submit">Send the mail again</button>')


def _form(
    fields: Mapping[str, str], *, problem: str = "", wrong: Mapping[str, str] | None = None,
    status: int = 200, is_known: bool = False,
) -> Response:
    """``is_known``: its e-mail has an account; a mail that did not leave can be sent again."""
    wrong = wrong or {}
    rows = "".join(
        field(name, label, attributes, value=fields.get(name, "")[:200], hint=hint,
              wrong=wrong.get(name, ""))
        for name, label, attributes, hint in (
            ("name", "Your name", 'autocomplete="name" maxlength="120" required autofocus', ""),
            ("email", "E-mail", 'type="email" autocomplete="email" maxlength="200" required',
             "Your user name and a first password go there."),
            ("country", "Country", 'autocomplete="country-name" maxlength="120" required', ""),
        ))
    button = '<button type="submit">Create account</button>'
    return card("Sign up", f"""\
<p class="sub">An account of your own to make and manage datasets.</p>{slot(problem=problem)}
{form("/signup", rows + button)}{_mail_again(fields) if is_known else ""}{_SIGN_IN}""",
                status=status)
