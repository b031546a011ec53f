"""The sign-in form as a browser without scripts meets it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from datagen.services.sessions import SESSION_LIFE

ORIGIN = "http://localhost:8501"
FORM = {"origin": ORIGIN}
RIGHT = {"username": "ann", "password": "her password"}
TOKEN = "t" * 43  # as our own look


def post(client: TestClient, fields: dict[str, str], origin: str = ORIGIN) -> Any:
    """What the browser sends that was given the form."""
    client.cookies.set("datagen_form", TOKEN)
    return client.post("/login", data={**fields, "form_token": TOKEN}, headers={"origin": origin})


def test_the_form_is_kind_to_password_managers_and_needs_no_script(
    anonymous: TestClient,
) -> None:
    answer = anonymous.get("/login")

    assert answer.status_code == 200
    for piece in ('autocomplete="username"', 'autocomplete="current-password"', "autofocus",
                  'type="password"', 'method="post"', "prefers-color-scheme:dark", "#0f766e"):
        assert piece in answer.text
    assert "<script" not in answer.text
    assert "src=" not in answer.text
    assert answer.text.count("autofocus") == 1


def test_signing_in_sets_the_cookie_and_leads_on(anonymous: TestClient) -> None:
    answer = post(anonymous, {**RIGHT, "next": "/dataset?job=1"})

    assert answer.status_code == 303
    assert answer.headers["location"] == "/dataset?job=1"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("datagen_session=ey")
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=604800"):
        assert attribute in cookie
    assert "Secure" not in cookie  # plain HTTP to this very machine
    assert anonymous.get("/api/auth/me").json()["username"] == "ann"
    assert anonymous.get("/login?next=/new").headers["location"] == "/new"


def test_a_wrong_password_keeps_the_user_name_and_says_not_which(anonymous: TestClient) -> None:
    for name in ("ann", "nobody"):
        answer = post(anonymous, {"username": name, "password": "x", "next": "/new"})

        assert answer.status_code == 401
        assert "The user name or the password is wrong." in answer.text
        assert f'value="{name}"' in answer.text
        assert 'value="/new"' in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("query", "text"), [
    ("?ended=1", "Your session ended. Sign in again."),
    ("?bye=1", "You are signed out."),
])
def test_the_form_says_why_one_is_here(anonymous: TestClient, query: str, text: str) -> None:
    assert text in anonymous.get(f"/login{query}").text
    assert text not in anonymous.get("/login").text


def test_a_store_that_fails_is_told_to_strangers_without_its_address(
    site: Any, anonymous: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    site.store.fail_next(2)

    answer = post(anonymous, RIGHT)
    call = anonymous.post("/api/auth/login", json=RIGHT)

    assert (answer.status_code, call.status_code) == (503, 503)
    assert "Signing in is not possible now" in answer.text
    assert "wrong" not in answer.text
    assert 'value="ann"' in answer.text
    assert "Signing in is not possible now" in call.json()["error"]
    assert "can't be reached" not in answer.text + call.text
    assert caplog.text.count("The store can't be reached.") == 2


OUTSIDE = [
    "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "evil",
    "/\t/evil.example", "/\n/evil.example", " /x", "javascript:alert(1)", "", "/login?next=/x",
    "/auth/logout", "/api/tasks", "/" + "x" * 3000, "///evil.example",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_next_never_leads_out_or_in_circles(
    anonymous: TestClient, path: str
) -> None:
    assert post(anonymous, {**RIGHT, "next": path}).headers["location"] == "/"
    assert anonymous.get("/login", params={"next": path}).headers["location"] == "/"


@pytest.mark.parametrize("field", ["username", "next"])
def test_what_was_typed_is_shown_as_text(anonymous: TestClient, field: str) -> None:
    hostile = '/"><script>alert(1)</script>'

    shown = post(anonymous, {"username": "ann", "password": "x", field: hostile}).text

    assert "<script" not in shown
    assert hostile not in shown


def test_a_password_never_comes_back(anonymous: TestClient) -> None:
    assert "s3cret" not in post(anonymous, {"username": "ann", "password": "s3cret"}).text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"&".join([b"a=b"] * 50)])
def test_a_form_that_cannot_be_read_is_answered(anonymous: TestClient, content: bytes) -> None:
    answer = anonymous.post("/login", content=content, headers={
        **FORM, "content-type": "application/x-www-form-urlencoded"})

    assert answer.status_code == 400


def test_the_form_takes_forms_only(anonymous: TestClient) -> None:
    assert anonymous.post("/login", json=RIGHT, headers=FORM).status_code == 400


def test_a_foreign_page_cannot_sign_anyone_in(anonymous: TestClient) -> None:
    for origin in ("http://evil.example", "null"):
        assert post(anonymous, RIGHT, origin).status_code == 403
    assert anonymous.post("/login", data=RIGHT).status_code == 403


def test_a_form_comes_from_the_browser_it_was_given_to(site: Any) -> None:
    with site.client() as mine, site.client() as theirs:
        given = re.search(r'name="form_token" value="([^"]+)"', mine.get("/login").text)
        assert given
        assert mine.cookies["datagen_form"] == given[1]
        again = mine.get("/login")
        assert given[1] in again.text  # another tab ends no form of this one
        assert "set-cookie" not in again.headers
        theirs.get("/login")
        for token in ("", "x", "é", given[1], theirs.cookies["datagen_form"][:-1]):
            answer = theirs.post("/login", data={**RIGHT, "form_token": token}, headers=FORM)
            assert answer.status_code == 400, token
            assert "Try again" in answer.text
            assert "datagen_session" not in theirs.cookies
        theirs.cookies.clear()
        assert theirs.post("/login", data={**RIGHT, "form_token": ""},
                           headers=FORM).status_code == 400
        assert mine.post("/login", data={**RIGHT, "form_token": given[1]},
                         headers=FORM).status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", "t" * 44, '"><script>', "é" * 43])
def test_a_form_holds_no_secret_that_somebody_made_up(site: Any, cookie: str) -> None:
    with site.client() as client:
        answer = client.get("/login", headers={"cookie": f"datagen_form={cookie}".encode()})

    assert "<script" not in answer.text
    assert 'value=""' not in answer.text
    assert "datagen_form=" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]


# -- transport


def test_plain_http_from_another_machine_is_explained_and_not_looped(site: Any) -> None:
    with site.client(url="http://datagen.lan:8501", peer="192.168.1.7") as client:
        for answer in (client.get("/login"),
                       post(client, RIGHT, "http://datagen.lan:8501")):
            assert answer.status_code == 400
            assert "set-cookie" not in answer.headers
            assert "ssh -L 8501:127.0.0.1:8501 datagen.lan" in answer.text
            assert "DATAGEN_TRUSTED_PROXIES" in answer.text
            assert "A proxy at" not in answer.text


def test_an_unknown_proxy_is_named(site: Any) -> None:
    with site.client(url="http://datagen.example", peer="192.168.1.7") as client:
        answer = client.get("/login", headers={"x-forwarded-proto": "https"})

    assert answer.status_code == 400
    assert "A proxy at <code>192.168.1.7</code>" in answer.text


@pytest.mark.parametrize("host", ['"><script>x', "[", "[::1", "a b", "[x]:y", ""])
def test_a_hostile_host_header_is_shown_as_text(site: Any, host: str) -> None:
    with site.client(peer="192.168.1.7") as client:
        answer = client.get("/login", headers={"host": host})

    assert answer.status_code == 400
    assert "<script" not in answer.text


@pytest.mark.parametrize(("url", "peer", "forwarded"), [
    ("https://datagen.example", "192.168.1.7", ""),
    ("https://localhost", "127.0.0.1", ""),
    ("http://datagen.example", "10.1.2.3", "https"),
    ("http://datagen.example", "10.1.2.3", "https, http"),
])
def test_over_https_the_cookie_is_secure(
    site: Any, url: str, peer: str, forwarded: str
) -> None:
    with site.client(url=url, peer=peer) as client:
        headers = {"x-forwarded-proto": forwarded} if forwarded else {}
        answer = client.post("/login", data={**RIGHT, "form_token": TOKEN}, headers={
            **headers, "cookie": f"datagen_form={TOKEN}", "origin": url.replace("http://", "https://")})

    assert answer.status_code == 303
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "[::1]:8501", "localhost", "127.8.8.8",
                                  "app.localhost:8501"])
def test_this_very_machine_needs_no_https(site: Any, host: str) -> None:
    with site.client(url=f"http://{host}") as client:
        answer = post(client, RIGHT, f"http://{host}")

    assert answer.status_code == 303
    assert "Secure" not in answer.headers["set-cookie"]


# -- leaving


def test_a_link_to_the_logout_address_signs_nobody_out(ann: TestClient) -> None:
    answer = ann.get("/auth/logout")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "set-cookie" not in answer.headers
    assert ann.get("/api/auth/me").status_code == 200


def test_after_signing_out_a_tab_says_goodbye(site: Any, ann: TestClient) -> None:
    site.accounts.sign_out(ann.cookies["datagen_session"])

    answer = ann.get("/auth/logout")

    assert answer.headers["location"] == "/login?bye=1"
    assert 'datagen_session=""' in answer.headers["set-cookie"]
    assert answer.headers["clear-site-data"] == '"storage"'  # what was being written


@pytest.mark.parametrize("why", ["bye", "ended"])
def test_a_tab_that_asks_its_way_out_twice_is_told_the_same_again(
    site: Any, ann: TestClient, why: str
) -> None:
    if why == "bye":
        site.accounts.sign_out(ann.cookies["datagen_session"])
    else:
        site.clock.advance(SESSION_LIFE.total_seconds())

    for _ in range(2):
        assert ann.get("/auth/logout").headers["location"] == f"/login?{why}=1"


def test_who_was_never_here_is_told_nothing(anonymous: TestClient) -> None:
    assert anonymous.get("/auth/logout").headers["location"] == "/login"


def test_a_tab_whose_session_expired_is_told_so(site: Any, ann: TestClient) -> None:
    site.clock.advance(SESSION_LIFE.total_seconds())

    assert ann.get("/auth/logout").headers["location"] == "/login?ended=1"


def test_a_tab_that_has_a_new_session_or_gets_one_comes_back_to_its_page(
    site: Any, ann: TestClient
) -> None:
    tab = {"referer": f"{ORIGIN}/dataset?id=job_1"}
    assert ann.get("/auth/logout", headers=tab).headers["location"] == "/dataset?id=job_1"

    site.clock.advance(SESSION_LIFE.total_seconds())
    answer = ann.get("/auth/logout", headers=tab)
    assert answer.headers["location"] == "/login?ended=1&next=%2Fdataset%3Fid%3Djob_1"


@pytest.mark.parametrize("referer", [
    "https://evil.example/new", f"{ORIGIN}.evil.example/new", f"{ORIGIN}/auth/logout",
    f"{ORIGIN}//evil.example", "http://[", "", "/new"])
def test_no_other_site_says_where_a_tab_comes_back_to(ann: TestClient, referer: str) -> None:
    answer = ann.get("/auth/logout", headers={"referer": referer})
    assert answer.headers["location"] == "/"


def test_after_signing_out_nobody_is_led_to_what_somebody_else_looked_at(
    site: Any, ann: TestClient
) -> None:
    site.accounts.sign_out(ann.cookies["datagen_session"])
    answer = ann.get("/auth/logout", headers={"referer": f"{ORIGIN}/dataset?id=job_1"})
    assert answer.headers["location"] == "/login?bye=1"


def test_who_signs_in_over_somebody_else_ends_that_session(site: Any, ann: TestClient) -> None:
    site.accounts.create("ben", "his password")
    hers = ann.cookies["datagen_session"]

    assert post(ann, {"username": "ben", "password": "wrong"}).status_code == 401
    assert ann.get("/api/auth/me").json()["username"] == "ann"
    assert post(ann, {"username": "ben", "password": "his password"}).status_code == 303

    assert ann.get("/api/auth/me").json()["username"] == "ben"
    assert site.accounts.signed_out(hers)  # or her tabs would go on in his browser


def test_who_signs_in_again_ends_none_of_the_own_tabs(site: Any, ann: TestClient) -> None:
    hers = ann.cookies["datagen_session"]
    assert post(ann, RIGHT).status_code == 303
    assert not site.accounts.signed_out(hers)
