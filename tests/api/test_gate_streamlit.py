"""Nothing behind the gate answers to a stranger, on any route of the real app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from datagen.api.gate_rules import OPEN
from tests.tab import ORIGIN, STREAM, shown

HTML = {"accept": "text/html,application/xhtml+xml"}
REFUSED = (WebSocketDisconnect, WebSocketDenialResponse)


@pytest.fixture
def site(real_site: Any) -> Any:
    return real_site


def calls_of(app: Any) -> Iterator[tuple[str, str]]:
    """Every method and path the app answers, with something in place of each parameter."""
    for route in app._build_starlette_app().routes:
        if isinstance(route, Mount):
            yield from (("GET", path) for path in (
                "/", "/index.html", "/new", "/favicon.png", "/manifest.json", "/static/js/x.js",
                "//login", "/login/", "/Login", "/login/../", "/health/", "/%2flogin",
            ))
        elif isinstance(route, Route):
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            yield from ((method, path) for method in sorted(route.methods or ()))
        else:
            assert isinstance(route, WebSocketRoute)
            assert STREAM.endswith(route.path)


def test_every_route_of_the_app_is_closed_to_strangers_but_the_open_ones(
    site: Any, anonymous: TestClient
) -> None:
    calls = sorted(set(calls_of(site.app)))
    seen_open = set()
    for method, path in calls:
        for headers in (HTML, {}, {"authorization": "Bearer x.y.z"},
                        {"cookie": "datagen_session=x.y.z"}, {"x-datagen-user": "ann"}):
            answer = anonymous.request(method, path, headers={**headers, "origin": ORIGIN})
            if ("GET" if method == "HEAD" else method, path) in OPEN:
                seen_open.add(("GET" if method == "HEAD" else method, path))
                continue
            assert answer.status_code in {303, 401}, (method, path, answer.status_code)
            if answer.status_code == 303:
                assert answer.headers["location"].startswith("/login")
            else:
                assert method == "HEAD" or answer.json()["error"]

    assert len(calls) > 50
    assert seen_open == OPEN


def test_the_cookie_opens_streamlits_page(ann: TestClient) -> None:
    answer = ann.get("/", headers=HTML)

    assert answer.status_code == 200
    assert "<title>Streamlit</title>" in answer.text


# -- the websocket


def test_the_websocket_is_refused_without_a_session(anonymous: TestClient) -> None:
    for headers in ({}, {"cookie": "datagen_session=x.y.z"}, {"origin": ORIGIN}):
        with pytest.raises(REFUSED), \
                anonymous.websocket_connect(STREAM, headers=headers):
            pass


@pytest.mark.parametrize("origin", [
    "http://evil.example", "http://localhost:8502", "http://localhost", "null", "",
    "http://localhost:8501.evil.example", "http://evil.example#localhost:8501",
])
def test_the_websocket_is_refused_to_another_origin(ann: TestClient, origin: str) -> None:
    with pytest.raises(REFUSED), \
            ann.websocket_connect(STREAM, headers={"origin": origin}):
        pass


@pytest.mark.parametrize("headers", [{}, {"origin": ORIGIN}, {"origin": "https://localhost:8501"}])
def test_the_websocket_opens_with_the_cookie(ann: TestClient, headers: dict[str, str]) -> None:
    with ann.websocket_connect(STREAM, headers=headers):
        pass


def test_the_script_sees_the_verified_user_and_never_a_forged_one(
    site: Any, ann: TestClient
) -> None:
    session = site.accounts.verify(ann.cookies["datagen_session"])
    forged = {"X-DataGen-User": "admin", "x-datagen-role": "admin",
              "x-datagen-session": "s", "x-datagen-expires": "9", "origin": ORIGIN}

    seen = shown(ann, forged)

    expires = int(session.expires_at.timestamp())
    assert "name=ann role=user" in seen
    assert f"session={session.id} expires={expires}" in seen
    assert "admin" not in seen
