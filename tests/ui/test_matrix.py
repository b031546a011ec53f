"""Every route of the running app, Streamlit's own ones too, for everybody who may come to it.

The table is checked against the app's routes: one that is added without a row fails here.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from replica import ADA, ROOT, World
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime

from datagen.api.gate import OPEN
from datagen.domain.profile_requests import ProfileRequest
from datagen.domain.requests import DraftRequest

ORIGIN = "http://localhost:8501"
PASSWORD = "a password of some length"
STREAM = "ws://localhost:8501/_stcore/stream"
SECRET = "PLANTED"  # in whatever belongs to ada
OUTSIDERS = ("anonymous", "deactivated", "expired", "forged")
DRAFT = {"title": "Birds", "totalRecords": 1, "description": "a bird", "instructions": "vary"}
PAGES = sorted(f"/{file.stem}" for file in (ROOT / "pages").glob("*.py"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a route answers to who is signed in; whom it is not open to gets 401 (or 303)."""

    ada: int  # whose job, profile and draft are named
    ben: int
    admin: int
    anonymous: int = 401
    body: Mapping[str, Any] | None = None
    ends: bool = False  # the session, so each call needs one of its own


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
    ("GET", "/health"): all_of(200, anonymous=200),
    ("GET", "/api/health"): all_of(200, anonymous=200),
    ("POST", "/api/auth/login"): all_of(400, anonymous=400, body={}),
    ("GET", "/signup"): all_of(303, anonymous=503),  # no mail is configured here
    ("POST", "/signup"): all_of(303, anonymous=303, body={}),
    ("POST", "/signup/resend"): all_of(303, anonymous=303, body={}),
    ("POST", "/api/auth/register"): all_of(400, anonymous=400, body={}),
    ("POST", "/api/auth/register/resend"): all_of(400, anonymous=400, body={}),
    # of the user
    ("GET", "/api/auth/me"): all_of(200),
    ("GET", "/api/tasks"): all_of(200),
    ("GET", "/api/metrics"): all_of(200),
    ("GET", "/api/user/settings"): all_of(200),
    ("POST", "/api/user/settings"): mine(200, body={"mode": "activate", "profileId": "{profile}"}),
    ("POST", "/api/user/models"): mine(200, body={"profileId": "{profile}"}),
    ("POST", "/api/tasks/schema"): mine(200, body={**DRAFT, "previousDraftToken": "{draft}"}),
    ("POST", "/api/tasks/confirm"): mine(200, body={"draftToken": "{draft}"}),
    ("GET", "/api/tasks/{id}"): mine(200),
    ("GET", "/api/openapi.json"): all_of(200),
    ("GET", "/api/tasks/{id}/records"): mine(200),
    ("GET", "/api/tasks/{id}/export"): mine(200),
    ("PATCH", "/api/tasks/{id}"): mine(200, body={"title": f"{SECRET} again"}),
    ("POST", "/api/tasks/{id}/cancel"): Row(ada=409, ben=404, admin=404),  # it is over
    ("POST", "/api/tasks/{id}/retry"): Row(ada=409, ben=404, admin=404),  # nothing failed
    ("POST", "/api/tasks/{id}/close"): Row(ada=409, ben=404, admin=404),
    **{(method, "/api/{rest:path}"): NOTHING
       for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")},
    # Streamlit's: what it needs to draw pages, and nothing else
    **{("GET", page): all_of(200) for page in ("/", *PAGES)},
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
    ("GET", "/admin"): of_admins(200),
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
    ("DELETE", "/api/tasks/{id}"): mine(204),
    ("POST", "/api/auth/logout"): all_of(200, body={}, ends=True),
}


