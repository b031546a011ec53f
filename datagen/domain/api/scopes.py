"""Who may call which route; a personal token opens nothing that is not listed here."""

from __future__ import annotations

from typing import Literal

# Of one's own jobs and datasets, besides which scope "run" may do everything below /api/tasks.
_READ = frozenset({"/api/tasks", "/api/metrics", "/api/auth/me", "/api/openapi.json",
                   "/api/health", "/health"})
_JOBS = "/api/tasks/"
_SAFE = frozenset({"GET", "HEAD"})
# Nobody else learns that these are there.
_ADMIN = ("/admin", "/api/admin")

Audience = Literal["everybody", "read", "run", "session", "admin"]


def opens(scope: Literal["read", "run"], method: str, path: str) -> bool:
    """Whether a token of this scope may do that; account, settings and admin never."""
    if method in _SAFE:
        return path in _READ or path.startswith(_JOBS)
    return scope == "run" and (path == "/api/tasks" or path.startswith(_JOBS))


def refusal(scope: Literal["read", "run"]) -> str:
    """Why not, in a sentence."""
    if scope == "read":
        return "This token may only read jobs and datasets."
    return "This token may only work with jobs and datasets. Sign in for everything else."


def is_for_admins(path: str) -> bool:
    """Whether a page or route is there for admins alone."""
    return any(path == one or path.startswith(f"{one}/") for one in _ADMIN)


def audience(method: str, path: str, *, is_open: bool) -> Audience:
    """The least it takes to call a route: nothing, a token of that scope, a session, a role."""
    if is_open:
        return "everybody"
    if is_for_admins(path):
        return "admin"
    if opens("read", method, path):
        return "read"
    return "run" if opens("run", method, path) else "session"
