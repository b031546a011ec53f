"""The sign-in page: a plain server-rendered form, since only an HTTP answer sets cookies.

It needs no script and no other file, so that nothing else has to be open.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from datagen.api.auth import Door, caller
from datagen.api.forms import fields_of, form
from datagen.api.headers import (
    Left,
    came_from,
    clear_session,
    loses_cookie,
    safe_next,
    set_device,
    set_session,
    token_of,
    why_left,
)
from datagen.api.signin_look import card, field, needs_https, slot
from datagen.domain.errors import SignInFailed, StoreError, TooManyTries
from datagen.domain.users import Session

if TYPE_CHECKING:
    from datagen.settings import Settings

REFRESH = 3  # seconds
_ENDED = "Your session ended. Sign in again."
_BYE = "You are signed out."


class SignIn:
    """The handlers of ``/login`` and ``/auth/logout``."""

    def __init__(self, door: Door, settings: Settings, *, offers_account: bool) -> None:
        """``offers_account``: whether one can sign up."""
        self._door, self._offers = door, offers_account
        self._trusted = settings.trusted_proxies
        self._port = settings.app_port

    async def show(self, request: Request) -> Response:
        """GET /login: the form, or straight on for who is signed in already."""
        path = safe_next(request.query_params.get("next"))
        if "session" in request.scope.get("state", {}):
            return RedirectResponse(path, 303)
        if loses_cookie(request.scope, self._trusted):
            return needs_https(request, self._port)
        if "bye" in request.query_params:
            return self._form(path, note=_BYE)
        return self._form(path, note=_ENDED if "ended" in request.query_params else "")

    async def submit(self, request: Request) -> Response:
        """POST /login: a cookie and on to ``next``, or the form again with the reason."""
        if loses_cookie(request.scope, self._trusted):
            return needs_https(request, self._port)
        fields = await fields_of(request)
        if fields is None:
            return self._form("/", status=400, problem="The form could not be read. Try again.")
        name, path = fields.get("username", ""), safe_next(fields.get("next"))
        who = caller(request, self._trusted)
        try:
            token, session = await self._door.sign_in(name, fields.get("password", ""), who)
            await self._end_another(request, session)
        except SignInFailed as exc:
            return self._form(path, status=401, problem=str(exc), name=name)
        except TooManyTries as exc:
            again = self._form(path, status=429, problem=str(exc), name=name)
            again.headers["Retry-After"] = f"{exc.retry_after:.0f}"
            return again
        except StoreError as exc:
            return self._form(path, status=503, problem=str(exc), name=name)
        response = RedirectResponse(path, 303)
        set_session(response, token, request.scope, self._trusted)
        if who.device is None or self._door.devices.known(who.device, session.user.name) is None:
            set_device(response, self._door.devices.made(session.user.name), request.scope,
                       self._trusted)
        return response

    async def leave(self, request: Request) -> Response:
        """GET /auth/logout: where a tab ends. It signs nobody out: a link could lead here.

        A tab comes back to its page: its browser may have a new session, after a new password.
        """
        back = came_from(request.headers)
        if "session" in request.scope.get("state", {}):
            return RedirectResponse(back, 303)
        token = token_of(request.headers)
        if token is None:
            why = why_left(request.headers)
            return RedirectResponse(_sign_in_page(why, back), 303)
        why = "bye" if self._door.accounts.signed_out(token) else "ended"
        response = RedirectResponse(_sign_in_page(why, back), 303)
        clear_session(response, why)
        if why == "bye":
            response.headers["Clear-Site-Data"] = '"storage"'  # what was being written here
        return response

    async def _end_another(self, request: Request, session: Session) -> None:
        """Whoever was signed in with this browser: their open tabs would go on in it."""
        before = request.scope.get("state", {}).get("session")
        token = token_of(request.headers)
        if token and isinstance(before, Session) and before.user.name != session.user.name:
            await to_thread.run_sync(self._door.accounts.sign_out, token)
            await to_thread.run_sync(self._door.audit.note, "signed out", before.user)

    def _form(self, path: str, *, status: int = 200, note: str = "", problem: str = "",
              name: str = "") -> Response:
        focus_name, focus_password = ("", " autofocus") if name else (" autofocus", "")
        who = field("username", "User name", 'autocomplete="username" autocapitalize="none" '
                    f'autocorrect="off" spellcheck="false" maxlength="200" required{focus_name}',
                    value=name[:200])
        password = field("password", "Password", 'type="password" maxlength="1024" '
                         f'autocomplete="current-password" required{focus_password}')
        inner = (f'<input type="hidden" name="next" value="{escape(path)}">{who}{password}'
                 '<button type="submit">Sign in</button>')
        foot = '<p class="foot">No account yet? <a href="/signup">Sign up</a></p>' \
            if self._offers else ""
        return card("Sign in", f"""\
<p class="sub">Sign in to make and manage datasets.</p>{slot(note=note, problem=problem)}
{form("/login", inner)}{foot}""", status=status, heading="DataGen")


def _sign_in_page(why: Left | None, back: str) -> str:
    """Who signed out leaves nothing behind for whoever is next."""
    said: dict[str, str] = {why: "1"} if why else {}
    if why == "ended" and back != "/":
        said["next"] = back
    return "/login" + (f"?{urlencode(said)}" if said else "")


def trouble_page(title: str, text: str) -> Response:
    """503 for a person: what happened, and a page that tries again by itself."""
    page = card(title, f'<p>{escape(text)}</p><p><a href="">Try again</a></p>', status=503)
    page.headers["Refresh"] = str(REFRESH)
    return page
