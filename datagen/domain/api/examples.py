"""A call of every route as one would type it, and the bodies such calls send."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from shlex import quote
from typing import Any
from urllib.parse import quote as in_path

from datagen.domain.api.scopes import Audience

VARIABLE = "DATAGEN_TOKEN"  # of the shell, so that no token is in a command's history
_JSON = "Content-Type: application/json"

BODIES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("POST", "/api/auth/login"): {"username": "ada", "password": "…"},
    ("POST", "/api/auth/register"): {"name": "Ada", "email": "ada@example.com",
                                     "country": "Romania"},
    ("POST", "/api/auth/register/resend"): {"email": "ada@example.com"},
    ("POST", "/api/auth/password"): {"currentPassword": "…",
                                     "newPassword": "a longer one"},
    ("POST", "/api/tasks/schema"): {
        "title": "Support tickets", "totalRecords": 20, "description": "A support ticket",
        "instructions": "Vary product, mood and length."},
    ("POST", "/api/tasks/confirm"): {"draftToken": "…"},
    ("PATCH", "/api/tasks/{id}"): {"title": "Support tickets, November"},
    ("POST", "/api/user/settings"): {"mode": "upsert", "name": "My server", "model": "my-model",
                                     "baseUrl": "https://models.example.com"},
    ("POST", "/api/user/models"): {"baseUrl": "https://models.example.com"},
    ("POST", "/api/user/tokens"): {"name": "nightly", "scope": "read", "days": 90},
    ("POST", "/api/admin/accounts"): {"username": "ada", "role": "user"},
    ("PATCH", "/api/admin/accounts"): {"username": "ada", "role": "admin"},
}
_QUERIES: Mapping[tuple[str, str], str] = {
    ("GET", "/api/tasks/{id}/records"): "offset=0&limit=50",
    ("GET", "/api/tasks/{id}/export"): "format=csv&safe=true",
    ("DELETE", "/api/user/settings"): "profileId=…", ("DELETE", "/api/user/tokens"): "id=…",
    ("DELETE", "/api/auth/sessions"): "all=true",
    ("GET", "/api/admin/accounts"): "search=ada",
    ("DELETE", "/api/admin/accounts"): "username=ada", ("GET", "/api/admin/audit"): "limit=50",
}


def curl(
    method: str, path: str, who: Audience, *, origin: str, job_id: str | None, is_file: bool
) -> str:
    """The call for a shell, on several lines; ``job_id`` None = a placeholder.

    What only a session opens uses the cookie that the call of the sign-in keeps.
    """
    call = method, path
    filled = path.replace("{id}", in_path(job_id or "JOB_ID", safe="")).replace("{username}", "ada")
    query = f"?{_QUERIES[call]}" if call in _QUERIES else ""
    parts = ["curl" if method == "GET" else f"curl -X {method}"]
    if path == "/api/auth/login":
        parts.append("-c datagen.cookies")
    elif who in {"read", "run"}:
        parts.append(f'-H "Authorization: Bearer ${VARIABLE}"')
    elif who != "everybody":
        parts.append("-b datagen.cookies")
    if call in BODIES:
        body = json.dumps(BODIES[call], ensure_ascii=False)
        parts += [f"-H {quote(_JSON)}", f"-d {quote(body)}"]
    if is_file:
        parts.append("-OJ")  # into a file with the name that the answer gives it
    return " \\\n  ".join([*parts, quote(f"{origin}{filled}{query}")])


def fields(shape: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Each field of a body: its name, what it takes in a few words, whether it must be there."""
    needed = shape.get("required", ())
    return [(name, words(one), name in needed)
            for name, one in shape.get("properties", {}).items()]


def words(shape: Mapping[str, Any]) -> str:
    """A shape in a few words."""
    if "anyOf" in shape:
        return " or ".join(words(one) for one in shape["anyOf"])
    if "enum" in shape:
        return " or ".join(f'"{value}"' for value in shape["enum"])
    kind = {"string": "text", "integer": "whole number", "array": "list", "boolean":
            "true or false"}.get(shape.get("type", ""), shape.get("type", "anything"))
    least, most = shape.get("minLength", 0), shape.get("maxLength")
    if most:
        return f"{kind} of {f'{least:,} to' if least else 'up to'} {most:,} characters"
    low, high = shape.get("minimum"), shape.get("maximum")
    bounds = [f"from {low:,}" if low is not None else "", f"to {high:,}" if high else ""]
    return re.sub(r"\s+", " ", " ".join([kind, *bounds])).strip()