@pytest.fixture
def client(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The app, as a web process builds it."""
    monkeypatch.chdir(ROOT)  # Streamlit reads its config from there
    monkeypatch.setattr(Runtime, "_instance", None)  # one per process is all it allows
    monkeypatch.setattr(config, "_main_script_path", None)
    monkeypatch.delitem(sys.modules, "streamlit_app", raising=False)
    app = importlib.import_module("streamlit_app").app
    with TestClient(app, base_url=ORIGIN, follow_redirects=False,
                    client=("127.0.0.1", 50000)) as client:
        client.headers.pop("accept", None)
        yield client


@pytest.fixture
def tokens(world: World) -> dict[str, str]:
    """A token of everybody; "anonymous" has none."""
    services = world.services
    services.accounts.create("root", PASSWORD, role="admin")
    services.accounts.create("cleo", PASSWORD)
    found = {name: sign_in(world, name) for name in ("ada", "ben", "root", "cleo")}
    found["admin"], found["deactivated"] = found.pop("root"), found.pop("cleo")
    services.accounts.deactivate("cleo")
    secret = (services.settings.data_dir / "session_secret").read_text().strip()
    claims = jwt.decode(found["ada"], secret, ["HS256"])
    now = int(datetime.now(UTC).timestamp())
    over = claims | {"iat": now - 700_000, "exp": now - 1}
    found["expired"] = jwt.encode(over, secret, "HS256")
    found["forged"] = jwt.encode(claims | {"role": "admin"}, "x" * 64, "HS256")
    services.accounts.verify(jwt.encode(claims, secret, "HS256"))  # it is not the key that fails
    return found


def sign_in(world: World, name: str) -> str:
    return world.services.accounts.sign_in(name, PASSWORD)[0]


@pytest.fixture
def things(world: World) -> dict[str, str]:
    """What ada has: a job with its records, a draft, a model profile."""
    services = world.services
    draft = asyncio.run(services.drafts.draft(ADA, DraftRequest(
        title=f"{SECRET} birds", total_records=1, description="a bird", instructions="vary")))
    profile = services.profiles.save(ADA, ProfileRequest(
        name=f"{SECRET} model", base_url="http://model.invalid", api_key=f"{SECRET}-key"))
    return {"id": world.finish(f"{SECRET} plans", records=2),
            "draft": services.drafts.sign(ADA, draft), "profile": profile.id}


def routes_of(app: Any) -> set[tuple[str, str]]:
    found = set()
    for route in app._build_starlette_app().routes:
        if isinstance(route, Mount):
            assert route.path == ""  # Streamlit's page, wherever nothing else is
            found |= {("GET", page) for page in ("/", *PAGES)}
        elif isinstance(route, Route):
            found |= {(method, route.path) for method in (route.methods or set()) - {"HEAD"}}
        else:
            assert isinstance(route, WebSocketRoute)
            assert STREAM.endswith(route.path)
    return found


def test_every_route_has_its_row(client: TestClient) -> None:
    assert routes_of(client.app) == ROWS.keys()
    assert {call for call, row in ROWS.items() if row.anonymous != 401} == OPEN


def filled(path: str, things: Mapping[str, str]) -> str:
    """Ada's job where a job is named, something elsewhere."""
    return re.sub(r"\{[^}]+\}", "x", path.replace("{id}", things["id"]))


def ask(client: TestClient, call: tuple[str, str], row: Row, token: str | None,
        things: Mapping[str, str], *, html: bool = False) -> Any:
    method, path = call
    headers = {"origin": ORIGIN} | ({"authorization": f"Bearer {token}"} if token else {})
    body = {name: value.format(**things) if isinstance(value, str) else value
            for name, value in (row.body or {}).items()}
    return client.request(method, filled(path, things),
                          headers=headers | ({"accept": "text/html"} if html else {}),
                          json=None if row.body is None else body)


def test_everybody_gets_what_the_table_says(
    world: World, client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    asked, wrong = 0, []
    for call, row in ROWS.items():
        for who in (*OUTSIDERS, "ben", "admin", "ada"):  # ada last: hers may be gone afterwards
            token = tokens.get(who)
            if row.ends and who not in OUTSIDERS:
                token = sign_in(world, {"admin": "root"}.get(who, who))
            wanted = row.anonymous if who in OUTSIDERS else getattr(row, who)
            answer = ask(client, call, row, token, things)
            asked += 1

            if answer.status_code != wanted:
                wrong.append((call, who, answer.status_code, answer.text[:80]))
            if who != "ada":
                assert SECRET not in answer.text, (call, who)
            if answer.status_code >= 400 and call[1].startswith("/api/"):
                assert answer.json()["error"], (call, who, answer.text)
            if wanted == 401 and call[0] == "GET" and not call[1].startswith("/api/"):
                page = ask(client, call, row, token, things, html=True)
                assert page.status_code == 303, (call, who)
                assert page.headers["location"].startswith("/login"), (call, who)
    assert not wrong, "\n".join(map(str, wrong))
    assert asked == len(ROWS) * (len(OUTSIDERS) + 3)


def test_head_answers_as_get(client: TestClient, tokens: dict[str, str]) -> None:
    for method, path in ROWS:
        if method == "GET" and "{" not in path:
            for token in (None, tokens["ben"]):
                headers = {"authorization": f"Bearer {token}"} if token else {}
                head, get = client.head(path, headers=headers), client.get(path, headers=headers)
                assert head.status_code == get.status_code, path
                assert head.content == b""


def everything(world: World, client: TestClient, token: str) -> str:
    """All that ada can see of hers; what differs by itself is left out."""
    headers = {"authorization": f"Bearer {token}"}
    kept = {key: value for key, value in client.get("/api/auth/me", headers=headers).json().items()
            if key != "iat"}
    return str([kept, *(client.get(path, headers=headers).text for path in
                        ("/api/tasks", "/api/user/settings", "/api/metrics"))])


def test_nothing_changes_on_get(
    world: World, client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    before = everything(world, client, tokens["ada"])
    for _, path in ROWS:
        for extra in ("", "?mode=activate&profileId=&title=x&delete=1&_method=DELETE"):
            for method in ("GET", "HEAD", "OPTIONS"):
                client.request(method, filled(path, things) + extra, headers={
                    "authorization": f"Bearer {tokens['ada']}", "x-http-method-override": "DELETE"})
    world.services.jobs.invalidate()

    assert everything(world, client, tokens["ada"]) == before


def test_what_is_another_users_is_as_unknown_as_what_is_not_there(
    client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    profile, job, draft = things["profile"], things["id"], things["draft"]
    asked: list[tuple[str, str, dict[str, Any] | None, str]] = [
        *(("GET", f"/api/tasks/{job}/export?{query}", None, job) for query in (
            "format=json", "format=csv", "format=jsonl", "format=parquet", "format=xlsx",
            "format=bundle", "partial=true", "format=csv&partial=true&safe=true")),
        ("GET", f"/api/tasks/{job}", None, job),
        ("DELETE", f"/api/user/settings?profileId={profile}", None, profile),
        ("POST", "/api/user/settings", {"mode": "upsert", "profileId": profile, "name": "n",
                                        "baseUrl": "http://model.invalid"}, profile),
        ("POST", "/api/tasks/schema", {**DRAFT, "profileId": profile}, profile),
        ("POST", "/api/tasks/confirm", {"draftToken": draft, "profileId": profile}, profile),
    ]
    for method, path, body, name in asked:
        other = name[:-1] + ("0" if name[-1] != "0" else "1")
        for who in ("ben", "admin"):
            headers = {"authorization": f"Bearer {tokens[who]}"}
            theirs = client.request(method, path, json=body, headers=headers)
            none = client.request(
                method, path.replace(name, other), headers=headers,
                json=body and {k: other if v == name else v for k, v in body.items()})

            assert theirs.status_code == none.status_code == 404, (path, who, theirs.text)
            assert theirs.text == none.text, (path, who)


# -- the pages behind the websocket


def drawn(client: TestClient, token: str | None, page: str, query: str) -> str:
    """Everything a browser gets of a page."""
    headers = {"origin": ORIGIN} | ({"cookie": f"datagen_session={token}"} if token else {})
    with client.websocket_connect(STREAM, headers=headers) as socket:
        message = BackMsg()
        message.rerun_script.page_name = page.strip("/")
        message.rerun_script.query_string = query
        socket.send_bytes(message.SerializeToString())
        seen = ""
        while True:
            forward = ForwardMsg()
            forward.ParseFromString(socket.receive_bytes())
            seen += str(forward.delta)
            if forward.WhichOneof("type") == "script_finished":
                return seen


def test_no_page_shows_anybody_what_is_anothers(
    world: World, client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    shown = {}
    for page in ("/", *PAGES):
        query = f"id={things['id']}&draft={things['draft']}&profile={things['profile']}"
        for who in OUTSIDERS:
            with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)):
                drawn(client, tokens.get(who), page, query)
        for who in ("ben", "admin"):
            assert SECRET not in drawn(client, tokens[who], page, query), (page, who)
        shown[page] = drawn(client, tokens["ada"], page, query)

    for page in ("/", "/job", "/dataset", "/models"):
        assert SECRET in shown[page], page
    kept = Runtime.instance().media_file_mgr._storage._files_by_id  # type: ignore[attr-defined]  # its only window
    static = {file.read_bytes() for file in (ROOT / "datagen/ui/static").iterdir()}
    assert {file.content for file in kept.values()} <= static
