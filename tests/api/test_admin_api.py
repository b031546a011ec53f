"""Administration over HTTP: for admins; for others there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from starlette.testclient import TestClient

from datagen.domain.errors import Conflict
from datagen.domain.users import User

ACCOUNTS = "/api/admin/accounts"
ROUTES = [("GET", ACCOUNTS), ("POST", ACCOUNTS), ("PATCH", ACCOUNTS), ("DELETE", ACCOUNTS),
          ("POST", f"{ACCOUNTS}/ann/reset"), ("GET", "/api/admin/peers"),
          ("GET", "/api/admin/settings"), ("GET", "/api/admin/audit")]


@pytest.fixture
def admin(site: Any) -> Iterator[TestClient]:
    site.accounts.init("the first password")
    with site.client() as client:
        client.post("/api/auth/login", json={"username": "admin",
                                             "password": "the first password"})
        yield client


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_for_others_it_is_not_there(
    site: Any, ann: TestClient, anonymous: TestClient, method: str, path: str
) -> None:
    nothing = ann.get("/api/admin/nothing")
    answer = ann.request(method, path, json={"username": "ann"})
    assert (answer.status_code, answer.text) == (404, nothing.text)
    with site.client() as stranger:
        assert stranger.request(method, path, json={}).status_code == 401


def test_the_page_is_not_there_for_others(ann: TestClient, admin: TestClient) -> None:
    answer = ann.get("/admin", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "no such page" in answer.text
    assert admin.get("/admin").status_code == 200


def test_accounts_are_listed_and_found(admin: TestClient) -> None:
    listed = admin.get(ACCOUNTS).json()["accounts"]
    assert [one["username"] for one in listed] == ["admin", "ann"]
    assert listed[1]["active"] is True
    assert listed[1]["jobs"] == 0
    assert "password" not in str(listed).replace("mustChangePassword", "")
    found = admin.get(f"{ACCOUNTS}?search=NN").json()["accounts"]
    assert [one["username"] for one in found] == ["ann"]


def test_a_new_account_gets_a_password_that_is_shown_once(site: Any, admin: TestClient) -> None:
    made = admin.post(ACCOUNTS, json={"username": "Ben", "role": "admin"})
    assert made.status_code == 201
    assert (made.json()["username"], made.json()["role"]) == ("ben", "admin")
    _, session = site.accounts.sign_in("ben", made.json()["password"])
    assert session.must_change
    assert admin.post(ACCOUNTS, json={"username": "ben"}).status_code == 409
    assert admin.post(ACCOUNTS, json={"username": "no"}).status_code == 400
    assert admin.post(ACCOUNTS, json={"username": "cle", "role": "god"}).status_code == 400
    assert admin.post(ACCOUNTS, json={}).status_code == 400


def test_a_deactivated_account_is_out_at_once(
    site: Any, admin: TestClient, ann: TestClient
) -> None:
    token = ann.post("/api/user/tokens", json={"name": "n", "scope": "run"}).json()["token"]
    answer = admin.request("DELETE", ACCOUNTS, json={"username": "ann"})
    assert (answer.status_code, answer.json()) == (200, {"username": "ann", "active": False})
    assert ann.get("/api/auth/me").status_code == 401
    with site.client() as client:
        assert client.get("/api/auth/me", headers={"authorization": f"Bearer {token}"}
                          ).status_code == 401
        again = client.post("/api/auth/login", json={"username": "ann",
                                                     "password": "her password"})
        assert again.status_code == 401
    reset = admin.post(f"{ACCOUNTS}/ann/reset")
    assert site.accounts.sign_in("ann", reset.json()["password"])[1].must_change


def test_nobody_shuts_themselves_or_the_last_admin_out(site: Any, admin: TestClient) -> None:
    for answer in (admin.request("DELETE", ACCOUNTS, json={"username": "ADMIN"}),
                   admin.patch(ACCOUNTS, json={"username": "admin", "role": "user"}),
                   admin.post(f"{ACCOUNTS}/admin/reset")):
        assert answer.status_code == 409
        assert "your own account" in answer.json()["error"]
    admin.patch(ACCOUNTS, json={"username": "ann", "role": "admin"})
    site.accounts.update("admin", role="user")  # on another replica, a moment ago
    site.clock.advance(10)
    assert admin.request("DELETE", ACCOUNTS, json={"username": "ann"}).status_code == 404


def test_a_role_counts_from_the_next_request_on(site: Any, admin: TestClient,
                                                ann: TestClient) -> None:
    assert admin.patch(ACCOUNTS, json={"username": "ann", "role": "admin"}).status_code == 200
    assert ann.get(ACCOUNTS).status_code == 200
    assert admin.patch(ACCOUNTS, json={"username": "ann", "role": "user"}).status_code == 200
    assert ann.get(ACCOUNTS).status_code == 404
    assert admin.patch(ACCOUNTS, json={"username": "nobody", "role": "user"}).status_code == 404


def test_peers_and_settings_are_told_without_secrets(admin: TestClient) -> None:
    peer, = admin.get("/api/admin/peers").json()["peers"]
    assert (peer["peerId"], peer["here"], peer["alive"], peer["version"]) == (
        "local", True, False, None)
    answer = admin.get("/api/admin/settings")
    found = {one["name"]: one["value"] for one in answer.json()["settings"]}
    assert found["DATAGEN_SESSION_SECRET"] == "set, not shown"
    assert found["DATAGEN_APP_PORT"] == "8501"


def test_the_log_tells_who_did_what_from_where(admin: TestClient, ann: TestClient) -> None:
    admin.patch(ACCOUNTS, json={"username": "ann", "role": "admin"})
    ann.post("/api/auth/logout")
    events = admin.get("/api/admin/audit").json()["events"]
    assert {(e["what"], e["who"], e["about"], e["address"]) for e in events} == {
        ("signed in", "admin", "", "127.0.0.1"), ("signed in", "ann", "", "127.0.0.1"),
        ("role changed", "admin", "ann (admin)", "127.0.0.1"),
        ("signed out", "ann", "", "127.0.0.1")}
    assert len(admin.get("/api/admin/audit?limit=1").json()["events"]) == 1
    for limit in ("0", "1001", "x", "-1", "²", "9" * 5_000):
        assert admin.get(f"/api/admin/audit?limit={limit}").status_code == 400


def test_two_admins_who_deactivate_one_another_at_once_leave_one(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("eve", "kim"):
        site.accounts.create(name, "a long password", role="admin")
    known, both = site.accounts.list, threading.Barrier(2)

    def looked() -> Any:
        found = known()
        with suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.3)  # neither acts before the other has looked, where that can be
        return found

    monkeypatch.setattr(site.accounts, "list", looked)
    administration = site.services.administration
    for name in {one.name for one in known() if one.role == "admin"} - {"eve", "kim"}:
        site.accounts.deactivate(name)
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(administration.deactivate, User(name=one, role="admin"), other)
                 for one, other in (("eve", "kim"), ("kim", "eve"))]
    assert sum(isinstance(one.exception(), Conflict) for one in tries) == 1
    assert sum(one.role == "admin" and one.active for one in known()) == 1
