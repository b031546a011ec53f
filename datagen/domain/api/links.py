"""Which answer holds what another call takes: OpenAPI's links, for tools that follow them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Call = tuple[str, str]  # method and path

# Where an answer names a thing, and the paths that begin with that name.
_NAMES: Mapping[Call, tuple[str, str, str]] = {
    ("POST", "/api/tasks/confirm"): ("id", "/jobId", "/api/tasks/{id}"),
    ("POST", "/api/admin/accounts"): ("username", "/username", "/api/admin/accounts/{username}"),
}
_QUERIES: Mapping[Call, tuple[str, str, Call]] = {
    ("POST", "/api/user/settings"): ("profileId", "/profiles/0/id",
                                     ("DELETE", "/api/user/settings")),
    ("POST", "/api/user/tokens"): ("id", "/id", ("DELETE", "/api/user/tokens")),
    ("GET", "/api/auth/sessions"): ("id", "/sessions/0/id", ("DELETE", "/api/auth/sessions")),
    ("POST", "/api/admin/accounts"): ("username", "/username", ("DELETE", "/api/admin/accounts")),
}
_BODIES: Mapping[Call, tuple[str, str, Call]] = {
    ("POST", "/api/tasks/schema"): ("draftToken", "/draftToken", ("POST", "/api/tasks/confirm")),
    ("POST", "/api/admin/accounts"): ("username", "/username", ("PATCH", "/api/admin/accounts")),
}


def operation_id(method: str, path: str) -> str:
    """A call's name, as generated clients use it: ``get_tasks_id_export``."""
    return "_".join([method.lower(), *re.findall(r"\w+", path.removeprefix("/api/"))])


def links(call: Call, calls: Iterable[Call]) -> dict[str, Any]:
    """The links of the answer to ``call``; ``calls``: all that there are."""
    found: dict[Call, dict[str, Any]] = {}
    if call in _NAMES:
        name, where, prefix = _NAMES[call]
        for other in calls:
            if other[1].startswith(prefix):
                found[other] = {"parameters": {f"path.{name}": _said(where)}}
    if call in _QUERIES:
        name, where, other = _QUERIES[call]
        found[other] = {"parameters": {f"query.{name}": _said(where)}}
    if call in _BODIES:
        name, where, other = _BODIES[call]
        found[other] = {"requestBody": {name: _said(where)}}
    return {operation_id(*other): {"operationId": operation_id(*other), **link}
            for other, link in found.items()}


def _said(pointer: str) -> str:
    return f"$response.body#{pointer}"
