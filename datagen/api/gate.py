"""The gate in front of everything: routes, Streamlit's files, media and its websocket.

Streamlit asks nobody who they are on its own routes, so this middleware does; what is open
to everybody is the one list below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    same_origin,
    token_of,
)
from datagen.api.policy import Policy
from datagen.api.signin import trouble_page
from datagen.domain.errors import CutOff, SessionEnded, StoreError
from datagen.domain.users import Session

if TYPE_CHECKING:
    from datagen.services.accounts import Accounts

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
LOOKS_AT_ONCE = 16  # threads of the gate's own: those of handlers may all wait for a store
MAX_SIGN_IN = 16 * 1024  # bytes, of what a stranger may send
FORM_PAGES = frozenset({"/login", "/signup", "/signup/resend"})  # they take forms, from us alone
# Routes of Streamlit that no page of ours uses. Uploads would stay in memory for as long as
# the tab that names itself is open (datagen/ui/file_box.py reads files without them); metrics
# tell of everybody's sessions.
_UNUSED = ("/_stcore/upload_file", "/_stcore/metrics", "/_stcore/agent",
           "/_stcore/script-health-check", "/oauth2callback", "/auth/login")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

USER_HEADER = b"x-datagen-user"
ROLE_HEADER = b"x-datagen-role"
SESSION_HEADER = b"x-datagen-session"
EXPIRES_HEADER = b"x-datagen-expires"  # seconds since 1970
_TRUSTED_PREFIX = b"x-datagen-"  # ours alone: a client's copy never gets through

_POLICY = 1008  # websocket close code; before the handshake it becomes a 403


class Gate:
    """Pure ASGI middleware: who has no session gets the sign-in page, a 401 or a 403."""

    def __init__(self, app: ASGIApp, *, accounts: Accounts, policy: Policy) -> None:
        self.app = app
        self._accounts, self._policy = accounts, policy
        self._lanes = CapacityLimiter(LOOKS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        scope = dict(scope)
        scope["headers"] = [
            (name, value) for name, value in scope["headers"]
            if not name.lower().startswith(_TRUSTED_PREFIX)
        ]
        scope["state"] = dict(scope.get("state") or {})
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, self._policy.on(scope, send))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if "origin" not in headers or same_origin(headers):
            try:
                if session := await self._session(token_of(headers)):
                    await self.app(_with_session(scope, session), receive, send)
                    return
            except (SessionEnded, StoreError):
                pass  # refused like everybody without a session; the page asks again
        await send({"type": "websocket.close", "code": _POLICY, "reason": ""})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        headers = Headers(scope=scope)
        if refusal := _refusal(method, path, headers):
            await refusal(scope, receive, send)
            return
        is_open = ("GET" if method == "HEAD" else method, path) in OPEN
        token = token_of(headers)
        try:
            session = await self._session(token)
        except SessionEnded:
            session = None
        except StoreError as exc:
            if not is_open:
                await _unavailable(scope, exc)(scope, receive, send)
                return
            session = None
        if session is not None:
            scope = _with_session(scope, session)
        elif not is_open:
            await _stranger(scope, had_token=token is not None)(scope, receive, send)
            return
        if _is_unused(path):
            await failure(404, "There is no such address here.")(scope, receive, send)
            return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = _body_limit(scope["path"])
        if limit is None:
            await self.app(scope, receive, send)
            return
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, _bounded(receive, limit), watching)
        except RequestError as exc:
            if started:
                raise
            await answer_for(exc)(scope, receive, send)

    async def _session(self, token: str | None) -> Session | None:
        """The session of a token, or None without one. Raises SessionEnded, StoreError."""
        if token is None:
            return None
        session = self._accounts.remembered(token)
        if session is None:
            session = await to_thread.run_sync(
                self._accounts.verify, token, limiter=self._lanes
            )
        return session


def _with_session(scope: Scope, session: Session) -> Scope:
    scope["state"]["session"] = session
    expires = str(int(session.expires_at.timestamp()))
    scope["headers"] += [
        (USER_HEADER, session.user.name.encode()),
        (ROLE_HEADER, session.user.role.encode()),
        (SESSION_HEADER, session.id.encode()),
        (EXPIRES_HEADER, expires.encode()),
    ]
    return scope


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _is_unused(path: str) -> bool:
    return any(path == unused or path.startswith(f"{unused}/") for unused in _UNUSED)


def _body_limit(path: str) -> int | None:
    """Bytes a body may have; None where Streamlit reads it, if anybody does."""
    if path in FORM_PAGES or ("POST", path) in OPEN:
        return MAX_SIGN_IN
    return MAX_BODY if _is_api(path) else None


def _is_navigation(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return (
        scope["method"] in {"GET", "HEAD"}
        and not _is_api(scope["path"])
        and "text/html" in headers.get("accept", "").lower()
    )


def _refusal(method: str, path: str, headers: Headers) -> JSONResponse | None:
    """What no session could make right: a foreign origin, a form, a body too large."""
    if method not in SAFE_METHODS:
        problem = origin_problem(headers, is_form_page=path in FORM_PAGES)
        if problem is not None:
            return failure(403, problem)
        if _is_api(path) and content_type(headers) in FORM_TYPES:
            return answer_for(RequestError(415, SEND_JSON))
    length, limit = headers.get("content-length", ""), _body_limit(path)
    if limit is not None and length.isdecimal() and int(length[:20]) > limit:
        return answer_for(body_too_large(limit))
    return None


def _stranger(scope: Scope, *, had_token: bool) -> Response:
    """The way to the sign-in page for a person, a sentence for anything else."""
    if not _is_navigation(scope):
        ended = "Your session ended. Sign in again." if had_token else "Sign in first."
        return failure(401, ended)
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope.get("query_string", b"")
    path = safe_next((raw + (b"?" + query if query else b"")).decode("latin-1"))
    asked = {"ended": "1"} if had_token else {}
    if path != "/":
        asked["next"] = path
    response = RedirectResponse("/login" + (f"?{urlencode(asked)}" if asked else ""), 303)
    if had_token:
        clear_session(response)
    return response


def _unavailable(scope: Scope, exc: StoreError) -> Response:
    reason = str(exc) if isinstance(exc, CutOff) else ACCOUNTS_AWAY
    if _is_navigation(scope):
        return trouble_page("DataGen can't look up your session now.", reason)
    return failure(503, reason)


def _bounded(receive: Receive, limit: int) -> Receive:
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

