"""Choosing a password: when it must be, by form and by script."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

ORIGIN = {"origin": "http://localhost:8501"}
RIGHT = {"currentPassword": "her password", "newPassword": "her next one"}


def given(site: Any) -> str:
    """The password somebody named ada was given."""
    password: str = site.accounts.create("ada").password
    return password


def sign_in(client: TestClient, name: str, password: str) -> Any:
    return client.post("/api/auth/login", json={"username": name, "password": password})


def form(client: TestClient, **fields: str) -> Any:
    page = client.get("/password").text
    token = page.partition('name="form_token" value="')[2].partition('"')[0]
    return client.post("/password", headers=ORIGIN, data={
        **RIGHT, "repeated": fields.get("newPassword", RIGHT["newPassword"]),
        "form_token": token, **fields})


def test_who_was_given_a_password_gets_nowhere_before_choosing_one(
    site: Any, anonymous: TestClient
) -> None:
    password = given(site)
    assert sign_in(anonymous, "ada", password).status_code == 200

    page = anonymous.get("/job?id=1", headers={"accept": "text/html"})
    assert page.headers["location"] == "/password?next=%2Fjob%3Fid%3D1"
    for path in ("/api/tasks", "/api/user/tokens", "/api/auth/sessions", "/media/x", "/_stcore/x"):
        answer = anonymous.get(path)
        assert answer.status_code == 403
        assert "/api/auth/password" in answer.json()["error"]
    assert anonymous.get("/api/auth/me").json()["username"] == "ada"
    assert "made for you" in anonymous.get("/password").text

    answer = anonymous.post("/api/auth/password", json={
        "currentPassword": password, "newPassword": "my own choice"})
    assert answer.status_code == 200
    assert anonymous.get("/api/auth/sessions").status_code == 200  # the answer's cookie
    assert sign_in(anonymous, "ada", "my own choice").status_code == 200
    assert anonymous.get("/api/auth/sessions").status_code == 200


async def test_no_tab_opens_before_a_password_was_chosen(site: Any) -> None:
    token, _ = site.accounts.sign_in("ada", given(site))
    assert not await site.lets_in_tab(f"Bearer {token}")
    token, _ = site.accounts.sign_in("ann", "her password")
    assert await site.lets_in_tab(f"Bearer {token}")


def test_the_form_leads_on_with_a_new_session_and_ends_all_others(
    site: Any, ann: TestClient
) -> None:
    with site.client(signed_in=True) as other:
        answer = form(ann, next="/account")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        assert "datagen_session=" in answer.headers["set-cookie"]
        assert ann.get("/api/auth/me").status_code == 200
        assert other.get("/api/auth/me").status_code == 401
        assert sign_in(other, "ann", "her password").status_code == 401
        assert sign_in(other, "ann", "her next one").status_code == 200


@pytest.mark.parametrize(("fields", "said"), [
    ({"currentPassword": "wrong"}, "The current password is not right."),
    ({"newPassword": "short"}, "A password has 8 to 1,024 characters."),
    ({"newPassword": "her password"}, "Choose a password that is not the current one."),
    ({"repeated": "something else"}, "This is not what you typed above."),
])
def test_what_is_wrong_stands_at_its_field_and_no_password_comes_back(
    ann: TestClient, fields: dict[str, str], said: str
) -> None:
    answer = form(ann, **fields)
    assert answer.status_code == 400
    assert said in answer.text
    for password in (*RIGHT.values(), *fields.values()):
        assert f'"{password}"' not in answer.text
    assert ann.get("/api/auth/me").status_code == 200


def test_a_script_is_told_the_path_of_what_is_wrong(ann: TestClient) -> None:
    for body, path in (({}, "currentPassword"), ({**RIGHT, "newPassword": 5}, "newPassword"),
                       ({**RIGHT, "currentPassword": "x"}, "currentPassword"),
                       ({**RIGHT, "newPassword": "x"}, "newPassword")):
        answer = ann.post("/api/auth/password", json=body)
        assert answer.status_code == 400
        assert answer.json()["details"][0]["path"] == path


def test_who_guesses_the_current_password_waits_and_is_in_the_audit_log(
    site: Any, ann: TestClient
) -> None:
    assert form(ann, newPassword="short").status_code == 400  # no guess
    answers = [form(ann, currentPassword=f"guess {n}").status_code for n in range(6)]
    assert answers == [400] * 5 + [429]
    event, = (one for one in site.audit.latest() if one.what == "sign-in failed")
    assert (event.who, event.times) == ("ann", 5)


def test_a_foreign_page_changes_no_password(ann: TestClient) -> None:
    fields = {**RIGHT, "repeated": RIGHT["newPassword"]}
    assert ann.post("/password", data=fields, headers={"origin": "https://bad.example"}
                    ).status_code == 403
    assert ann.post("/password", data=fields, headers=ORIGIN).status_code == 400  # no form token
    assert ann.get("/api/auth/me").status_code == 200


def test_a_stranger_is_led_to_the_sign_in(anonymous: TestClient) -> None:
    answer = anonymous.get("/password", headers={"accept": "text/html"})
    assert answer.headers["location"].startswith("/login")
    assert anonymous.post("/api/auth/password", json=RIGHT).status_code == 401


def test_a_form_whose_session_has_ended_leads_to_the_sign_in_page(
    site: Any, anonymous: TestClient
) -> None:
    sign_in(anonymous, "ada", given(site))
    token = anonymous.get("/password").text.partition('name="form_token" value="')[2][:43]
    site.accounts.reset("ada")
    answer = anonymous.post("/password", headers=ORIGIN | {"accept": "text/html"},
                            data={**RIGHT, "form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?ended=1")


def test_a_form_that_was_made_for_somebody_else_changes_nothing(site: Any, ann: TestClient) -> None:
    answer = form(ann, username="ben")
    assert answer.status_code == 400
    assert "You are signed in as ann now" in answer.text
    assert form(ann, username="ann").status_code == 303
