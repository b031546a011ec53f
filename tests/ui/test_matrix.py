"""Every route of the running app, Streamlit's own ones too, for everybody who may come to it.

The table is checked against the app's routes: one that is added without a row fails here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from streamlit.runtime import Runtime

from datagen.api.gate_rules import OPEN
from datagen.domain.api.description import OPERATIONS
from datagen.domain.api.scopes import audience
from datagen.domain.profile_requests import ProfileRequest
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from tests.tab import ORIGIN, STREAM, drawn
from tests.ui.matrix_rows import (
    DRAFT,
    OUTSIDERS,
    PAGES,
    PEOPLE,
    ROWS,
    SCRIPTS,
    SECRET,
    Row,
    wanted_of,
)
from tests.ui.replica import ADA, BEN, ROOT, World

PASSWORD = "a password of some length"



@pytest.fixture
def tokens(world: World) -> dict[str, str]:
    """A token of everybody; "anonymous" has none."""
    services = world.services
    services.accounts.create("root", PASSWORD, role="admin")
    services.accounts.create("cleo", PASSWORD)
    first = services.accounts.create("dora")  # who has to choose a password of her own
    found = {name: sign_in(world, name) for name in ("ada", "ben", "root", "cleo")}
    found["admin"], found["deactivated"] = found.pop("root"), found.pop("cleo")
    found["newcomer"] = services.accounts.sign_in("dora", first.password)[0]
    owners = {"ada": ADA, "ben": BEN, "admin": User(name="root", role="admin")}
    found |= {script: services.tokens.create(owners[who], script, scope).text
              for script, (who, scope) in SCRIPTS.items()}
    cleos = services.tokens.create(User(name="cleo", role="user"), "of cleo", "run")
    found["token of deactivated"] = cleos.text
    gone = services.tokens.create(ADA, "gone", "run")
    services.tokens.revoke(ADA, gone.token.id)
    found["revoked token"] = gone.text
    found["changed token"] = found["ben's run"].replace("~ben", "~ada")
    services.accounts.deactivate("cleo")
    secret = (services.settings.data_dir / "session_secret").read_text().strip()
    claims = jwt.decode(found["ada"], secret, ["HS256"])
    now = int(datetime.now(UTC).timestamp())
    over = claims | {"iat": now - 700_000, "exp": now - 1}
    found["expired"] = jwt.encode(over, secret, "HS256")
    found["forged"] = jwt.encode(claims | {"role": "admin"}, "x" * 64, "HS256")
    services.accounts.verify(jwt.encode(claims, secret, "HS256"))  # it is not the key that fails
    return found


def bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


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
            "other": world.finish(f"{SECRET} plans too", records=1),
            "draft": services.drafts.sign(ADA, draft), "profile": profile.id}


def pages_of_the_app() -> set[str]:
    return {"/"} | {f"/{file.stem}" for file in (ROOT / "pages").glob("*.py")}


def routes_of(app: Any) -> set[tuple[str, str]]:
    found = set()
    for route in app._build_starlette_app().routes:
        if isinstance(route, Mount):
            assert route.path == ""  # Streamlit's page, wherever nothing else is
            found |= {("GET", page) for page in pages_of_the_app()}
        elif isinstance(route, Route):
            found |= {(method, route.path) for method in (route.methods or set()) - {"HEAD"}}
        else:
            assert isinstance(route, WebSocketRoute)
            assert STREAM.endswith(route.path)
    return found


def test_every_route_has_its_row(client: TestClient) -> None:
    assert pages_of_the_app() == set(PAGES)
    assert routes_of(client.app) == ROWS.keys()
    assert {call for call, row in ROWS.items() if row.anonymous != 401} == OPEN


def test_the_description_says_who_may_as_the_table_does() -> None:
    for (method, path), one in OPERATIONS.items():
        row, who = ROWS[method, path], audience(method, path, is_open=one.is_open)
        assert (who == "everybody") == (row.anonymous != 401), path
        assert (who == "admin") == path.startswith("/api/admin"), path
        if who == "admin":
            assert row.ada == row.ben == 404, path


def filled(path: str, things: Mapping[str, str]) -> str:
    """Ada's job where a job is named, something elsewhere."""
    return re.sub(r"\{[^}]+\}", "x", path.replace("{id}", things["id"]))


def ask(client: TestClient, call: tuple[str, str], row: Row, token: str | None,
        things: Mapping[str, str], *, html: bool = False) -> Any:
    method, path = call
    headers = {"origin": ORIGIN} | bearer(token)
    body = {name: value.format(**things) if isinstance(value, str) else value
            for name, value in (row.body or {}).items()}
    return client.request(method, filled(path, things),
                          headers=headers | ({"accept": "text/html"} if html else {}),
                          json=None if row.body is None else body)


