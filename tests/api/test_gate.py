"""Who the gate lets in, what it refuses, and what it adds to answers."""

from __future__ import annotations

import asyncio
import html
import json
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after, to_thread
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from datagen.api import gate
from datagen.api.gate import Gate
from datagen.api.gate_rules import MAX_BODY, MAX_SIGN_IN, PAGES
from datagen.api.policy import Policy
from datagen.domain.turns import Reader
from datagen.domain.users import User
from datagen.protocol import keys
from datagen.protocol.fields import to_iso
from datagen.services.contact import CUT_OFF_AFTER
from datagen.services.sessions import FRESH, SESSION_LIFE

ORIGIN = "http://localhost:8501"
ROOT = Path(__file__).parents[2]
HTML = {"accept": "text/html,application/xhtml+xml"}
STREAM = "ws://localhost:8501/_stcore/stream"


def gate_of(site: Any, app: Any) -> Gate:
    return Gate(app, accounts=site.accounts, tokens=site.tokens, audit=site.audit, trusted=(),
                policy=Policy(()), reader=Reader())


def test_a_stranger_is_led_to_the_form_and_back(anonymous: TestClient) -> None:
    answer = anonymous.get("/dataset?job=job_1&x=%20y", headers=HTML)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fdataset%3Fjob%3Djob_1%26x%3D%2520y"
    assert anonymous.get("/", headers=HTML).headers["location"] == "/login"


def test_an_ended_session_is_told_so_and_its_cookie_taken_back(
    site: Any, ann: TestClient
) -> None:
    site.clock.advance(SESSION_LIFE.total_seconds())

    call, page = ann.get("/api/auth/me"), ann.get("/", headers=HTML)

    assert page.headers["location"] == "/login?ended=1"
    assert 'datagen_session=""' in page.headers["set-cookie"]
    assert call.status_code == 401
    assert call.json() == {"error": "Your session ended. Sign in again."}


def test_a_browser_that_opens_an_api_address_gets_json(anonymous: TestClient) -> None:
    answer = anonymous.get("/api/tasks", headers=HTML)

    assert (answer.status_code, answer.json()) == (401, {"error": "Sign in first."})


def test_a_bearer_token_is_as_good_as_the_cookie(site: Any, anonymous: TestClient) -> None:
    token, _ = site.accounts.sign_in("ann", "her password")

    answer = anonymous.get("/api/auth/me", headers={"authorization": f"bearer {token}"})

    assert answer.json()["username"] == "ann"


def test_a_bad_bearer_token_is_not_saved_by_a_cookie(ann: TestClient) -> None:
    assert ann.get("/api/auth/me", headers={"authorization": "Bearer x.y.z"}).status_code == 401


# -- origins


UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "PROPFIND")


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("headers", [
    {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": ""},
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
    {"origin": "http://localhost:8502", "sec-fetch-site": "same-origin"},
])
def test_an_unsafe_request_from_another_site_is_refused(
    ann: TestClient, method: str, headers: dict[str, str]
) -> None:
    for path in ("/api/auth/logout", "/login", "/_stcore/upload_file/a/b"):
        answer = ann.request(method, path, headers=headers, json={})
        assert answer.status_code == 403, path
        assert "another site" in answer.json()["error"]
    assert ann.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize("kind", [
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "Text/Plain",
])
def test_a_script_may_not_send_a_form(ann: TestClient, kind: str) -> None:
    answer = ann.post("/api/auth/logout", content=b"a=b", headers={"content-type": kind})

    assert answer.status_code == 403
    assert "application/json" in answer.json()["error"]


@pytest.mark.parametrize("kind", [
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "Text/Plain ; a=b",
])
def test_no_json_route_takes_a_form_from_our_own_page_either(ann: TestClient, kind: str) -> None:
    for path in ("/api/auth/logout", "/api/tasks/job_1_a/cancel", "/api/nothing"):
        for headers in ({"origin": ORIGIN}, {"sec-fetch-site": "same-origin"}):
            answer = ann.post(path, content=b"a=b", headers={**headers, "content-type": kind})
            assert answer.status_code == 415, path
            assert "Send JSON" in answer.json()["error"]
    assert ann.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize("headers", [
    {}, {"origin": ORIGIN}, {"origin": "https://localhost:8501"},
    {"sec-fetch-site": "same-origin"},
])
def test_a_script_and_our_own_page_may_send_json(
    ann: TestClient, headers: dict[str, str]
) -> None:
    assert ann.post("/api/auth/logout", json={}, headers=headers).status_code == 200


# -- bounds and headers


def test_a_body_beyond_the_limit_is_refused_whether_announced_or_not(ann: TestClient) -> None:
    big = json.dumps({"title": "x" * MAX_BODY}).encode()
    pieces = (big[start:start + 65536] for start in range(0, len(big), 65536))

    for content in (big, pieces):
        answer = ann.post("/api/tasks/schema", content=content,
                          headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert "too large" in answer.json()["error"]


def test_a_stranger_may_send_no_more_than_a_sign_in_takes(anonymous: TestClient) -> None:
    big = b"x" * (MAX_SIGN_IN + 1)
    for path, kind in (("/login", "application/x-www-form-urlencoded"),
                       ("/api/auth/login", "application/json")):
        for content in (big, iter([big[:9000], big[9000:]])):
            answer = anonymous.post(path, content=content,
                                    headers={"content-type": kind, "origin": ORIGIN})
            assert answer.status_code == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [
    "/_stcore/upload_file/a/b", "/_stcore/metrics", "/_stcore/agent/interact",
    "/_stcore/agent/mcp", "/_stcore/script-health-check", "/oauth2callback", "/auth/login",
])
def test_what_no_page_of_ours_uses_is_not_there(
    ann: TestClient, method: str, path: str
) -> None:
    answer = ann.request(method, path, headers={"origin": ORIGIN})

    assert answer.status_code == 404
    assert answer.json()["error"]


@pytest.mark.parametrize("path", ["/nothing", "/new/x", "/job/x/", "/NEW"])
def test_who_asks_for_a_page_that_there_is_none_of_is_told(
    ann: TestClient, anonymous: TestClient, path: str
) -> None:
    answer = ann.get(path, headers=HTML)
    assert answer.status_code == 404
    assert "no such page" in answer.text
    assert 'href="/"' in answer.text
    assert anonymous.get(path, headers=HTML).headers["location"].startswith("/login?next=")


def test_the_jobs_are_the_first_page(ann: TestClient) -> None:
    answer = ann.get("/jobs", headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_every_page_is_there(ann: TestClient) -> None:
    named = {f"/{file.stem}" for file in (ROOT / "pages").glob("*.py")} - {"/jobs"}
    assert named | {""} == PAGES
    for path in ("/", *sorted(PAGES - {"", "/admin"}), "/job?id=x", "/new/"):
        assert ann.get(path, headers=HTML).status_code == 200, path


def test_health_answers_without_a_store(site: Any, anonymous: TestClient) -> None:
    site.store.fail_next(1000)
    for path in ("/health", "/api/health"):
        for headers in ({}, {"cookie": f"datagen_session={site.token}"}):
            answer = anonymous.get(path, headers=headers)
            assert answer.status_code == 200
            assert answer.json() == {"ok": True, "version": "0.1.0", "serving_node": "local",
                                     "timestamp": "2026-01-01T00:00:00.000Z"}


def test_a_store_that_fails_is_not_an_ended_session(site: Any, anonymous: TestClient) -> None:
    site.store.fail_next(1000)
    cookie = {"cookie": f"datagen_session={site.token}"}

    page = anonymous.get("/", headers={**HTML, **cookie})
    call = anonymous.get("/api/auth/me", headers=cookie)

    assert (page.status_code, call.status_code) == (503, 503)
    assert "Try again" in page.text
    assert page.headers["refresh"] == "3"  # it tries again by itself
    assert "can't be read" in call.json()["error"]
    with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)), \
            anonymous.websocket_connect(STREAM, headers=cookie):
        pass


def test_the_gate_reads_no_store_per_request(site: Any, ann: TestClient) -> None:
    assert ann.get("/api/auth/me").status_code == 200
    site.store.fail_next(1000)

    for _ in range(20):
        assert ann.get("/api/auth/me").status_code == 200
    site.clock.advance(FRESH)
    assert ann.get("/api/auth/me").status_code == 200  # as last known


def test_who_is_cut_off_and_shall_fail_closed_lets_nobody_in_and_says_why(
    make_site: Any
) -> None:
    site = make_site(fail_closed=True)
    cookie = {"cookie": f"datagen_session={site.token}"}

    def hear() -> None:
        site.store.keep(keys.DESK_HEARD, "beat", to_iso(site.clock.now()))
        site.clock.advance(FRESH)

    with site.client() as client:
        page = client.get("/", headers={**HTML, **cookie})
        call = client.get("/api/auth/me", headers=cookie)
        assert (page.status_code, call.status_code) == (503, 503)
        for text in (html.unescape(page.text), call.json()["error"]):
            assert "has not heard from another one for 45 seconds" in text
            assert "Try again in a minute" in text
        with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)), \
                client.websocket_connect(STREAM, headers=cookie):
            pass
        assert client.get("/health").status_code == client.get("/login").status_code == 200

        hear()
        assert client.get("/api/auth/me", headers=cookie).status_code == 200
        site.clock.advance(CUT_OFF_AFTER.total_seconds())
        assert client.get("/api/auth/me", headers=cookie).status_code == 503


