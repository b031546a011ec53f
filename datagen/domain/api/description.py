"""What the API has to offer, route by route; ``GET /api/openapi.json`` tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import datagen
from datagen.domain.api import shapes as s
from datagen.domain.api.examples import BODIES
from datagen.domain.api.links import links, operation_id
from datagen.domain.api.shapes import Shape
from datagen.domain.downloads import OPTIONS
from datagen.domain.jobs import MAX_RECORDS
from datagen.domain.passwords import MAX_PASSWORD, MIN_CHOSEN
from datagen.domain.requests import MAX_TITLE
from datagen.domain.signing_up import MAX_NAME as MAX_PERSON
from datagen.domain.tokens import MAX_DAYS, MAX_NAME

MAX_PAGE = 1_000  # records in one answer
FILES = ("application/json", "text/csv", "application/jsonl", "application/vnd.apache.parquet",
          "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/zip")
_WRONG: Mapping[int, str] = {
    400: "The request is wrong; `details` names each field.", 401: "Sign in first.",
    403: "Not allowed.", 404: "Not there, or not yours.", 409: "Not possible as things are.",
    413: "The request is too large.", 415: "Send JSON.",
    429: "Too many tries; `Retry-After` says when to come back.",
    502: "A system behind this one failed.", 503: "Not ready, or not set up.",
}
_ALWAYS = (401, 403, 413, 503)  # whatever is asked


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    does: str
    answer: Shape | None = None  # of success; None = none
    status: int = 200
    body: Shape | None = None
    query: Mapping[str, Shape] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # of the query
    fails: tuple[int, ...] = ()  # beside those that any may
    is_open: bool = False  # to strangers
    is_file: bool = False


_JOB = (404,)
_ACCEPTED = s.of({"job": s.JOB}, **s.OF_ROUND)
_NAMED = {"username": s.TEXT}
_MEMBER = {**_NAMED, "role": s.ROLE}
_OK = s.of({"ok": s.FLAG})
_HEALTH = s.of({"ok": s.FLAG, "version": s.TEXT, "timestamp": s.TIME, "serving_node": s.TEXT})

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("GET", "/health"): Operation(does="Whether this process answers", answer=_HEALTH,
                                  is_open=True),
    ("GET", "/api/health"): Operation(does="The same", answer=_HEALTH, is_open=True),
    ("GET", "/api/openapi.json"): Operation(does="This description", answer=s.OBJECT),
    ("POST", "/api/auth/login"): Operation(
        does="Sign in; sets the cookie", answer=s.of(_MEMBER), is_open=True, fails=(401, 429),
        body=s.of({"username": s.TEXT, "password": s.TEXT})),
    ("POST", "/api/auth/logout"): Operation(
        does="End this session", answer=_OK),
    ("GET", "/api/auth/me"): Operation(
        does="Who is signed in", answer=s.of({"username": s.TEXT, "role": s.ROLE,
                                              "iat": s.COUNT, "exp": s.COUNT})),
    ("POST", "/api/auth/register"): Operation(
        does="Make an account; its name and password come by mail", status=201, is_open=True,
        answer=s.of({"username": s.TEXT, "message": s.TEXT}), fails=(409, 429, 502),
        body=s.of({"name": s.text(MAX_PERSON, 1), "email": s.EMAIL,
                   "country": s.text(MAX_PERSON, 1)})),
    ("POST", "/api/auth/register/resend"): Operation(
        does="Send a mail again that did not arrive", status=202, is_open=True, fails=(429, 502),
        answer=s.of({"message": s.TEXT}), body=s.of({"email": s.EMAIL})),
    ("POST", "/api/tasks/schema"): Operation(
        does="Draft a schema: one call of the model", answer=s.DRAFT, body=s.ASKED,
        fails=(404, 409, 429, 502)),
    ("POST", "/api/tasks/confirm"): Operation(
        does="Make a draft a job, once", answer=s.of({"jobId": s.TEXT}), fails=(404, 409, 429),
        body=s.of({"draftToken": s.text(1_000_000, 1)}, schema=s.optional(s.OBJECT),
                  **s.INFERENCE)),
    ("GET", "/api/tasks"): Operation(does="Your jobs, newest first",
                                     answer=s.of({"jobs": s.listed(s.JOB)})),
    ("GET", "/api/tasks/{id}"): Operation(
        does="One job, its peers, and what was asked for", fails=_JOB,
        answer=s.of({"job": s.JOB, "peers": s.listed(s.PEER), "details": s.DETAILS},
                    **s.OF_ROUND)),
    ("PATCH", "/api/tasks/{id}"): Operation(
        does="Give a job another title", answer=s.of({"job": s.JOB}), fails=_JOB,
        body=s.of({"title": s.text(MAX_TITLE, 1)})),
    ("DELETE", "/api/tasks/{id}"): Operation(does="Delete a job for good", status=204,
                                             fails=_JOB),
    ("POST", "/api/tasks/{id}/cancel"): Operation(
        does="End a job with what there is", answer=_ACCEPTED, status=202, fails=(404, 409)),
    ("POST", "/api/tasks/{id}/retry"): Operation(
        does="Make the records that failed again", answer=_ACCEPTED, status=202,
        fails=(404, 409)),
    ("POST", "/api/tasks/{id}/close"): Operation(
        does="Close a job too few of whose peers can be reached", answer=_ACCEPTED, status=202,
        fails=(404, 409)),
    ("GET", "/api/tasks/{id}/records"): Operation(
        does="Some records of a finished job, in order", fails=(400, 404, 409, 429),
        answer=s.of({"total": s.COUNT, "offset": s.COUNT, "records": s.listed(s.RECORD)}),
        query={"offset": {"type": "integer", "minimum": 0, "maximum": MAX_RECORDS, "default": 0},
               "limit": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50}}),
    ("GET", "/api/tasks/{id}/quality"): Operation(
        does="What each column of a dataset holds, and why records failed", fails=(404, 409, 429),
        answer=s.QUALITY),
    ("GET", "/api/tasks/{id}/export"): Operation(
        does="The dataset as a file", is_file=True, fails=(400, 404, 409, 429),
        query={name: {**s.one_of(*values), "default": values[0]}
               for name, values in OPTIONS.items()}),
    ("GET", "/api/metrics"): Operation(
        does="Totals over your jobs; an admin's are of all, and tell what was asked of models",
        answer=s.of({"metrics": s.METRICS})),
    ("GET", "/api/user/settings"): Operation(does="Your model profiles", answer=s.SETTINGS),
    ("POST", "/api/user/settings"): Operation(
        does="Save a model profile, or choose one", answer=s.SETTINGS, fails=(404, 409),
        body=s.ASKED_SETTINGS),
    ("DELETE", "/api/user/settings"): Operation(
        does="Delete a model profile", answer=s.SETTINGS, fails=(400, 404),
        query={"profileId": s.NAME}, needs=("profileId",)),
    ("POST", "/api/user/models"): Operation(
        does="The models that a server offers", fails=(404, 429, 502),
        answer=s.of({"models": s.listed(s.of({"id": s.TEXT}))}), body=s.ASKED_SERVER),
    ("POST", "/api/auth/password"): Operation(
        does="Change your password", answer=_OK, fails=(429,),
        body=s.of({"currentPassword": s.TEXT, "newPassword": s.text(MAX_PASSWORD, MIN_CHOSEN)})),
    ("GET", "/api/auth/sessions"): Operation(
        does="Your open sessions", answer=s.of({"sessions": s.listed(s.SESSION)})),
    ("DELETE", "/api/auth/sessions"): Operation(
        does="End one of your sessions, by its `id`, or `all`", status=204,
        fails=(400, 404), query={"id": s.NAME, "all": s.one_of("true")}),
    ("GET", "/api/user/tokens"): Operation(
        does="Your personal tokens", answer=s.of({"tokens": s.listed(s.TOKEN)})),
    ("POST", "/api/user/tokens"): Operation(
        does="Make a personal token; its text is shown this once", status=201, fails=(409,),
        answer=s.NEW_TOKEN, body=s.of(
            {"name": s.text(MAX_NAME, 1), "scope": s.SCOPE}, days={
                "type": "integer", "minimum": 1, "maximum": MAX_DAYS})),
    ("DELETE", "/api/user/tokens"): Operation(
        does="Revoke a personal token", status=204, fails=(400, 404),
        query={"id": s.NAME}, needs=("id",)),
    ("GET", "/api/admin/accounts"): Operation(
        does="All accounts, or those that match", query={"search": s.TEXT}, fails=_JOB,
        answer=s.of({"accounts": s.listed(s.MEMBER)})),
    ("POST", "/api/admin/accounts"): Operation(
        does="Make an account; its password is shown this once", status=201, fails=(404, 409),
        answer=s.of({"password": s.TEXT}, **_MEMBER), body=s.of({"username": s.USER_NAME},
                                                                role=s.ROLE)),
    ("PATCH", "/api/admin/accounts"): Operation(
        does="Give an account another role", fails=(404, 409), answer=s.of(_MEMBER),
        body=s.of({"username": s.NAME, "role": s.ROLE})),
    ("DELETE", "/api/admin/accounts"): Operation(
        does="Deactivate an account", fails=(400, 404, 409), query={"username": s.NAME},
        needs=("username",), answer=s.of({**_NAMED, "active": s.FLAG})),
    ("POST", "/api/admin/accounts/{username}/reset"): Operation(
        does="Give an account a new password, shown this once", fails=(404, 409),
        answer=s.of({**_NAMED, "password": s.TEXT})),
    ("GET", "/api/admin/peers"): Operation(
        does="The replicas, as far as this one was told", fails=_JOB,
        answer=s.of({"peers": s.listed(s.REPLICA)})),
    ("GET", "/api/admin/settings"): Operation(
        does="The settings in force here, secrets masked", fails=_JOB,
        answer=s.of({"settings": s.listed(s.SETTING)})),
    ("GET", "/api/admin/audit"): Operation(
        does="The latest of the audit log", fails=(400, 404), query={
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}},
        answer=s.of({"events": s.listed(s.EVENT)})),
}


def statuses(method: str, one: Operation) -> tuple[int, ...]:
    """All that may be answered."""
    also = (400,) if one.body is not None else ()
    kind = () if method == "GET" else (415,)  # a form, which a page elsewhere could send
    return tuple(sorted({one.status, *one.fails, *_ALWAYS, *also, *kind}))


def told(status: int) -> str:
    """What a status other than that of success means."""
    return _WRONG[status]


def openapi() -> dict[str, Any]:
    """The description in OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), one in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _described(method, path, one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DataGen", "version": datagen.__version__},
        "paths": paths,
        "components": {
            "schemas": {"Failure": s.FAILURE},
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "datagen_session"},
                "bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"cookie": []}, {"bearer": []}],
    }


def _described(method: str, path: str, one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation_id(method, path),
        "summary": one.does,
        "responses": {str(status): _answer(status, one) for status in statuses(method, one)},
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": s.TEXT}
            for name in re.findall(r"{(\w+)}", path)
        ] + [{"name": name, "in": "query", "schema": shape, "required": name in one.needs}
             for name, shape in one.query.items()],
    }
    if onward := links((method, path), OPERATIONS):
        found["responses"][str(one.status)]["links"] = onward
    if one.is_open:
        found["security"] = []
    if one.body is not None:
        content = {"schema": one.body, "example": BODIES[method, path]}
        found["requestBody"] = {"required": True, "content": {"application/json": content}}
    return found


def _answer(status: int, one: Operation) -> dict[str, Any]:
    if status != one.status:
        failure = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
        return {"description": _WRONG[status], "content": failure}
    if one.is_file:
        return {"description": "A file.", "content": {kind: {} for kind in FILES}}
    if one.answer is None:
        return {"description": "Done."}
    return {"description": "Done.", "content": {"application/json": {"schema": one.answer}}}
