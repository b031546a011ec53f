"""The HTTP API at a glance; shapes in each handler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route

import datagen
from datagen.api.admin import admin_routes
from datagen.api.auth import Auth, Door
from datagen.api.errors import Handler, answering, failure
from datagen.api.forms import of_forms
from datagen.api.gate import Gate
from datagen.api.own import own_routes
from datagen.api.password import password_routes
from datagen.api.policy import Policy
from datagen.api.profiles import profile_routes
from datagen.api.signin import SignIn
from datagen.api.signup import signup_routes
from datagen.api.tasks import task_routes
from datagen.domain.api.description import openapi
from datagen.domain.turns import DEAF, Reader

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.settings import Settings

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build_routes(services: Services, settings: Settings) -> list[Route]:
    """Every route of ours, to be put before Streamlit's."""
    door = Door(services.accounts, delays=services.delays, opened=services.opened,
                audit=services.audit, devices=services.devices)
    auth, page = Auth(door, services.audit, settings), SignIn(
        door, settings, offers_account=services.signing_up.is_open)
    health = _health(services, settings)
    routes = [
        Route("/login", of_forms(page.show, settings.trusted_proxies), methods=["GET"]),
        Route("/login", of_forms(page.submit, settings.trusted_proxies), methods=["POST"]),
        Route("/auth/logout", page.leave, methods=["GET"]),
        Route("/health", health, methods=["GET"]),
        Route("/api/health", health, methods=["GET"]),
        Route("/api/openapi.json", _openapi, methods=["GET"]),
        Route("/api/auth/login", answering(auth.login), methods=["POST"]),
        Route("/api/auth/logout", answering(auth.logout), methods=["POST"]),
        Route("/api/auth/me", answering(auth.me), methods=["GET"]),
        *signup_routes(services, settings),
        *password_routes(services, settings),
        *own_routes(services, settings),
        *admin_routes(services, settings),
        *task_routes(services),
        *profile_routes(services),
    ]
    routes.append(Route("/api/{rest:path}", _nothing_else(routes), methods=_METHODS))
    return routes


def build_middleware(
    services: Services, settings: Settings, *, reader: Reader = DEAF,
) -> list[Middleware]:
    """What stands in front of every route, Streamlit's included."""
    return [Middleware(Gate, accounts=services.accounts, tokens=services.tokens,
                       audit=services.audit, trusted=settings.trusted_proxies,
                       policy=Policy(settings.trusted_proxies), reader=reader)]


def _health(services: Services, settings: Settings) -> Handler:
    """``{ok,version,timestamp,serving_node}``; says that this process answers, reads no store."""

    async def health(request: Request) -> Response:
        now = services.clock.now().isoformat(timespec="milliseconds")
        return JSONResponse({
            "ok": True,
            "version": datagen.__version__,
            "timestamp": now.replace("+00:00", "Z"),
            "serving_node": settings.peer_id,
        })

    return health


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi())


def _nothing_else(routes: Sequence[BaseRoute]) -> Handler:
    """404 or 405 in our shape, where Streamlit would answer with its page."""
    known = tuple(routes)

    async def nothing(request: Request) -> Response:
        allowed = {
            method
            for route in known if route.matches(request.scope)[0] is Match.PARTIAL
            for method in getattr(route, "methods", None) or ()
        }
        if not allowed:
            return failure(404, "There is no such address here.")
        response = failure(405, f"{request.method} is not possible here.")
        response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    return nothing
