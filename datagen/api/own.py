"""One's own sessions and personal tokens over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from datagen.api.auth import session_of
from datagen.api.errors import answering
from datagen.api.headers import clear_session, client_address
from datagen.api.inputs import read_json, read_names
from datagen.domain.errors import InputError, Problem
from datagen.domain.users import User
from datagen.services.people_answers import session_answer, token_answer

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.settings import Settings


def own_routes(services: Services, settings: Settings) -> list[Route]:
    """The routes of what belongs to oneself."""
    one = _Own(services, settings)
    sessions, tokens = "/api/auth/sessions", "/api/user/tokens"
    return [
        Route(sessions, answering(one.sessions), methods=["GET"]),
        Route(sessions, answering(one.end_sessions), methods=["DELETE"]),
        Route(tokens, answering(one.tokens), methods=["GET"]),
        Route(tokens, answering(one.make_token), methods=["POST"]),
        Route(tokens, answering(one.revoke_token), methods=["DELETE"]),
    ]


class _Own:
    """The handlers."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._own, self._tokens = services.own_account, services.tokens
        self._trusted = settings.trusted_proxies

    async def sessions(self, request: Request) -> Response:
        """``{sessions:[{id,openedAt,expiresAt,address,agent,current}]}``: opened here."""
        user, present = self._user(request), session_of(request).id
        found = await run_in_threadpool(self._own.sessions, user)
        return JSONResponse({"sessions": [session_answer(one, present) for one in found]})

    async def end_sessions(self, request: Request) -> Response:
        """``{id}`` ends one, ``{all:true}`` every one, this one too."""
        user, body = self._user(request), await read_names(request)
        if body.get("all") in (True, "true"):
            await run_in_threadpool(self._own.end_all_sessions, user)
            response = Response(status_code=204)
            clear_session(response)
            return response
        await run_in_threadpool(self._own.end_session, user, _id(body))
        return Response(status_code=204)

    async def tokens(self, request: Request) -> Response:
        """``{tokens:[{id,name,scope,createdAt,expiresAt,lastUsedAt}]}``."""
        found = await run_in_threadpool(self._tokens.list, self._user(request))
        return JSONResponse({"tokens": [token_answer(one) for one in found]})

    async def make_token(self, request: Request) -> Response:
        """``{name,scope,days?}`` -> 201 with ``token``, the text that is shown this once."""
        body = await read_json(request)
        made = await run_in_threadpool(
            self._tokens.create, self._user(request), body.get("name"), body.get("scope"),
            body.get("days", 90))
        return JSONResponse({**token_answer(made.token), "token": made.text}, 201)

    async def revoke_token(self, request: Request) -> Response:
        """``{id}``: it opens nothing any more."""
        await run_in_threadpool(self._tokens.revoke, self._user(request),
                                _id(await read_names(request)))
        return Response(status_code=204)

    def _user(self, request: Request) -> User:
        return replace(session_of(request).user,
                       address=client_address(request.scope, self._trusted))


def _id(body: dict[str, Any]) -> str:
    value = body.get("id")
    if not isinstance(value, str) or not value:
        raise InputError("Name one by its id.", [Problem(path="id", message="Send an id.")])
    return value
