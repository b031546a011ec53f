"""What the gate lets through, and what it says to whom it turns away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope

from datagen.api.errors import (
    ACCOUNTS_AWAY,
    SEND_JSON,
    RequestError,
    answer_for,
    body_too_large,
    failure,
)
from datagen.api.headers import (
    FORM_TYPES,
    clear_session,
    content_type,
    origin_problem,
    safe_next,
)
from datagen.api.signin import trouble_page
from datagen.api.signin_look import card
from datagen.domain.api import scopes
from datagen.domain.audit import What
from datagen.domain.errors import CutOff, StoreError
from datagen.domain.users import Session

OPEN = frozenset({
    ("GET", "/login"),  # the form; its style and icon are inline
    ("POST", "/login"),
    ("GET", "/auth/logout"),  # where a tab goes whose session ended
    ("POST", "/api/auth/login"),
    ("GET", "/signup"),
    ("POST", "/signup"),
    ("POST", "/signup/resend"),
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/register/resend"),
    ("GET", "/health"),
    ("GET", "/api/health"),
})
MAX_BODY = 1024 * 1024  # bytes, of API calls
MAX_SIGN_IN = 16 * 1024  # bytes, of what a stranger may send
# They take forms, from us alone.
FORM_PAGES = frozenset({"/login", "/signup", "/signup/resend", "/password"})
PAGES = frozenset({"", "/new", "/job", "/dataset", "/models", "/metrics", "/api_docs", "/account",
                   "/admin"})
_ELSEWHERE = frozenset({"_stcore", "app", "auth", "component", "media", "static"})
# Routes of Streamlit that no page of ours uses. Uploads would stay in memory for as long as
# the tab that names itself is open (datagen/ui/file_box.py reads files without them); metrics
# tell of everybody's sessions.
UNUSED = ("/_stcore/upload_file", "/_stcore/metrics", "/_stcore/agent",
           "/_stcore/script-health-check", "/oauth2callback", "/auth/login")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What is left to somebody whose password was made for them.
FIRST = frozenset({"/password", "/api/auth/password", "/api/auth/logout", "/api/auth/me"})
_JOB = re.compile(r"/api/tasks/([^/]{1,200})(|/export|/records)")
_NOTED: Mapping[tuple[str, str], What] = {
    ("GET", "/export"): "dataset exported", ("GET", "/records"): "records read",
    ("DELETE", ""): "dataset deleted",
}


def is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def is_unused(path: str) -> bool:
    return any(path == unused or path.startswith(f"{unused}/") for unused in UNUSED)


def body_limit(path: str) -> int | None:
    """Bytes a body may have; None where Streamlit reads it, if anybody does."""
    if path in FORM_PAGES or ("POST", path) in OPEN:
        return MAX_SIGN_IN
    return MAX_BODY if is_api(path) else None


def is_navigation(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return (
        scope["method"] in {"GET", "HEAD"}
        and not is_api(scope["path"])
        and "text/html" in headers.get("accept", "").lower()
    )


def _is_form(scope: Scope) -> bool:
    """Whether a person sends a form of ours, and is to see a page whatever comes of it."""
    return (scope["method"] == "POST" and scope["path"] in FORM_PAGES
            and "text/html" in Headers(scope=scope).get("accept", "").lower())


def _is_link(scope: Scope) -> bool:
    """Whether a person followed a link, to a file perhaps; only a browser says so."""
    return (scope["method"] == "GET"
            and Headers(scope=scope).get("sec-fetch-mode") == "navigate")


def refusal(method: str, path: str, headers: Headers) -> JSONResponse | None:
    """What no session could make right: two lengths, a foreign origin, a form, a body too large."""
    if "content-length" in headers and "transfer-encoding" in headers:
        # A proxy may believe the one and we the other: what follows would be a request to us.
        refused = failure(400, "A request has one length: Content-Length or Transfer-Encoding.")
        refused.headers["Connection"] = "close"
        return refused
    if method not in SAFE_METHODS:
        problem = origin_problem(headers, is_form_page=path in FORM_PAGES)
        if problem is not None:
            return failure(403, problem)
        if is_api(path) and content_type(headers) in FORM_TYPES:
            return answer_for(RequestError(415, SEND_JSON))
    length, limit = headers.get("content-length", ""), body_limit(path)
    if limit is not None and length.isdecimal() and int(length[:20]) > limit:
        return answer_for(body_too_large(limit))
    return None


def turned_away(scope: Scope, session: Session) -> Response | None:
    """Why somebody who is signed in may not go there; None if they may."""
    path, method = scope["path"], scope["method"]
    if session.scope is not None and not scopes.opens(session.scope, method, path):
        return failure(403, scopes.refusal(session.scope))
    if session.must_change and path not in FIRST and (method, path) not in OPEN:
        if is_navigation(scope):
            return RedirectResponse(f"/password?{urlencode({'next': asked_for(scope)})}", 303)
        return failure(403, "Choose a password of your own first: on the page /password, or with "
                            "POST /api/auth/password.")
    if session.user.role != "admin" and scopes.is_for_admins(path):
        return _nowhere() if is_navigation(scope) else failure(
            404, "There is no such address here.")
    if is_navigation(scope) and not _leads_anywhere(path):
        return RedirectResponse("/", 303) if path == "/jobs" else _nowhere()
    return None


def _leads_anywhere(path: str) -> bool:
    """Whether Streamlit has something there; else it shows the jobs, and a box over them."""
    first = path.split("/", 2)[1]
    return (path.removesuffix("/") in PAGES or path in FORM_PAGES or "." in path
            or first in _ELSEWHERE or ("GET", path) in OPEN)


def _nowhere() -> Response:
    return card("Not found", '<p>There is no such page.</p><p><a href="/">To your jobs</a></p>',
                status=404)


def noted(scope: Scope) -> tuple[What, str] | None:
    """What the audit log says of a call that comes to its end, and of which job; None = nothing."""
    found = _JOB.fullmatch(scope["path"])
    what = _NOTED.get((scope["method"], found[2])) if found else None
    return (what, found[1]) if found and what else None


def asked_for(scope: Scope) -> str:
    """The path and query of a request, if one may return to it."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope.get("query_string", b"")
    return safe_next((raw + (b"?" + query if query else b"")).decode("latin-1"))


def stranger(scope: Scope, *, had_token: bool) -> Response:
    """The way to the sign-in page for a person, a sentence for anything else."""
    if not is_navigation(scope) and not _is_form(scope) and not _is_link(scope):
        ended = "Your session ended. Sign in again." if had_token else "Sign in first."
        return failure(401, ended)
    path = asked_for(scope)
    asked = {"ended": "1"} if had_token else {}
    if path != "/":
        asked["next"] = path
    response = RedirectResponse("/login" + (f"?{urlencode(asked)}" if asked else ""), 303)
    if had_token:
        clear_session(response)
    return response


def unavailable(scope: Scope, exc: StoreError) -> Response:
    reason = str(exc) if isinstance(exc, CutOff) else ACCOUNTS_AWAY
    if is_navigation(scope):
        return trouble_page("DataGen can't look up your session now.", reason)
    return failure(503, reason)


def bounded(receive: Receive, limit: int) -> Receive:
    """Counts a body that comes in pieces; raises RequestError (413) beyond ``limit`` bytes."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise body_too_large(limit)
        return message

    return counting
