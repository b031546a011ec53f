"""Choosing a password: a form, since only an HTTP answer gives the tab its new session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from datagen.api.auth import SIGN_INS_AT_ONCE, caller, session_of
from datagen.api.errors import answer_for, answering
from datagen.api.forms import fields_of, form, of_forms
from datagen.api.headers import safe_next, set_session
from datagen.api.inputs import read_json
from datagen.api.signin_look import card, field, slot
from datagen.domain.errors import DatagenError, InputError
from datagen.domain.passwords import MIN_CHOSEN, password_problems
from datagen.domain.users import Session

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.settings import Settings

_FIRST = "Your password was made for you. Choose one that only you know to go on."
_LATER = "All your other sessions end. Personal tokens go on working."


def password_routes(services: Services, settings: Settings) -> list[Route]:
    """The form and the same over the API."""
    one, trusted = _Password(services, settings), settings.trusted_proxies
    return [
        Route("/password", of_forms(one.show, trusted), methods=["GET"]),
        Route("/password", of_forms(one.submit, trusted), methods=["POST"]),
        Route("/api/auth/password", answering(one.change), methods=["POST"]),
    ]


class _Password:
    """The handlers."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._own, self._opened = services.own_account, services.opened
        self._trusted = settings.trusted_proxies
        self._lanes = CapacityLimiter(SIGN_INS_AT_ONCE)  # each hashes twice

    async def change(self, request: Request) -> Response:
        """``{currentPassword,newPassword}`` -> a cookie in place of the one that ended."""
        body = await read_json(request)
        response = JSONResponse({"ok": True})
        await self._changed(request, response, body.get("currentPassword"),
                            body.get("newPassword"))
        return response

    async def show(self, request: Request) -> Response:
        """GET /password: the form."""
        return _form(session_of(request), safe_next(request.query_params.get("next")))

    async def submit(self, request: Request) -> Response:
        """POST /password: on to ``next`` with a new session, or the form with the reason."""
        session, fields = session_of(request), await fields_of(request)
        if fields is None:
            return _form(session, "/", problem="The form could not be read. Try again.", status=400)
        if fields.get("username", session.user.name) != session.user.name:
            return _form(session, "/", status=400, problem="Somebody else was signed in when this "
                         f"form was opened. You are signed in as {session.user.name} now; "
                         "nothing was changed.")
        path, new = safe_next(fields.get("next")), fields.get("newPassword", "")
        wrong = {p.path: p.message for p in password_problems(
            "newPassword", new, least=MIN_CHOSEN)}
        if not wrong and new != fields.get("repeated"):
            wrong = {"repeated": "This is not what you typed above."}
        if wrong:
            return _form(session, path, wrong=wrong, status=400)
        response = RedirectResponse(path, 303)
        try:
            await self._changed(request, response, fields.get("currentPassword", ""), new)
        except InputError as exc:
            return _form(session, path, wrong={p.path: p.message for p in exc.problems},
                         status=400)
        except DatagenError as exc:
            answer = answer_for(exc)
            page = _form(session, path, problem=str(exc), status=answer.status_code)
            if pause := answer.headers.get("retry-after"):
                page.headers["Retry-After"] = pause
            return page
        return response

    async def _changed(
        self, request: Request, response: Response, current: object, new: object
    ) -> None:
        who = caller(request, self._trusted)
        user = replace(session_of(request).user, address=who.address)
        token, session = await to_thread.run_sync(
            self._own.change_password, user, current, new, limiter=self._lanes)
        await to_thread.run_sync(self._opened.opened, session, who.address, who.agent)
        set_session(response, token, request.scope, self._trusted)


def _form(
    session: Session, path: str, *, problem: str = "", wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    wrong, is_first = wrong or {}, session.must_change
    rows = "".join(
        field(name, label, f'type="password" autocomplete="{kind}" maxlength="1024" required{more}',
              hint=hint, wrong=wrong.get(name, ""))
        for name, label, kind, more, hint in (
            ("currentPassword", "The password you were given" if is_first else "Current password",
             "current-password", " autofocus", ""),
            ("newPassword", "New password", "new-password", f' minlength="{MIN_CHOSEN}"',
             f"At least {MIN_CHOSEN} characters."),
            ("repeated", "New password again", "new-password", "", ""),
        ))
    way_out = '<a href="/">Back without changing it</a>'
    foot = "" if is_first else f'<p class="foot">{way_out}</p>'
    name = escape(session.user.name)
    inner = (f'<input type="hidden" name="next" value="{escape(path)}">'
             f'<input type="hidden" name="username" autocomplete="username" value="{name}">'
             f'{rows}<button type="submit">Change password</button>')
    return card("Choose a password", f"""\
<p class="sub">{escape(_FIRST if is_first else _LATER)}</p>{slot(problem=problem)}
{form("/password", inner)}{foot}""", status=status)
