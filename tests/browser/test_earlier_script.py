"""A script that was written for the earlier application talks to ours, word for word."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests import golden
from tests.browser.live import Server

ANSWERS: dict[str, Any] = golden.vector("api_responses")
DRAFT = {"schema", "schemaGeneratedAt", "schemaDurationMs", "schemaRefreshes", "draftToken",
         "failedAttempts"}  # as API.md has it
ASKED = {"title": "golden 5 records", "totalRecords": 5, "description": "one fictional customer",
         "instructions": "Vary name, age and segment.", "datasetMode": False}


@pytest.fixture
def script() -> Iterator[requests.Session]:
    """What such scripts use: a client that keeps cookies, and no header of a browser."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def shape(value: Any) -> Any:
    """Names and types without what differs from run to run."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value):
        return "a time"
    return type(value).__name__


def kept(said: Any, earlier: Any) -> Any:
    """Of an answer, what the earlier application's had: ours may tell more."""
    if isinstance(earlier, dict):
        assert earlier.keys() <= said.keys(), earlier.keys() - said.keys()
        return {name: kept(said[name], inner) for name, inner in earlier.items()
                if name != "schema"}  # another one was drafted
    if isinstance(earlier, list):
        return [kept(one, earlier[0]) for one in said[:1]] if earlier else []
    return said


def like_before(said: Any, earlier: Any) -> None:
    """The same fields with values of the same kinds."""
    assert shape(kept(said, earlier)) == shape(kept(earlier, earlier))


def test_its_whole_conversation_is_answered_as_before(
    script: requests.Session, server: Server
) -> None:
    url = f"{server.url}/api"

    # sign in: the cookie is all that it keeps
    answer = script.post(f"{url}/auth/login", json={"username": "admin", "password": "admin"})
    assert [answer.status_code, answer.json()] == ANSWERS["login"]
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("datagen_session=")
    assert {"httponly", "samesite=lax", "path=/", "max-age=604800"} <= {
        part.strip() for part in cookie.split(";")}
    assert set(script.get(f"{url}/auth/me").json()) == {"username", "role", "iat", "exp"}

    # draft, and draft once more
    first = script.post(f"{url}/tasks/schema", json=ASKED)
    assert first.status_code == 200
    assert set(first.json()) == DRAFT
    draft = script.post(f"{url}/tasks/schema", json={
        **ASKED, "previousDraftToken": first.json()["draftToken"]}).json()
    assert draft["schemaRefreshes"] == first.json()["schemaRefreshes"] + 1

    # confirm
    answer = script.post(f"{url}/tasks/confirm", json={"draftToken": draft["draftToken"]})
    assert answer.status_code == 200
    assert set(answer.json()) == {"jobId"}
    job_id = answer.json()["jobId"]
    assert re.fullmatch(r"job_\d{13}_[0-9a-f]{6}", job_id)

    # poll until it is over
    until, seen = time.monotonic() + 60, []
    while not seen or seen[-1] in {"queued", "running"}:
        assert time.monotonic() < until, seen
        task = script.get(f"{url}/tasks/{job_id}", timeout=10).json()
        seen.append(task["job"]["status"])
    assert seen[-1] == "succeeded"
    like_before(task, ANSWERS["task"])
    assert task["job"]["id"] == job_id
    assert (task["job"]["totalOk"], task["job"]["totalRecords"]) == (5, 5)
    listed = script.get(f"{url}/tasks").json()
    like_before(listed, ANSWERS["tasks"])
    assert listed["jobs"][0]["id"] == job_id  # newest first

    # export
    taken = script.get(f"{url}/tasks/{job_id}/export?format=json")
    records = taken.json()
    assert taken.headers["content-disposition"].startswith("attachment")
    assert len(records) == 5
    assert taken.text == json.dumps(records, indent=2, ensure_ascii=False)
    table = script.get(f"{url}/tasks/{job_id}/export?format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [set(row) for row in rows] == [set().union(*records)] * 5
    for row, record in zip(rows, records, strict=True):
        assert row == {name: inner if isinstance(inner, str) else
                       json.dumps(inner, separators=(",", ":"), ensure_ascii=False)
                       for name, inner in record.items()}

    # what else it looks at
    status, metrics = ANSWERS["metrics"]
    answer = script.get(f"{url}/metrics")
    assert answer.status_code == status
    like_before(answer.json(), metrics)
    settings = script.get(f"{url}/user/settings").json()
    assert {"maxProfiles", "profiles", "hasApiKey"} <= settings.keys()

    # and leaves
    assert script.post(f"{url}/auth/logout", json={}).status_code == 200
    left = script.get(f"{url}/tasks")
    assert left.status_code == 401
    assert set(left.json()) == {"error"}


def test_the_form_gives_a_script_the_same_cookie(script: requests.Session, server: Server) -> None:
    """One that does as a browser does: what the form holds goes back with it."""
    form = script.get(f"{server.url}/login").text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    answer = script.post(f"{server.url}/login", allow_redirects=False, data={
        **hidden, "username": "admin", "password": "admin"}, headers={"Origin": server.url})
    assert answer.status_code == 303, answer.text
    assert script.get(f"{server.url}/api/auth/me").json()["username"] == "admin"
