"""The shapes of ``/api/auth``, and how errors look on the way out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Semaphore
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.memory import MemoryStore
from datagen.api.auth import SIGN_INS_AT_ONCE, Caller, Door
from datagen.api.errors import answer_for, answering
from datagen.api.inputs import read_json
from datagen.domain import errors
from datagen.domain.errors import InputError, Problem
from datagen.protocol.audit import AuditBook
from datagen.protocol.board import Board
from datagen.services.audit import Audit
from datagen.services.delays import Delays
from datagen.services.devices import Devices
from datagen.services.open_sessions import OpenSessions
from datagen.services.patience import Patience
from tests import golden

RIGHT = {"username": "Ann", "password": "her password"}


def test_login_answers_as_the_earlier_application_did(anonymous: TestClient) -> None:
    answer = anonymous.post("/api/auth/login", json=RIGHT)

    assert (answer.status_code, answer.json()) == (200, {"username": "ann", "role": "user"})
    assert "HttpOnly" in answer.headers["set-cookie"]


def test_me_says_who_and_until_when(anonymous: TestClient) -> None:
    anonymous.post("/api/auth/login", json=RIGHT)

    assert anonymous.get("/api/auth/me").json() == {
        "username": "ann", "role": "user", "iat": 1767225600, "exp": 1767225600 + 604800,
    }


def test_logout_ends_the_session_on_the_server_too(ann: TestClient) -> None:
    token = ann.cookies["datagen_session"]

    answer = ann.post("/api/auth/logout")

    assert answer.status_code == 200
    assert "datagen_session" not in ann.cookies
    again = ann.get("/api/auth/me", headers={"authorization": f"Bearer {token}"})
    assert again.status_code == 401


@pytest.mark.parametrize("username", ["ann", "nobody", "", "not a name"])
def test_a_wrong_login_is_401_and_never_says_which(anonymous: TestClient, username: str) -> None:
    answer = anonymous.post("/api/auth/login", json={"username": username, "password": "x"})

    assert answer.status_code == 401
    assert answer.json() == {"error": "The user name or the password is wrong."}
    assert "set-cookie" not in answer.headers


def test_a_login_names_the_fields_that_do_not_fit(anonymous: TestClient) -> None:
    answer = anonymous.post("/api/auth/login", json={"username": 5})

    assert answer.status_code == 400
    assert [problem["path"] for problem in answer.json()["details"]] == ["username", "password"]


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b'"text"', b"NaN", b'{"a": NaN}', b"\xff", b"[" * 10_000,
    b'{"username": "\\ud800", "password": "x"}', b'{"a": ' + b"9" * 10_000 + b"}",
])
def test_a_body_that_is_not_a_json_object_is_400(anonymous: TestClient, content: bytes) -> None:
    answer = anonymous.post("/api/auth/login", content=content,
                            headers={"content-type": "application/json; charset=utf-8"})

    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


def test_another_kind_of_body_is_415(anonymous: TestClient) -> None:
    for headers in ({}, {"content-type": "application/xml"}):
        answer = anonymous.post("/api/auth/login", content=b"<a/>", headers=headers)
        assert answer.status_code == 415


def door_of(accounts: Any) -> Door:
    store, clock = MemoryStore(), HandClock()
    signer = JwtSigner("s" * 32, clock)
    audit = Audit(book=AuditBook(board=Board(store), desk=store, peer_id="local"), peers=(),
                  clock=clock, patience=Patience(None, clock=clock))
    return Door(accounts, delays=Delays(clock), audit=audit,
                opened=OpenSessions(desk=store, clock=clock),
                devices=Devices(signer=signer, clock=clock))


async def test_who_stands_in_line_while_the_store_hangs_is_told_with_those_before() -> None:
    came, hangs = Semaphore(0), Event()

    class Hanging:
        def sign_in(self, name: str, password: str) -> Any:
            came.release()
            assert hangs.wait(20)
            raise errors.StoreError("The store did not answer in time.")

    accounts: Any = Hanging()
    door = door_of(accounts)
    line = [asyncio.create_task(door.sign_in(f"ann{n}", "x", Caller(address=f"192.0.2.{n}")))
            for n in range(40)]
    for _ in range(SIGN_INS_AT_ONCE):
        assert await asyncio.to_thread(came.acquire, timeout=20)
    hangs.set()
    told = await asyncio.gather(*line, return_exceptions=True)
    assert {type(one) for one in told} == {errors.StoreError}
    assert not came.acquire(blocking=False)  # no other waited for it once more
    with pytest.raises(errors.StoreError):
        await door.sign_in("ann", "x", Caller(address="192.0.2.99"))
    assert came.acquire(blocking=False)  # who comes later tries


def test_a_store_that_fails_is_503(site: Any, anonymous: TestClient) -> None:
    site.store.fail_next()

    assert anonymous.post("/api/auth/login", json=RIGHT).status_code == 503


def test_unknown_addresses_and_methods_answer_in_our_shape(ann: TestClient) -> None:
    unknown, wrong = ann.get("/api/nothing"), ann.delete("/api/auth/me")

    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert unknown.json()["error"]
    assert wrong.json()["error"]
    assert wrong.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(("error", "status"), [
    (InputError("No."), 400),
    (errors.SignInFailed("No."), 401),
    (errors.SessionEnded("No."), 401),
    (errors.NotAllowed("No."), 403),
    (errors.NotThere("No."), 404),
    (errors.Conflict("No."), 409),
    (errors.ModelUnreachable("No."), 502),
    (errors.ReplyUnusable("No."), 502),
    (errors.StoreError("No."), 503),
    (errors.StoreFull("No."), 503),
])
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    answer = answer_for(error)

    assert answer.status_code == status
    assert json.loads(answer.body)["error"].startswith("No.")


def test_every_error_of_the_tree_has_a_status() -> None:
    def leaves(kind: type[Exception]) -> list[type[Exception]]:
        return [kind] + [leaf for sub in kind.__subclasses__() for leaf in leaves(sub)]

    for kind in leaves(errors.DatagenError)[1:]:
        if kind.__module__ == errors.__name__ and kind is not errors.SettingsError:
            assert answer_for(kind("No.")).status_code < 600
            assert answer_for(kind("No.")).status_code != 500, kind


def test_problems_are_listed_with_their_paths() -> None:
    answer = answer_for(InputError("Two things.", [
        Problem(path="title", message="Too long."), Problem(path="", message="Odd."),
    ]))

    assert json.loads(answer.body) == {"error": "Two things.", "details": [
        {"path": "title", "message": "Too long."}, {"path": "", "message": "Odd."},
    ]}


def test_a_model_error_carries_its_advice_and_when_to_come_back() -> None:
    answer = answer_for(errors.ModelOverloaded("Busy.", retry_after=2.1))

    assert json.loads(answer.body)["error"] == f"Busy. {errors.ModelOverloaded.advice}"
    assert answer.headers["retry-after"] == "3"


async def test_the_unexpected_is_logged_and_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("secret words")

    answer = await answering(broken)(Request({"type": "http", "headers": []}))

    assert answer.status_code == 500
    assert b"secret" not in answer.body
    assert "secret words" in caplog.text


async def test_a_client_that_goes_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def reads(request: Request) -> Response:
        await read_json(request)
        raise AssertionError

    scope = {"type": "http", "method": "POST",
             "headers": [(b"content-type", b"application/json")]}
    await answering(reads)(Request(scope, gone))

    assert caplog.text == ""


def test_a_cookie_of_the_earlier_application_still_opens_the_door(
    make_site: Callable[..., Any]
) -> None:
    stored = golden.vector("user_settings_users_index_session")
    clock = HandClock(datetime(2026, 11, 23, tzinfo=UTC))
    site = make_site(clock=clock, secret=stored["session_secret"])
    site.store.hset("datagen:auth", "admin", stored["auth"]["admin"])
    name, _, token = stored["cookie"].partition("=")

    with site.client() as client:
        client.cookies.set(name, token)
        answer = client.get("/api/auth/me")
        clock.advance(7 * 24 * 3600)
        late = client.get("/api/auth/me")

    assert (answer.status_code, answer.json()) == (200, {
        "username": "admin", "role": "admin", "iat": 1795332109, "exp": 1795936909})
    assert late.status_code == 401
