"""``/api/auth/*`` and the sign-in that the form shares with it."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from datagen.api.errors import ACCOUNTS_AWAY, read_json
from datagen.api.headers import clear_session, client_address, set_session, token_of
from datagen.domain.errors import InputError, Problem, SessionEnded, StoreError
from datagen.domain.users import Session

if TYPE_CHECKING:
    from datagen.services.accounts import Accounts
    from datagen.settings import Settings

_LOG = logging.getLogger(__name__)

SIGN_INS_AT_ONCE = 4  # threads that may hash; the others wait without holding one


def session_of(request: Request) -> Session:
    """The session the gate verified. Raises SessionEnded where there is none."""
    session = request.scope.get("state", {}).get("session")
    if not isinstance(session, Session):
        raise SessionEnded("Sign in first.")
    return session


class Door:
    """Signs in off the event loop, a few at a time: each needs 64 MiB and 0.3 s."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self._lanes = CapacityLimiter(SIGN_INS_AT_ONCE)
        self._failed_at = -math.inf  # seconds of the event loop's clock

    async def sign_in(self, name: str, password: str, address: str) -> tuple[str, Session]:
        """A token and its session. Raises SignInFailed, StoreError.

        Who stood in line while the store failed is told so, too, instead of waiting as long.
        """
        now = asyncio.get_running_loop().time
        came = now()

        def attempt() -> tuple[str, Session]:
            if self._failed_at > came:
                raise StoreError("The store just failed.")
            return self.accounts.sign_in(name, password)

        try:
            return await to_thread.run_sync(attempt, limiter=self._lanes)
        except StoreError as exc:
            if self._failed_at <= came:
                self._failed_at = now()
                _LOG.warning("Nobody can sign in. %s", exc)
            raise StoreError(f"Signing in is not possible now. {ACCOUNTS_AWAY}") from exc


class Auth:
    """The handlers of ``/api/auth/*``."""

    def __init__(self, door: Door, settings: Settings) -> None:
        self._door = door
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
        token, session = await self._door.sign_in(
            name, password, client_address(request.scope, self._trusted))
        response = JSONResponse({"username": session.user.name, "role": session.user.role})
        set_session(response, token, request.scope, self._trusted)
        return response

    async def logout(self, request: Request) -> Response:
        """Ends the session here and in every tab, and takes the cookie back."""
        token = token_of(request.headers)
        if token is not None:
            await to_thread.run_sync(self._door.accounts.sign_out, token)
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
