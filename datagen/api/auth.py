"""``/api/auth/*`` and the sign-in that the form shares with it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from datagen.api.errors import ACCOUNTS_AWAY
from datagen.api.headers import (
    DEVICE,
    Networks,
    clear_session,
    client_address,
    set_session,
    token_of,
)
from datagen.api.inputs import read_json
from datagen.domain.errors import (
    InputError,
    Problem,
    SessionEnded,
    SignInFailed,
    StoreError,
    TooManyTries,
)
from datagen.domain.users import Session
from datagen.services.accounts import canonical

if TYPE_CHECKING:
    from datagen.services.accounts import Accounts
    from datagen.services.audit import Audit
    from datagen.services.delays import Delays
    from datagen.services.devices import Devices
    from datagen.services.open_sessions import OpenSessions
    from datagen.settings import Settings

_LOG = logging.getLogger(__name__)

SIGN_INS_AT_ONCE = 2  # threads that may hash; the others wait without holding one
MOST_IN_LINE = 64  # then they are sent away: a flood must not fill the memory


def session_of(request: Request) -> Session:
    """The session the gate verified. Raises SessionEnded where there is none."""
    session = request.scope.get("state", {}).get("session")
    if not isinstance(session, Session):
        raise SessionEnded("Sign in first.")
    return session


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Where a sign-in comes from."""

    address: str
    agent: str = ""
    device: str | None = None  # the cookie of a browser that signed in before


class Door:
    """Signs in off the event loop, a few at a time: each needs 64 MiB and 0.3 s."""

    def __init__(
        self, accounts: Accounts, *, delays: Delays, opened: OpenSessions, audit: Audit,
        devices: Devices, pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.accounts, self.devices, self.audit = accounts, devices, audit
        self._delays, self._opened = delays, opened
        self._pause = pause
        self._lanes = CapacityLimiter(SIGN_INS_AT_ONCE)
        self._in_line = 0
        self._failed_at = -math.inf  # seconds of the event loop's clock

    async def sign_in(self, name: str, password: str, caller: Caller) -> tuple[str, Session]:
        """A token and its session. Raises SignInFailed, TooManyTries, StoreError.

        Who stood in line while the store failed is told so, too, instead of waiting as long.
        """
        name = canonical(name)
        device = self.devices.known(caller.device, name)
        if self._in_line >= MOST_IN_LINE:
            raise TooManyTries("Many people are signing in just now. Try again in a moment.",
                               retry_after=5)
        held = self._delays.begin(name, caller.address, device)
        self._in_line += 1
        try:
            if held:
                await self._pause(held)
            token, session = await self._attempt(name, password, caller.address)
        finally:
            self._in_line -= 1
        self._delays.succeeded(name, caller.address, device)
        user = replace(session.user, address=caller.address)
        await to_thread.run_sync(self._opened.opened, session, caller.address, caller.agent)
        await to_thread.run_sync(self.audit.note, "signed in", user)
        return token, session

    async def _attempt(self, name: str, password: str, address: str) -> tuple[str, Session]:
        now = asyncio.get_running_loop().time
        came = now()

        def attempt() -> tuple[str, Session]:
            if self._failed_at > came:
                raise StoreError("The store just failed.")
            try:
                return self.accounts.sign_in(name, password)
            except SignInFailed as exc:
                self.audit.failed(exc.account, address)
                raise

        try:
            return await to_thread.run_sync(attempt, limiter=self._lanes)
        except StoreError as exc:
            if self._failed_at <= came:
                self._failed_at = now()
                _LOG.warning("Nobody can sign in. %s", exc)
            raise StoreError(f"Signing in is not possible now. {ACCOUNTS_AWAY}") from exc


def caller(request: Request, trusted: Networks) -> Caller:
    """Where the request says, or a trusted proxy does, that it comes from."""
    return Caller(address=client_address(request.scope, trusted),
                  agent=request.headers.get("user-agent", ""),
                  device=request.cookies.get(DEVICE))


class Auth:
    """The handlers of ``/api/auth/*``."""

    def __init__(self, door: Door, audit: Audit, settings: Settings) -> None:
        self._door, self._audit = door, audit
        self._trusted = settings.trusted_proxies

    async def login(self, request: Request) -> Response:
        """``{username,password}`` -> ``{username,role}`` and the cookie."""
        body = await read_json(request)
        name, password = body.get("username"), body.get("password")
        if not isinstance(name, str) or not isinstance(password, str):
            raise InputError("Send a user name and a password.", [
                Problem(path=path, message="This must be a text.")
                for path in ("username", "password") if not isinstance(body.get(path), str)
            ])
        token, session = await self._door.sign_in(name, password, caller(request, self._trusted))
        response = JSONResponse({"username": session.user.name, "role": session.user.role})
        set_session(response, token, request.scope, self._trusted)
        return response

    async def logout(self, request: Request) -> Response:
        """Ends the session here and in every tab, and takes the cookie back."""
        token = token_of(request.headers)
        if token is not None:
            await to_thread.run_sync(self._door.accounts.sign_out, token)
        if session := request.scope.get("state", {}).get("session"):
            await to_thread.run_sync(self._audit.note, "signed out", session.user)
        response = JSONResponse({"ok": True})
        clear_session(response, "bye")
        return response

    async def me(self, request: Request) -> Response:
        """``{username,role,iat,exp}``, times in seconds since 1970."""
        session = session_of(request)
        return JSONResponse({
            "username": session.user.name,
            "role": session.user.role,
            "iat": int(session.issued_at.timestamp()),
            "exp": int(session.expires_at.timestamp()),
        })
