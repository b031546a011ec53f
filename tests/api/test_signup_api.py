"""Signing up as a browser and a script meet it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from starlette.testclient import TestClient

ADA = {"name": "Ada", "email": "ada@example.com", "country": "Romania"}
ORIGIN = "http://localhost:8501"
TOKEN = "t" * 43  # as our own look


def form(client: TestClient, path: str = "/signup", **fields: str) -> Any:
    """What the browser sends that was given the form."""
    client.cookies.set("datagen_form", TOKEN)
    return client.post(path, data={**ADA, "form_token": TOKEN, **fields},
                       headers={"origin": ORIGIN})


def test_the_sign_in_form_leads_to_it_where_there_is_mail(site: Any, make_site: Any) -> None:
    with site.client() as client:
        assert 'href="/signup"' in client.get("/login").text
        page = client.get("/signup")
    assert page.status_code == 200
    for piece in ('autocomplete="email"', 'autocomplete="name"', 'method="post"', "Create account"):
        assert piece in page.text
    assert "<script" not in page.text


def test_without_mail_it_says_whom_to_ask(site: Any, anonymous: TestClient) -> None:
    site.mailer.is_ready = False
    page, answer = anonymous.get("/signup"), anonymous.post("/api/auth/register", json=ADA)
    assert (page.status_code, answer.status_code) == (503, 503)
    assert "Ask who runs it" in page.text
    assert "Ask who runs it" in answer.json()["error"]
    assert anonymous.post("/api/auth/register/resend", json=ADA).status_code == 503


def test_who_signs_up_is_told_to_look_for_a_mail(site: Any, anonymous: TestClient) -> None:
    answer = form(anonymous)
    assert answer.status_code == 201
    assert "Check your mail" in answer.text
    assert "ada@example.com" in answer.text
    mail, = site.mailer.sent
    assert mail.to == "ada@example.com"
    assert site.accounts.list()[1].name in answer.text


def test_the_api_answers_name_and_message(site: Any, anonymous: TestClient) -> None:
    answer = anonymous.post("/api/auth/register", json=ADA)
    assert answer.status_code == 201
    assert answer.json().keys() == {"username", "message"}
    assert answer.headers["cache-control"] == "no-store"
    again = anonymous.post("/api/auth/register", json=ADA)
    assert again.status_code == 409
    assert "already" in again.json()["error"]


def test_a_mail_that_does_not_leave_can_be_sent_again(site: Any, anonymous: TestClient) -> None:
    site.mailer.refuses = True
    page = form(anonymous)
    answer = anonymous.post("/api/auth/register", json={**ADA, "email": "b@example.com"})

    assert (page.status_code, answer.status_code) == (502, 502)
    assert answer.json()["canResend"] is True
    assert 'action="/signup/resend"' in page.text
    assert 'value="ada@example.com"' in page.text
    site.mailer.refuses = False
    assert form(anonymous, "/signup/resend").status_code == 202
    assert anonymous.post("/api/auth/register/resend",
                          json={"email": "b@example.com"}).status_code == 202
    assert [mail.to for mail in site.mailer.sent] == ["ada@example.com", "b@example.com"]


def test_resend_says_the_same_whether_an_email_is_known(site: Any, anonymous: TestClient) -> None:
    site.mailer.refuses = True
    form(anonymous)
    site.mailer.refuses = False
    answers = [anonymous.post("/api/auth/register/resend", json={"email": email})
               for email in ("ada@example.com", "nobody@example.com", "ada@example.com")]
    assert {(a.status_code, a.text) for a in answers} == {(202, answers[0].text)}


def test_what_does_not_fit_stands_at_its_field_and_the_rest_is_kept(anonymous: TestClient) -> None:
    page = form(anonymous, email="nonsense", name='"><b>Ada')
    assert page.status_code == 400
    assert "Enter an e-mail address" in page.text
    assert 'value="Romania"' in page.text
    assert "<b>Ada" not in page.text
    answer = anonymous.post("/api/auth/register", json={"email": 7})
    assert {d["path"] for d in answer.json()["details"]} == {"name", "email", "country"}


def test_too_many_tries_are_429_with_the_time_to_wait(anonymous: TestClient) -> None:
    form(anonymous)
    for _ in range(2):
        assert form(anonymous).status_code == 409
    page = form(anonymous)
    answer = anonymous.post("/api/auth/register", json=ADA)
    for one in (page, answer):
        assert one.status_code == 429
        assert one.headers["retry-after"] == "900"
    assert "Try again in 15 minutes" in page.text


def test_the_address_is_the_connections_unless_a_trusted_proxy_names_another(site: Any) -> None:
    def tries(peer: str, *forwarded: str) -> list[int]:
        with site.client(peer=peer) as client:
            return [client.post("/api/auth/register/resend", headers={"x-forwarded-for": one},
                                json={"email": f"{next(emails)}@example.com"}).status_code
                    for one in forwarded]

    emails = itertools.count()
    # who is no proxy can't name an address of its own: the sixth try is one too many
    assert tries("203.0.113.9", *(f"192.0.2.{n}" for n in range(6))) == [202] * 5 + [429]
    # behind a trusted one each address counts for itself
    assert tries("10.1.0.1", *(f"192.0.2.{n}" for n in range(6))) == [202] * 6
    # and what a client put in front of what the proxy saw does not
    assert tries("10.1.0.1", *(f"192.0.2.{n}, 198.51.100.7" for n in range(6))) == \
        [202] * 5 + [429]


def test_a_foreign_page_can_sign_nobody_up(anonymous: TestClient) -> None:
    for path in ("/signup", "/signup/resend"):
        assert anonymous.post(path, data=ADA, headers={"origin": "https://bad.example"}
                              ).status_code == 403
        assert anonymous.post(path, data=ADA).status_code == 403
    assert anonymous.post("/api/auth/register", data=ADA).status_code == 403


def test_over_plain_http_from_elsewhere_nobody_signs_up(site: Any) -> None:
    with site.client(url="http://data.example:8501") as client:
        assert "needs HTTPS" in client.get("/signup").text


def test_who_is_signed_in_needs_no_account(ann: TestClient) -> None:
    assert ann.get("/signup").headers["location"] == "/"


def test_a_store_that_fails_is_503_and_what_was_typed_stays(
    site: Any, anonymous: TestClient
) -> None:
    site.store.fail_next(99)
    page, answer = form(anonymous), anonymous.post("/api/auth/register", json=ADA)
    assert (page.status_code, answer.status_code) == (503, 503)
    assert 'value="ada@example.com"' in page.text


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_another_kind_of_body_leads_back_to_the_form(anonymous: TestClient, kind: str) -> None:
    answer = anonymous.post("/signup", content=b"{}", headers={
        "origin": ORIGIN, "content-type": kind})
    assert answer.headers["location"] == "/signup"


def test_who_signs_up_once_more_can_have_a_mail_that_did_not_leave_sent_again(
    site: Any, anonymous: TestClient
) -> None:
    site.mailer.refuses = True
    form(anonymous)  # its answer was never seen: somebody who was impatient clicked again
    again = form(anonymous)
    assert again.status_code == 409
    assert "signed up just now" in again.text
    assert 'action="/signup/resend"' in again.text
    assert 'name="email" value="ada@example.com"' in again.text


def test_who_mistyped_the_address_is_led_back_to_the_form(site: Any, anonymous: TestClient) -> None:
    site.mailer.refuses = True
    assert 'href="/signup"' in form(anonymous, email="aad@example.com").text


@pytest.mark.parametrize("name", ["علی‌رضا", "👩‍👩‍👧 Family", "<b>Zoë</b>"])
def test_a_name_is_written_as_its_language_writes_it(anonymous: TestClient, name: str) -> None:
    assert form(anonymous, name=name).status_code == 201


@pytest.mark.parametrize("name", ["a\u202eb", "a\u200bb", "a\x00b"])
def test_a_name_with_what_can_not_be_seen_is_refused_for_that(
    anonymous: TestClient, name: str
) -> None:
    assert "can’t be seen" in form(anonymous, name=name).text
