"""What every route and page of the running app answers to everybody who may come to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SECRET = "PLANTED"  # in whatever belongs to ada
DRAFT = {"title": "Birds", "totalRecords": 1, "description": "a bird", "instructions": "vary"}
OUTSIDERS = ("anonymous", "deactivated", "expired", "forged", "revoked token",
             "token of deactivated", "changed token")
# Scripts with a personal token: its owner, and what it may do.
SCRIPTS = {"ben's read": ("ben", "read"), "ben's run": ("ben", "run"),
           "admin's run": ("admin", "run"), "ada's read": ("ada", "read"),
           "ada's run": ("ada", "run")}
PEOPLE = ("newcomer", "ben", "admin")
PAGES = ("/", "/account", "/admin", "/api_docs", "/dataset", "/job", "/jobs", "/metrics", "/models",
         "/new")


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a route answers to who is signed in; whom it is not open to gets 401 (or 303)."""

    ada: int  # whose job, profile and draft are named
    ben: int
    admin: int
    anonymous: int = 401
    token: Literal["read", "run"] | None = None  # the least that a personal token needs; else 403
    body: Mapping[str, Any] | None = None
    ends: bool = False  # the session or the job, so each call needs one of its own


def all_of(status: int, **more: Any) -> Row:
    return Row(ada=status, ben=status, admin=status, **more)


def mine(status: int, **more: Any) -> Row:
    """Of one's own things: nobody else learns whether they are there."""
    return Row(ada=status, ben=404, admin=404, **more)


def of_admins(status: int, **more: Any) -> Row:
    """For others it does not exist."""
    return Row(ada=404, ben=404, admin=status, **more)


NOTHING = all_of(404)
ROWS: dict[tuple[str, str], Row] = {
    # open to everybody
    ("GET", "/login"): all_of(303, anonymous=200),
    ("POST", "/login"): all_of(400, anonymous=400, body={}),
    ("GET", "/auth/logout"): all_of(303, anonymous=303),
    ("GET", "/health"): all_of(200, anonymous=200, token="read"),
    ("GET", "/api/health"): all_of(200, anonymous=200, token="read"),
    ("POST", "/api/auth/login"): all_of(400, anonymous=400, body={}),
    ("GET", "/signup"): all_of(303, anonymous=503),  # no mail is configured here
    ("POST", "/signup"): all_of(303, anonymous=303, body={}),
    ("POST", "/signup/resend"): all_of(303, anonymous=303, body={}),
    ("POST", "/api/auth/register"): all_of(400, anonymous=400, body={}),
    ("POST", "/api/auth/register/resend"): all_of(400, anonymous=400, body={}),
    # of the user
    ("GET", "/api/auth/me"): all_of(200, token="read"),
    ("GET", "/api/tasks"): all_of(200, token="read"),
    ("GET", "/api/metrics"): all_of(200, token="read"),
    ("GET", "/api/user/settings"): all_of(200),
    ("POST", "/api/user/settings"): mine(200, body={"mode": "activate", "profileId": "{profile}"}),
    ("POST", "/api/user/models"): mine(200, body={"profileId": "{profile}"}),
    ("POST", "/api/tasks/schema"): mine(
        200, body={**DRAFT, "previousDraftToken": "{draft}"}, token="run"),
    ("POST", "/api/tasks/confirm"): mine(200, body={"draftToken": "{draft}"}, token="run"),
    ("GET", "/api/tasks/{id}"): mine(200, token="read"),
    ("GET", "/api/openapi.json"): all_of(200, token="read"),
    ("GET", "/api/tasks/{id}/records"): mine(200, token="read"),
    ("GET", "/api/tasks/{id}/quality"): mine(200, token="read"),
    ("GET", "/api/tasks/{id}/export"): mine(200, token="read"),
    ("PATCH", "/api/tasks/{id}"): mine(200, body={"title": f"{SECRET} again"}, token="run"),
    # of a job that is over, and of which nothing failed
    **{("POST", f"/api/tasks/{{id}}/{act}"): mine(409, token="run")
       for act in ("cancel", "retry", "close")},
    **{(method, "/api/{rest:path}"): NOTHING
       for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")},
    # Streamlit's: what it needs to draw pages, and nothing else
    **{("GET", page): all_of(200) for page in PAGES},
    **{(method, "/_stcore/health"): all_of(status) for method, status in
       (("GET", 200), ("OPTIONS", 204))},
    ("GET", "/_stcore/host-config"): all_of(200),
    **{(method, path): all_of(404 if method == "GET" else 204) for method in ("GET", "OPTIONS")
       for path in ("/media/{file_id:path}", "/component/{path:path}", "/app/static/{path:path}",
                    "/_stcore/bidi-components/{path:path}")},
    **{(method, "/_stcore/metrics"): NOTHING for method in ("GET", "OPTIONS")},
    **{(method, "/_stcore/upload_file/{session_id}/{file_id}"): NOTHING
       for method in ("PUT", "DELETE", "OPTIONS")},
    **{(method, f"/_stcore/agent/{name}"): NOTHING
       for name in ("interact", "openapi.json", "mcp")
       for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")},
    ("GET", "/auth/login"): NOTHING,
    ("GET", "/oauth2callback"): NOTHING,
    # of one's account
    ("GET", "/password"): all_of(200),
    ("POST", "/password"): all_of(400, body={}),
    ("POST", "/api/auth/password"): all_of(400, body={}),
    ("GET", "/api/auth/sessions"): all_of(200),
    ("DELETE", "/api/auth/sessions"): all_of(400, body={}),
    ("GET", "/api/user/tokens"): all_of(200),
    ("POST", "/api/user/tokens"): all_of(400, body={}),
    ("DELETE", "/api/user/tokens"): all_of(400, body={}),
    # of admins: for others they are not there
    ("GET", "/admin"): of_admins(200),  # in place of the row above
    ("GET", "/api/admin/accounts"): of_admins(200),
    ("POST", "/api/admin/accounts"): of_admins(400, body={"username": "x"}),
    ("PATCH", "/api/admin/accounts"): of_admins(404, body={"username": "x", "role": "user"}),
    ("DELETE", "/api/admin/accounts"): of_admins(404, body={"username": "x"}),
    ("POST", "/api/admin/accounts/{username}/reset"): of_admins(404),
    ("GET", "/api/admin/peers"): of_admins(200),
    ("GET", "/api/admin/settings"): of_admins(200),
    ("GET", "/api/admin/audit"): of_admins(200),
    # what is gone afterwards comes last
    ("DELETE", "/api/user/settings"): mine(200, body={"profileId": "{profile}"}),
    ("DELETE", "/api/tasks/{id}"): mine(204, token="run", ends=True),
    ("POST", "/api/auth/logout"): all_of(200, body={}, ends=True),
}
# What is left to somebody whose password was made for them, besides what is open to everybody.
LEFT = {("GET", "/api/auth/me"), ("GET", "/password"), ("POST", "/password"),
        ("POST", "/api/auth/password"), ("POST", "/api/auth/logout")}


def wanted_of(call: tuple[str, str], row: Row, who: str) -> int:
    """The status that this caller gets."""
    if who in OUTSIDERS:
        return row.anonymous
    if who == "newcomer":
        return row.ben if call in LEFT or row.anonymous != 401 else 403
    owner, scope = SCRIPTS.get(who, (who, None))
    if scope and row.token not in ({"read"} if scope == "read" else {"read", "run"}):
        return 403
    return int(getattr(row, owner))
