"""The page about the API: all that is described, with commands that are the reader's own."""

from __future__ import annotations

import shlex

import pytest
from jsonschema import Draft202012Validator
from streamlit.testing.v1 import AppTest

from datagen.adapters.local import LocalStore
from datagen.domain.api.description import OPERATIONS
from datagen.domain.api.examples import BODIES, VARIABLE, curl, words
from datagen.domain.api.scopes import audience
from datagen.domain.errors import StoreError
from datagen.domain.users import User
from datagen.ui.api_view import BADGES, shown_to
from tests.ui.replica import ADA, BEN, World

ADMIN = User(name="root", role="admin")
HOSTILE = "<img src=x onerror=alert(1)> [here](http://x.invalid) `$(reboot)`"


def commands(at: AppTest) -> list[str]:
    return [block.value for block in at.code if block.value.startswith("curl")]


def test_every_route_is_shown_to_those_it_is_there_for() -> None:
    def seen(user: User) -> set[tuple[str, str]]:
        return {(method, path) for _, rows in shown_to(user) for method, path, *_ in rows}

    assert seen(ADMIN) == set(OPERATIONS)
    assert seen(ADA) == {(method, path) for method, path in OPERATIONS if "/admin" not in path}


def test_the_commands_name_the_readers_own_job_and_no_token(world: World) -> None:
    job_id, other = world.finish(HOSTILE, records=2), world.confirm("Other", user=BEN)
    at = world.open("api_docs")

    assert not at.exception
    shown = commands(at)
    assert len(shown) == len([path for _, path in OPERATIONS if "/admin" not in path])
    assert sum(f"/api/tasks/{job_id}" in one for one in shown) == 9
    assert not any(other in str(block.value) for block in at.code)
    for one in shown:
        assert f"${VARIABLE}" in one or "datagen.cookies" in one or "Bearer" not in one
        assert shlex.split(one)[0] == "curl"
    assert HOSTILE in at.selectbox[0].options[0]  # a widget's text, which is never markup
    assert not any("onerror" in str(item.value) for item in (*at.markdown, *at.code, *at.caption))


def test_who_has_no_job_sees_a_placeholder(world: World) -> None:
    at = world.open("api_docs")

    assert not at.exception
    assert not at.selectbox
    assert any("/api/tasks/JOB_ID/export" in one for one in commands(at))


def test_jobs_that_can_not_be_read_leave_the_placeholder(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("The disk is gone.")

    world.services.jobs._snapshots._last = None
    monkeypatch.setattr(LocalStore, "hgetall", away)
    at = world.open("api_docs")

    assert not at.exception
    assert "Your jobs can't be named in the examples yet" in at.info[0].value
    assert commands(at)


@pytest.mark.parametrize("user", [ADA, ADMIN])
def test_who_may_call_a_route_stands_beside_it(world: World, user: User) -> None:
    if user is ADMIN:
        world.services.accounts.create("root", "a password of some length", role="admin")
    labels = [box.label for box in world.open("api_docs", user=user).expander]
    for (method, path), one in OPERATIONS.items():
        who = audience(method, path, is_open=one.is_open)
        if who == "admin" and user is ADA:
            assert not any(path in label for label in labels)
        else:
            assert sum(label.startswith(f"`{method} {path}` {BADGES[who]} ")
                       for label in labels) == 1


def test_every_body_has_an_example_that_fits_it() -> None:
    assert set(BODIES) == {call for call, one in OPERATIONS.items() if one.body is not None}
    for call, body in BODIES.items():
        shape = OPERATIONS[call].body
        assert shape is not None
        Draft202012Validator(dict(shape)).validate(body)


def test_whatever_an_id_is_it_stays_one_word_of_the_command() -> None:
    said = curl("GET", "/api/tasks/{id}", "read", origin="http://localhost:8501",
                job_id="x'; reboot #", is_file=False)
    assert shlex.split(said)[-1] == "http://localhost:8501/api/tasks/x%27%3B%20reboot%20%23"


def test_shapes_are_told_in_words() -> None:
    assert words({"type": "string", "minLength": 1, "maxLength": 2000}) == \
        "text of 1 to 2,000 characters"
    assert words({"type": "integer", "minimum": 1}) == "whole number from 1"
    assert words({"anyOf": [{"type": "boolean"}, {"type": "null"}]}) == "true or false or null"
    assert words({"type": "string", "enum": ["a", "b"]}) == '"a" or "b"'
