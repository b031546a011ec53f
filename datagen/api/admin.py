"""Administration over HTTP; the gate lets admins in alone, and so does the service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from datagen.api.auth import session_of
from datagen.api.errors import answering
from datagen.api.headers import client_address
from datagen.api.inputs import read_json, read_names, whole_in
from datagen.domain.errors import InputError, Problem
from datagen.domain.users import Role, User
from datagen.services.administration import must_be_admin
from datagen.services.people_answers import event_answer, member_answer, peer_answer

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.settings import Settings

MAX_EVENTS = 1_000


def admin_routes(services: Services, settings: Settings) -> list[Route]:
    """The routes below /api/admin."""
    one = _Admin(services, settings)
    accounts = "/api/admin/accounts"
    return [
        Route(accounts, answering(one.list), methods=["GET"]),
        Route(accounts, answering(one.create), methods=["POST"]),
        Route(accounts, answering(one.change), methods=["PATCH"]),
        Route(accounts, answering(one.deactivate), methods=["DELETE"]),
        Route(accounts + "/{username}/reset", answering(one.reset), methods=["POST"]),
        Route("/api/admin/peers", answering(one.peers), methods=["GET"]),
        Route("/api/admin/settings", answering(one.settings), methods=["GET"]),
        Route("/api/admin/audit", answering(one.audit), methods=["GET"]),
    ]


class _Admin:
    """The handlers."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services, self._members = services, services.administration
        self._trusted = settings.trusted_proxies

    async def list(self, request: Request) -> Response:
        """``{accounts:[…]}``; ``?search=`` narrows them."""
        found = await run_in_threadpool(self._members.members, self._admin(request),
                                        request.query_params.get("search", ""))
        return JSONResponse({"accounts": [member_answer(one) for one in found]})

    async def create(self, request: Request) -> Response:
        """``{username,role?}`` -> 201 with ``password``, shown this once."""
        body = await read_json(request)
        made = await run_in_threadpool(self._members.create, self._admin(request),
                                       _name(body), _role(body, "user"))
        return JSONResponse({"username": made.account.name, "role": made.account.role,
                             "password": made.password}, 201)

    async def change(self, request: Request) -> Response:
        """``{username,role}``."""
        body = await read_json(request)
        account = await run_in_threadpool(self._members.set_role, self._admin(request),
                                          _name(body), _role(body))
        return JSONResponse({"username": account.name, "role": account.role})

    async def deactivate(self, request: Request) -> Response:
        """``{username}``: nobody signs in with it, and its sessions end."""
        name = _name(await read_names(request))
        account = await run_in_threadpool(self._members.deactivate, self._admin(request), name)
        return JSONResponse({"username": account.name, "active": account.active})

    async def reset(self, request: Request) -> Response:
        """A new ``password``, shown this once; the account is active again."""
        name = request.path_params["username"]
        password = await run_in_threadpool(self._members.reset, self._admin(request), name)
        return JSONResponse({"username": name.strip().lower(), "password": password})

    async def peers(self, request: Request) -> Response:
        """``{peers:[…]}``: who is alive, as far as this replica was told."""
        must_be_admin(self._admin(request))
        found = await run_in_threadpool(self._services.fleet.peers)
        return JSONResponse({"peers": [peer_answer(one) for one in found]})

    async def settings(self, request: Request) -> Response:
        """``{settings:[{name,value,isDefault}]}`` of this replica, secrets masked."""
        must_be_admin(self._admin(request))
        return JSONResponse({"settings": [
            {"name": one.name, "value": one.value, "isDefault": one.is_default}
            for one in self._services.settings.in_force]})

    async def audit(self, request: Request) -> Response:
        """``{events:[{at,what,who,about,address,times,peer}]}``, newest first."""
        must_be_admin(self._admin(request))
        limit = whole_in(request.query_params, "limit", 200, least=1, most=MAX_EVENTS)
        found = await run_in_threadpool(self._services.audit.latest, limit)
        return JSONResponse({"events": [event_answer(one) for one in found]})

    def _admin(self, request: Request) -> User:
        return replace(session_of(request).user,
                       address=client_address(request.scope, self._trusted))


def _name(body: dict[str, Any]) -> str:
    value = body.get("username")
    if not isinstance(value, str) or not value:
        raise _wrong("username", "Name an account.")
    return value


def _role(body: dict[str, Any], default: str = "") -> Role:
    match body.get("role", default):
        case "admin":
            return "admin"
        case "user":
            return "user"
        case _:
            raise _wrong("role", "A role is admin or user.")


def _wrong(path: str, message: str) -> InputError:
    return InputError(message, [Problem(path=path, message=message)])
