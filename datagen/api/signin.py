"""The sign-in page: a plain server-rendered form, since only an HTTP answer sets cookies.

It needs no script and no other file, so that nothing else has to be open.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from datagen.api.auth import Door
from datagen.api.headers import (
    clear_session,
    content_type,
    host_name,
    loses_cookie,
    safe_next,
    set_session,
    token_of,
    why_left,
)
from datagen.api.signin_look import PAGE
from datagen.domain.errors import SignInFailed, StoreError

if TYPE_CHECKING:
    from datagen.settings import Settings

_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
REFRESH = 3  # seconds
_ENDED = "Your session ended. Sign in again."
_BYE = "You are signed out."


class SignIn:
    """The handlers of ``/login`` and ``/auth/logout``."""

    def __init__(self, door: Door, settings: Settings) -> None:
        self._door = door
        self._trusted = settings.trusted_proxies
        self._port = settings.app_port

    async def show(self, request: Request) -> Response:
        """GET /login: the form, or straight on for who is signed in already."""
        path = safe_next(request.query_params.get("next"))
        if "session" in request.scope.get("state", {}):
            return RedirectResponse(path, 303)
        if loses_cookie(request.scope, self._trusted):
            return self._explained(request)
        if "bye" in request.query_params:
            return _form(path, note=_BYE)
        return _form(path, note=_ENDED if "ended" in request.query_params else "")

    async def submit(self, request: Request) -> Response:
        """POST /login: a cookie and on to ``next``, or the form again with the reason."""
        if loses_cookie(request.scope, self._trusted):
            return self._explained(request)
        if content_type(request.headers) != "application/x-www-form-urlencoded":
            return _form("/", status=415, problem="Use the form below to sign in.")
        try:
            fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True,
                                    max_num_fields=10))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it
        except ValueError:
            return _form("/", status=400, problem="The form could not be read. Try again.")
        name, path = fields.get("username", ""), safe_next(fields.get("next"))
        try:
            token, _ = await self._door.sign_in(name, fields.get("password", ""))
        except SignInFailed as exc:
            return _form(path, status=401, problem=str(exc), name=name)
        except StoreError as exc:
            return _form(path, status=503, problem=str(exc), name=name)
        response = RedirectResponse(path, 303)
        set_session(response, token, request.scope, self._trusted)
        return response

    async def leave(self, request: Request) -> Response:
        """GET /auth/logout: where a tab ends. It signs nobody out: a link could lead here."""
        if "session" in request.scope.get("state", {}):
            return RedirectResponse("/", 303)
        token = token_of(request.headers)
        if token is None:
            why = why_left(request.headers)
            return RedirectResponse(f"/login?{why}=1" if why else "/login", 303)
        why = "bye" if self._door.accounts.signed_out(token) else "ended"
        response = RedirectResponse(f"/login?{why}=1", 303)
        clear_session(response, why)
        return response

    def _explained(self, request: Request) -> Response:
        """Why signing in can't work here, and the two ways that do."""
        host = host_name(request.headers.get("host", "")) or "this-machine"
        text = (
            "<p>This page came over plain HTTP from another machine. Your password would "
            "travel unprotected, and your browser would not keep the session. Either</p><ul>"
            "<li>open DataGen over <b>HTTPS</b>, through a proxy that is named in "
            "<code>DATAGEN_TRUSTED_PROXIES</code>, or</li>"
            f"<li>make an SSH tunnel<br><code>ssh -L {self._port}:127.0.0.1:{self._port} "
            f"{escape(host)}</code><br>and open "
            f'<a href="http://127.0.0.1:{self._port}">http://127.0.0.1:{self._port}</a>.</li></ul>'
        )
        if request.client and "x-forwarded-proto" in request.headers:
            text += (
                f"<p>A proxy at <code>{escape(request.client.host)}</code> passed this request "
                "on. If it is yours and serves HTTPS, add this address to "
                "<code>DATAGEN_TRUSTED_PROXIES</code> and start DataGen again.</p>"
            )
        return _page("Signing in needs HTTPS", text, status=400)


def trouble_page(title: str, text: str) -> Response:
    """503 for a person: what happened, and a page that tries again by itself."""
    page = _page(title, f'<p>{escape(text)}</p><p><a href="">Try again</a></p>', status=503)
    page.headers["Refresh"] = str(REFRESH)
    return page


def _form(path: str, *, status: int = 200, note: str = "", problem: str = "",
          name: str = "") -> Response:
    slot = f'<p class="note" role="status">{escape(note)}</p>' if note else ""
    if problem:
        slot = f'<p class="problem" role="alert">{escape(problem)}</p>'
    focus_name, focus_password = ("", " autofocus") if name else (" autofocus", "")
    return _page("Sign in", f"""\
<p class="sub">Sign in to make and manage datasets.</p>{slot}
<form method="post" action="/login">
<input type="hidden" name="next" value="{escape(path)}">
<label for="username">User name</label>
<input id="username" name="username" value="{escape(name[:200])}" autocomplete="username"
 autocapitalize="none" autocorrect="off" spellcheck="false" maxlength="200" required{focus_name}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 maxlength="1024" required{focus_password}>
<button type="submit">Sign in</button>
</form>""", status=status, heading="DataGen")


def _page(title: str, body: str, *, status: int, heading: str | None = None) -> Response:
    """``body`` is HTML; the titles are text."""
    text = PAGE.format(title=escape(title), heading=escape(heading or title), body=body)
    return HTMLResponse(text, status, headers={"Content-Security-Policy": _CSP})
