"""The gate in front of everything: routes, Streamlit's files, media and its websocket.

Streamlit asks nobody who they are on its own routes, so this middleware does; what is open
to everybody is one list (gate_rules.py).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datagen.api.errors import RequestError, answer_for, failure
from datagen.api.gate_rules import (
    OPEN,
    body_limit,
    bounded,
    is_unused,
    noted,
    refusal,
    stranger,
    turned_away,
    unavailable,
)
from datagen.api.headers import Networks, client_address, same_origin, token_of
from datagen.api.policy import Policy
from datagen.api.tabs import LOOK_EVERY, watched
from datagen.domain.errors import SessionEnded, StoreError
from datagen.domain.rate import Rate
from datagen.domain.turns import Reader
from datagen.domain.users import Session
from datagen.services.tokens import is_personal

if TYPE_CHECKING:
    from datagen.services.accounts import Accounts
    from datagen.services.audit import Audit
    from datagen.services.tokens import PersonalTokens

MAX_TABS = 100  # open at once, of one user: each costs the process about 0.7 MB
RUNS_PER_MINUTE = 600  # of pages, for all tabs of one user: everybody's share one processor
LOOKS_AT_ONCE = 16  # threads of the gate's own: those of handlers may all wait for a store

USER_HEADER = b"x-datagen-user"
ROLE_HEADER = b"x-datagen-role"
SESSION_HEADER = b"x-datagen-session"
EXPIRES_HEADER = b"x-datagen-expires"  # seconds since 1970
ADDRESS_HEADER = b"x-datagen-address"
_TRUSTED_PREFIX = b"x-datagen-"  # ours alone: a client's copy never gets through

_POLICY = 1008  # websocket close code; before the handshake it becomes a 403


class _AnswerCut(Exception):  # noqa: N818 - no error: what was asked for is refused by now
    """The session of an answer that is under way has ended."""


class Gate:
    """Pure ASGI middleware: who has no session gets the sign-in page, a 401 or a 403."""

    def __init__(
        self, app: ASGIApp, *, accounts: Accounts, tokens: PersonalTokens, audit: Audit,
        trusted: Networks, policy: Policy, reader: Reader,
    ) -> None:
        self.app = app
        self._accounts, self._tokens, self._audit = accounts, tokens, audit
        self._trusted, self._policy, self._reader = trusted, policy, reader
        self._lanes = CapacityLimiter(LOOKS_AT_ONCE)
        self._tabs: Counter[str] = Counter()  # open, by user
        self._rates: dict[str, Rate] = {}  # by user; who closes all and comes again has the same

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
                token = token_of(headers)
                session = await self._session(token)
                if (token and session and not session.scope and not session.must_change
                        and self._tabs[session.user.name] < MAX_TABS):
                    await self._tab(scope, receive, send, session, token)
                    return
            except (SessionEnded, StoreError):
                pass  # refused like everybody without a session; the page asks again
        await send({"type": "websocket.close", "code": _POLICY, "reason": ""})

    async def _tab(
        self, scope: Scope, receive: Receive, send: Send, session: Session, token: str
    ) -> None:
        name = session.user.name
        self._tabs[name] += 1
        rate = self._rates.setdefault(name, Rate(RUNS_PER_MINUTE))
        try:
            await watched(self.app, self._with_session(scope, session), receive, send,
                          still=lambda: self._holds(token), rate=rate, reader=self._reader)
        finally:
            self._tabs[name] -= 1
            if not self._tabs[name]:
                del self._tabs[name]

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        headers = Headers(scope=scope)
        if refused := refusal(method, path, headers):
            await refused(scope, receive, send)
            return
        is_open = ("GET" if method == "HEAD" else method, path) in OPEN
        token = token_of(headers)
        try:
            session = await self._session(token)
        except SessionEnded:
            session = None
        except StoreError as exc:
            if not is_open:
                await unavailable(scope, exc)(scope, receive, send)
                return
            session = None
        if session is not None:
            scope = self._with_session(scope, session)
            if away := turned_away(scope, session):
                await away(scope, receive, send)
                return
        elif not is_open:
            await stranger(scope, had_token=token is not None)(scope, receive, send)
            return
        if is_unused(path):
            await failure(404, "There is no such address here.")(scope, receive, send)
            return
        if token is not None and session is not None:
            send = self._while_it_holds(token, self._noting(scope, session, send))
        with suppress(_AnswerCut):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = body_limit(scope["path"])
        if limit is None:
            await self.app(scope, receive, send)
            return
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, bounded(receive, limit), watching)
        except RequestError as exc:
            if started:
                raise
            await answer_for(exc)(scope, receive, send)

    async def _session(self, token: str | None) -> Session | None:
        """The session of a token, or None without one. Raises SessionEnded, StoreError."""
        if token is None:
            return None
        if is_personal(token):
            return await to_thread.run_sync(self._tokens.verify, token, limiter=self._lanes)
        session = self._accounts.remembered(token)
        if session is None:
            session = await to_thread.run_sync(
                self._accounts.verify, token, limiter=self._lanes
            )
        return session

    async def _holds(self, token: str) -> bool:
        """Whether an open tab's session goes on; while nobody can tell, it does."""
        try:
            return await self._session(token) is not None
        except SessionEnded:
            return False
        except StoreError:
            return True

    def _while_it_holds(self, token: str, send: Send) -> Send:
        """Cuts off an answer that outlives its session: a client may take days over a download."""
        now = asyncio.get_running_loop().time
        looked = now()

        async def sending(message: Message) -> None:
            nonlocal looked
            if message["type"] == "http.response.start":
                looked = now()  # what ends the session, as a new password does, is answered
            elif now() - looked >= LOOK_EVERY:
                if not await self._holds(token):
                    raise _AnswerCut  # the server closes the connection of half an answer
                looked = now()
            await send(message)

        return sending

    def _noting(self, scope: Scope, session: Session, send: Send) -> Send:
        """Puts into the audit log who got a dataset, or deleted it."""
        what = noted(scope)
        if what is None:
            return send

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                user = scope["state"]["session"].user
                await to_thread.run_sync(self._audit.note, what[0], user, what[1])
            await send(message)

        return noting

    def _with_session(self, scope: Scope, session: Session) -> Scope:
        address = client_address(scope, self._trusted)
        session = replace(session, user=replace(session.user, address=address))
        scope["state"]["session"] = session
        expires = str(int(session.expires_at.timestamp()))
        scope["headers"] += [
            (USER_HEADER, session.user.name.encode()),
            (ROLE_HEADER, session.user.role.encode()),
            (SESSION_HEADER, session.id.encode()),
            (EXPIRES_HEADER, expires.encode()),
            (ADDRESS_HEADER, address.encode()),
        ]
        return scope
