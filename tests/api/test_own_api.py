"""Sessions and personal tokens over HTTP, and what each kind of token opens."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from datagen.domain.api.scopes import opens
from datagen.domain.users import User
from datagen.services.sessions import FRESH


def make(client: TestClient, **asked: object) -> Any:
    return client.post("/api/user/tokens", json={"name": "nightly", "scope": "read", **asked})


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def test_a_token_is_shown_once(ann: TestClient) -> None:
    made = make(ann)
    assert made.status_code == 201
    body = made.json()
    assert body.keys() == {"id", "name", "scope", "createdAt", "expiresAt", "lastUsedAt", "token"}
    listed = ann.get("/api/user/tokens")
    assert [token["id"] for token in listed.json()["tokens"]] == [body["id"]]
    assert body["token"] not in listed.text
    assert body["token"].split("~")[0].rsplit("_", 1)[1] not in listed.text


def test_a_token_opens_the_api_until_it_is_revoked(ann: TestClient, anonymous: TestClient) -> None:
    body = make(ann).json()
    me = anonymous.get("/api/auth/me", headers=bearer(body["token"])).json()
    assert (me["username"], me["role"]) == ("ann", "user")
    assert ann.get("/api/user/tokens").json()["tokens"][0]["lastUsedAt"] is not None
    assert ann.delete(f"/api/user/tokens?id={body['id']}").status_code == 204
    assert anonymous.get("/api/auth/me", headers=bearer(body["token"])).status_code == 401
    assert ann.delete(f"/api/user/tokens?id={body['id']}").status_code == 404


def paths(site: Any) -> list[tuple[str, str]]:
    """Every method and path of our own routes, their parameters filled."""
    found = []
    for route in site.app.routes:
        if isinstance(route, Route) and "{rest" not in route.path and "{path" not in route.path:
            path = route.path.replace("{id}", "job_1").replace("{username}", "ann")
            found += [(method, path) for method in sorted(route.methods or ()) if method != "HEAD"]
    return found


OPEN_TO_ALL = {"/login", "/signup", "/signup/resend", "/auth/logout", "/api/auth/login",
               "/api/auth/register", "/api/auth/register/resend", "/health", "/api/health"}


@pytest.mark.parametrize("scope", ["read", "run"])
def test_a_token_opens_jobs_and_datasets_and_nothing_else(
    site: Any, ann: TestClient, scope: str
) -> None:
    text = make(ann, scope=scope).json()["token"]
    with site.client() as client:
        seen = 0
        for method, path in paths(site):
            about_jobs = path.startswith("/api/tasks") or path in {
                "/api/metrics", "/api/auth/me", "/api/openapi.json", "/health", "/api/health"}
            may = about_jobs and (method == "GET" or scope == "run")
            assert opens(scope, method, path) == may, (method, path)
            if not may:
                answer = client.request(method, path, headers=bearer(text), json={})
                assert answer.status_code == 403, (method, path)
                seen += 1
        assert seen > 20
        for path in ("/", "/account", "/admin", "/media/x", "/_stcore/host-config"):
            assert client.get(path, headers=bearer(text)).status_code == 403


async def test_a_token_opens_no_tab(site: Any) -> None:
    made = site.tokens.create(User(name="ann", role="user"), "nightly", "run")
    assert not await site.lets_in_tab(f"Bearer {made.text}")


def test_a_token_is_no_cookie(site: Any, ann: TestClient) -> None:
    text = make(ann, scope="run").json()["token"]
    with site.client() as client:
        client.cookies.set("datagen_session", text)
        assert client.get("/api/auth/me").status_code == 401


def test_kinds_of_tokens_are_not_interchangeable(site: Any, ann: TestClient) -> None:
    signer, end = site.signer, int(site.clock.now().timestamp()) + 600
    draft = signer.sign({"typ": "draft", "owner": "ann", "draftId": "d", "exp": end})
    device = signer.sign({"typ": "device", "owner": "ann", "jti": "x", "exp": end})
    future = signer.sign({"typ": "session", "username": "ann", "role": "user",
                          "iat": end, "exp": end + 600})
    unripe = signer.sign({"typ": "session", "username": "ann", "role": "user",
                          "iat": end - 600, "nbf": end, "exp": end + 600})
    with site.client() as client:
        for text in (draft, device, future, unripe, "x" * 600_000, "dgp_", "a.b.c"):
            assert client.get("/api/auth/me", headers=bearer(text)).status_code in {401, 431}
            client.cookies.set("datagen_session", text[:4000])
            assert client.get("/api/auth/me").status_code == 401
            client.cookies.clear()


def test_a_reset_ends_tokens_and_a_change_of_password_does_not(site: Any, ann: TestClient) -> None:
    text = make(ann).json()["token"]
    with site.client() as client:
        ann.post("/api/auth/password", json={
            "currentPassword": "her password", "newPassword": "her next one"})
        assert client.get("/api/auth/me", headers=bearer(text)).status_code == 200
        site.clock.advance(1)
        site.accounts.reset("ann")
        assert client.get("/api/auth/me", headers=bearer(text)).status_code == 401


def test_sessions_are_listed_and_ended_one_by_one(site: Any, ann: TestClient) -> None:
    with site.client() as other:
        other.post("/api/auth/login", json={"username": "ann", "password": "her password"},
                   headers={"user-agent": "<b>curl</b>/8"})
        listed = ann.get("/api/auth/sessions").json()["sessions"]
        assert len(listed) == 2
        assert [one["current"] for one in listed].count(True) == 1
        theirs = next(one for one in listed if not one["current"])
        assert (theirs["address"], theirs["agent"]) == ("127.0.0.1", "<b>curl</b>/8")
        assert ann.delete(f"/api/auth/sessions?id={theirs['id']}").status_code == 204
        assert other.get("/api/auth/me").status_code == 401
        assert ann.get("/api/auth/me").status_code == 200
        assert len(ann.get("/api/auth/sessions").json()["sessions"]) == 1
        assert ann.delete("/api/auth/sessions?id=nothing").status_code == 404
        assert ann.delete("/api/auth/sessions", params={"id": ""}).status_code == 400


def test_nobody_ends_the_session_of_another(site: Any, ann: TestClient) -> None:
    site.accounts.create("ben", "his password")
    mine = ann.get("/api/auth/sessions").json()["sessions"][0]["id"]
    with site.client() as ben:
        ben.post("/api/auth/login", json={"username": "ben", "password": "his password"})
        assert ben.delete(f"/api/auth/sessions?id={mine}").status_code == 404
    assert ann.get("/api/auth/me").status_code == 200


def test_all_end_at_once_those_of_earlier_applications_too(site: Any, ann: TestClient) -> None:
    site.clock.advance(5)
    with site.client() as other:
        assert other.get("/api/auth/me", headers=bearer(site.token)).status_code == 200
        answer = ann.request("DELETE", "/api/auth/sessions", json={"all": True})
        assert answer.status_code == 204
        assert ann.get("/api/auth/me").status_code == 401
        site.clock.advance(FRESH)
        assert other.get("/api/auth/me", headers=bearer(site.token)).status_code == 401
        again = other.post("/api/auth/login",
                           json={"username": "ann", "password": "her password"})
        assert again.status_code == 200
        assert other.get("/api/auth/me").status_code == 200


def test_wrong_passwords_make_one_wait_and_are_in_the_audit_log(
    site: Any, anonymous: TestClient
) -> None:
    wrong = {"username": "ann", "password": "x"}
    answers = [anonymous.post("/api/auth/login", json=wrong) for _ in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert answers[5].headers["retry-after"] == "1"
    event = site.audit.latest()[0]
    assert (event.what, event.who, event.times) == ("sign-in failed", "ann", 5)


def test_a_browser_that_signed_in_before_is_not_kept_waiting_by_others(site: Any) -> None:
    def sign_in(client: TestClient, password: str) -> int:
        page = client.get("/login").text
        token = page.partition('name="form_token" value="')[2].partition('"')[0]
        return client.post("/login", headers={"origin": "http://localhost:8501"}, data={
            "username": "ann", "password": password, "form_token": token}).status_code

    with site.client() as owner, site.client() as stranger:
        assert sign_in(owner, "her password") == 303
        assert owner.post("/api/auth/logout").status_code == 200
        assert [sign_in(stranger, "x") for _ in range(6)] == [401] * 5 + [429]
        assert sign_in(stranger, "her password") == 429  # from that address
        assert sign_in(owner, "her password") == 303  # from the same one, in her browser