async def test_handlers_get_the_session_and_no_header_of_the_client(site: Any) -> None:
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    headers = [(b"cookie", f"datagen_session={site.token}".encode()), (b"host", b"localhost"),
               (b"X-Datagen-User", b"admin"), (b"x-datagen-anything", b"1")]
    scope = {"type": "http", "path": "/", "method": "GET", "headers": headers,
             "client": ("192.0.2.1", 50000)}

    await gate_of(site, app)(scope, None, None)  # never used

    (seen,) = scopes
    ours = {name: value for name, value in seen["headers"] if name.lower().startswith(b"x-d")}
    session = seen["state"]["session"]
    assert session.user.name == "ann"
    assert ours == {b"x-datagen-user": b"ann", b"x-datagen-role": b"user",
                    b"x-datagen-session": session.id.encode(),
                    b"x-datagen-address": b"192.0.2.1",
                    b"x-datagen-expires": str(int(session.expires_at.timestamp())).encode()}
    assert scope["headers"] == headers


async def test_one_user_has_so_many_tabs_at_once_and_others_have_theirs(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MAX_TABS", 2)
    ends, sent = asyncio.Event(), list[str]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await ends.wait()

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return await asyncio.get_running_loop().create_future()

    scope = {"type": "websocket", "path": "/_stcore/stream", "client": ("192.0.2.1", 50000),
             "headers": [(b"cookie", f"datagen_session={site.token}".encode())]}
    door = gate_of(site, app)
    tabs = [asyncio.create_task(door(scope, receive, send)) for _ in range(3)]
    done, _ = await asyncio.wait(tabs, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    while len(sent) < 3:
        await asyncio.sleep(0)
    assert sorted(sent) == ["websocket.accept", "websocket.accept", "websocket.close"]
    ends.set()
    await asyncio.gather(*tabs)
    await door(scope, receive, send)  # there is room again
    assert sent[3:] == ["websocket.accept"]


def test_a_request_of_two_lengths_is_refused_and_the_connection_closed(ann: TestClient) -> None:
    answer = ann.post("/api/auth/login", content=b"0\r\n\r\n", headers={
        "content-length": "5", "transfer-encoding": "chunked", "content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["connection"] == "close"


async def test_who_comes_in_waits_for_nobody_whose_answer_waits_for_a_store(site: Any) -> None:
    passed: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["state"]["session"].user.name)

    taken = to_thread.current_default_thread_limiter()
    for handler in range(int(taken.total_tokens)):  # each with a file of a node that hangs
        taken.acquire_on_behalf_of_nowait(handler)
    scope = {"type": "http", "path": "/", "method": "GET",
             "headers": [(b"cookie", f"datagen_session={site.token}".encode())]}
    with fail_after(10):
        await gate_of(site, app)(scope, None, None)  # never used
    assert passed == ["ann"]


@pytest.mark.parametrize("kind", ["session", "personal"])
async def test_a_download_is_cut_off_once_its_session_or_token_has_ended(
    site: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(gate, "LOOK_EVERY", 0.0)
    token, ann = site.token, User(name="ann", role="user")
    if kind == "personal":
        made = site.tokens.create(ann, "mine", "read", 1)
        token = made.text
    sent: list[Any] = []

    async def download(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(4):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            if number == 1 and kind == "session":
                site.accounts.sign_out(token)
            if number == 1 and kind == "personal":
                site.tokens.revoke(ann, made.token.id)

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/api/tasks/j/export", "query_string": b"",
             "scheme": "http", "client": ("127.0.0.1", 5),
             "headers": [(b"host", b"a"), (b"authorization", f"Bearer {token}".encode())]}
    await gate_of(site, download)(scope, _nothing, keep)
    assert [one.get("body") for one in sent] == [None, b"x", b"x"]


async def _nothing() -> Any:
    await asyncio.sleep(0)


def test_a_person_who_follows_a_link_to_a_file_without_a_session_is_led_to_sign_in(
    anonymous: TestClient
) -> None:
    link = anonymous.get("/api/tasks/job_1/export", headers={"sec-fetch-mode": "navigate"})
    assert (link.status_code, link.headers["location"]) == (303, "/login")
    assert anonymous.get("/api/tasks/job_1/export").status_code == 401
