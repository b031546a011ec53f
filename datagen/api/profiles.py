"""Model profiles over HTTP: the earlier application's settings, and what a server offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from datagen.api.errors import answering
from datagen.api.held import hold
from datagen.api.inputs import read_json, read_names
from datagen.domain.errors import InputError, Problem
from datagen.domain.profile_requests import ProfileRequest
from datagen.domain.profiles import without
from datagen.domain.users import Session, User
from datagen.services.answers import settings_answer
from datagen.services.profile_use import jobs_that_stop

if TYPE_CHECKING:
    from datagen.bootstrap import Services

_PATH = "/api/user/settings"


def profile_routes(services: Services) -> list[Route]:
    """The routes of the user's own settings."""
    own = _Settings(services)
    return [
        Route(_PATH, answering(own.get), methods=["GET"]),
        Route(_PATH, answering(own.change), methods=["POST"]),
        Route(_PATH, answering(own.delete), methods=["DELETE"]),
        Route("/api/user/models", answering(own.models), methods=["POST"]),
    ]


class _Settings:
    """The handlers; services are called in a thread, since stores may take their time."""

    def __init__(self, services: Services) -> None:
        self._services, self._profiles = services, services.profiles

    async def get(self, request: Request) -> Response:
        """All profiles; of keys only whether there is one."""
        return await self._all(_user(request))

    async def change(self, request: Request) -> Response:
        """``mode``: upsert one, or activate one (null = the server's own)."""
        user, body = _user(request), await read_json(request)
        mode = body.get("mode", "upsert")
        if mode not in ("upsert", "activate"):
            raise _wrong("mode", "This must be upsert or activate.")
        hold(body, "POST", _PATH, lambda: self._profiles.judge(_asked(body))
             if mode == "upsert" else _id_of(body))
        if mode == "upsert":
            await run_in_threadpool(self._profiles.save, user, _asked(body))
        else:
            await run_in_threadpool(self._profiles.activate, user, _id_of(body))
        return await self._all(user)

    async def delete(self, request: Request) -> Response:
        """One profile, named in the query or the body; tells which open jobs stop."""
        user, profile_id = _user(request), _id_of(await read_names(request))
        if not profile_id:
            raise _wrong("profileId", "Name the model profile to delete.")
        stopped = await run_in_threadpool(self._deleted, user, profile_id)
        return await self._all(user, **({"stoppedJobs": stopped} if stopped else {}))

    def _deleted(self, user: User, profile_id: str) -> list[str]:
        now = self._profiles.seen_by(user)
        then = without(now, profile_id, self._services.clock.now())
        views = jobs_that_stop(self._services.jobs, user, now=now, then=then)
        self._profiles.delete(user, profile_id)
        return [view.job.id for view in views]

    async def models(self, request: Request) -> Response:
        """What a server offers: a profile's, one that is named, or the one that is used now."""
        user, body = _user(request), await read_json(request)
        hold(body, "POST", "/api/user/models", lambda: self._profiles.judge(_asked(body)))
        named = any(body.get(name) for name in ("profileId", "id", "baseUrl"))
        names = await self._profiles.models(user, _asked(body) if named else None)
        return JSONResponse({"models": [{"id": name} for name in names]})

    async def _all(self, user: User, **more: Any) -> Response:
        known = await run_in_threadpool(self._profiles.seen_by, user)
        return JSONResponse({**settings_answer(known, self._profiles.most), **more})


def _asked(body: Mapping[str, Any]) -> ProfileRequest:
    """The body as a request; the service judges every value's type and bounds."""
    given = body.get("profile")
    said: Mapping[str, Any] = given if isinstance(given, dict) else body
    return ProfileRequest(
        id=_id_of(body) or _id_of(said), name=said.get("name"), base_url=said.get("baseUrl") or "",
        path=said.get("path"), model=said.get("model"), api_key=said.get("apiKey"),
        drops_key="apiKey" in said and said["apiKey"] is None, dialect=said.get("dialect"),
        parameters={} if said.get("parameters") is None else said["parameters"],
        requests_per_minute=said.get("requestsPerMinute"),
        tokens_per_minute=said.get("tokensPerMinute"), max_in_flight=said.get("maxInFlight"),
        polled=False if said.get("polled") is None else said["polled"],
    )


def _id_of(body: Mapping[str, Any]) -> str | None:
    value = body.get("profileId", body.get("id"))
    if not isinstance(value, str | None):
        raise _wrong("profileId", "This must be the id of a model profile.")
    return value or None


def _wrong(path: str, message: str) -> InputError:
    return InputError(message, [Problem(path=path, message=message)])


def _user(request: Request) -> User:
    """The user the gate let in."""
    return cast("Session", request.state.session).user