def test_everybody_gets_what_the_table_says(
    world: World, client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    asked, wrong = 0, []
    names = {"admin": "root", "newcomer": "dora"}
    for call, row in ROWS.items():
        for who in (*OUTSIDERS, *PEOPLE, *SCRIPTS, "ada"):  # ada last: hers may be gone afterwards
            token, named = tokens.get(who), things
            if row.ends and who == "ada's run":
                named = things | {"id": things["other"]}
            elif call == ("POST", "/api/auth/logout") and who in ("ben", "admin", "ada"):
                token = sign_in(world, names.get(who, who))
            wanted = wanted_of(call, row, who)
            answer = ask(client, call, row, token, named)
            asked += 1

            if answer.status_code != wanted:
                wrong.append((call, who, answer.status_code, answer.text[:80]))
            if not who.startswith("ada"):
                assert SECRET not in answer.text, (call, who)
            if answer.status_code >= 400 and call[1].startswith("/api/"):
                assert answer.json()["error"], (call, who, answer.text)
            if wanted == 401 and call[0] == "GET" and not call[1].startswith("/api/"):
                page = ask(client, call, row, token, named, html=True)
                assert page.status_code == 303, (call, who)
                assert page.headers["location"].startswith("/login"), (call, who)
    assert not wrong, "\n".join(map(str, wrong))
    assert asked == len(ROWS) * (len(OUTSIDERS) + len(PEOPLE) + len(SCRIPTS) + 1)
    print(f"{len(ROWS)} routes and pages x {asked // len(ROWS)} identities = {asked} answers")  # noqa: T201 - the count that SECURITY.md names


def test_head_answers_as_get(client: TestClient, tokens: dict[str, str]) -> None:
    for method, path in ROWS:
        if method == "GET" and "{" not in path:
            for token in (None, tokens["ben"]):
                headers = bearer(token)
                head, get = client.head(path, headers=headers), client.get(path, headers=headers)
                assert head.status_code == get.status_code, path
                assert head.content == b""


def everything(world: World, client: TestClient, token: str) -> str:
    """All that ada can see of hers; what differs by itself is left out."""
    headers = bearer(token)
    kept = {key: value for key, value in client.get("/api/auth/me", headers=headers).json().items()
            if key != "iat"}
    return str([kept, *(client.get(path, headers=headers).text for path in
                        ("/api/tasks", "/api/user/settings", "/api/metrics"))])


def test_nothing_changes_on_get(
    world: World, client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    before = everything(world, client, tokens["ada"])
    overridden = bearer(tokens["ada"]) | {"x-http-method-override": "DELETE"}
    for _, path in ROWS:
        for extra in ("", "?mode=activate&profileId=&title=x&delete=1&_method=DELETE"):
            for method in ("GET", "HEAD", "OPTIONS"):
                client.request(method, filled(path, things) + extra, headers=overridden)
    world.services.jobs.invalidate()

    assert everything(world, client, tokens["ada"]) == before


def test_what_is_another_users_is_as_unknown_as_what_is_not_there(
    world: World, client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    profile, job, draft = things["profile"], things["id"], things["draft"]
    token, mine = world.services.tokens.list(ADA)[0].id, bearer(tokens["ada"])
    client.post("/api/auth/login", json={"username": "ada", "password": PASSWORD})
    session = client.get("/api/auth/sessions", headers=mine).json()["sessions"][0]["id"]
    client.cookies.clear()
    before = everything(world, client, tokens["ada"])
    asked: list[tuple[str, str, dict[str, Any] | None, str]] = [
        *(("GET", f"/api/tasks/{job}/export?{query}", None, job) for query in (
            "format=json", "format=csv", "format=jsonl", "format=parquet", "format=xlsx",
            "format=bundle", "partial=true", "format=csv&partial=true&safe=true")),
        *((method, f"/api/tasks/{job}{rest}", body, job) for method, rest, body in (
            ("GET", "", None), ("GET", "/records", None), ("GET", "/records?offset=1", None),
            ("PATCH", "", {"title": "mine"}), ("DELETE", "", None), ("POST", "/cancel", None),
            ("POST", "/retry", None), ("POST", "/close", None))),
        *(("DELETE", f"{path}{query}", body, name) for path, name in (
            ("/api/user/tokens", token), ("/api/auth/sessions", session))
          for query, body in ((f"?id={name}", None), ("", {"id": name}))),
        ("POST", "/api/user/models", {"profileId": profile}, profile),
        ("POST", "/api/user/settings", {"mode": "activate", "profileId": profile}, profile),
        ("DELETE", f"/api/user/settings?profileId={profile}", None, profile),
        ("POST", "/api/user/settings", {"mode": "upsert", "profileId": profile, "name": "n",
                                        "baseUrl": "http://model.invalid"}, profile),
        ("POST", "/api/tasks/schema", {**DRAFT, "profileId": profile}, profile),
        ("POST", "/api/tasks/confirm", {"draftToken": draft, "profileId": profile}, profile),
    ]
    for method, path, body, name in asked:
        other = name[:-1] + ("0" if name[-1] != "0" else "1")
        scripts = ("ben's run", "admin's run") if path.startswith("/api/tasks") else ()
        for who in ("ben", "admin", *scripts):
            headers = bearer(tokens[who])
            theirs = client.request(method, path, json=body, headers=headers)
            none = client.request(
                method, path.replace(name, other), headers=headers,
                json=body and {k: other if v == name else v for k, v in body.items()})

            assert theirs.status_code == none.status_code == 404, (path, who, theirs.text)
            assert theirs.text == none.text, (path, who)
    assert everything(world, client, tokens["ada"]) == before
    assert token in {one.id for one in world.services.tokens.list(ADA)}
    assert session in client.get("/api/auth/sessions", headers=mine).text


# -- the pages behind the websocket


def test_no_page_shows_anybody_what_is_anothers(
    world: World, client: TestClient, tokens: dict[str, str], things: dict[str, str]
) -> None:
    shown = {}
    for page in ("/", *PAGES):
        query = f"id={things['id']}&draft={things['draft']}&profile={things['profile']}"
        for who in (*OUTSIDERS, "newcomer", *SCRIPTS):
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
