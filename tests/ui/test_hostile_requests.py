"""Requests that nobody means well with, to every route that takes one: answered, never broken."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from starlette.testclient import TestClient

from tests.tab import drawn
from tests.ui.matrix_rows import DRAFT, PAGES, ROWS
from tests.ui.replica import World

ORIGIN = {"origin": "http://localhost:8501"}
PASSWORD = "a password of some length"
FIELDS: dict[str, dict[str, Any]] = {  # that a route reads, besides those of its row
    "/api/tasks/schema": {**DRAFT, "datasetMode": True, "useExternalApi": True, "profileId": "p",
                          "inferenceBaseUrl": "http://model.invalid", "inferencePath": "/x",
                          "inferenceModel": "m", "inferenceParams": {}, "previousDraftToken": "t"},
    "/api/tasks/confirm": {"draftToken": "{draft}", "schema": {}, "profileId": "p",
                           "useExternalApi": True, "inferenceModel": "m", "inferenceParams": {}},
    "/api/tasks/{id}": {"title": "t"},
    "/api/user/settings": {"mode": "upsert", "profileId": "p", "name": "n", "apiKey": "k",
                           "baseUrl": "http://model.invalid", "path": "/x", "model": "m",
                           "dialect": "openai", "parameters": {}, "requestsPerMinute": 1,
                           "tokensPerMinute": 1, "maxInFlight": 1, "polled": True},
    "/api/user/models": {"profileId": "p", "baseUrl": "http://model.invalid", "apiKey": "k"},
    "/api/user/tokens": {"name": "n", "scope": "read", "days": 1, "id": "x"},
    "/api/auth/login": {"username": "ada", "password": PASSWORD},
    "/api/auth/password": {"currentPassword": PASSWORD, "newPassword": "p"},
    "/api/auth/register": {"name": "n", "email": "e@example.com", "country": "c"},
    "/api/auth/register/resend": {"email": "e@example.com"},
    "/api/auth/sessions": {"id": "x", "all": False},
    "/api/admin/accounts": {"username": "x", "password": "p", "role": "user", "active": True},
}
LONG = json.dumps("x" * 1_000_000)
VALUES = [  # as JSON texts, some of which no library would write
    '"\\ud800"', '"\\udc00\\ud800x"', '"\\u0000"', '"a\\r\\nSet-Cookie: x=y"', '"\\u202egnp"', LONG,
    "9" * 5_000, "-1", "1e400", "1.5", "true", "null", '"<script>alert(1)</script>"', '"__proto__"',
    "[" * 100 + "]" * 100, '{"__proto__":{"a":1},"a":{"$ref":"#"}}', '["a"]', '"../../etc/passwd"',
]
BODIES = [
    b"", b"{", b"[]", b"null", b'"text"', b"NaN", b'{"a":NaN}', b"\xff\xfe{}", b"\xef\xbb\xbf{}",
    b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 500_000,
    b'{"title":"a","title":"b"}', b'{"a":' + b"9" * 500_000 + b"}", b"\x00" * 1_000,
    b'{"a":"' + b"x" * 10_000_000 + b'"}',
]
IDS = ["%00", "%ff", "..%2f..%2fetc", "%2e%2e", "x" * 8_000, "%F0%9F%A6%84", "job_1_%0d%0aX:y",
       "%ed%a0%80", "job_1_a%20", "__proto__", "%3Cscript%3E"]


def hostile(path: str, draft: str) -> Iterator[bytes]:
    """Bodies of a route: broken as a whole, and each of its fields by turns."""
    yield from BODIES
    good = {name: json.dumps(draft if value == "{draft}" else value)
            for name, value in FIELDS.get(path, {"a": 1}).items()}
    for name in good:
        for value in VALUES:
            fields = ",".join(f'"{key}":{said}' for key, said in (good | {name: value}).items())
            yield f"{{{fields}}}".encode()


def is_sound(answer: Any, path: str) -> bool:
    """No failure of ours; and what says no says why, and repeats no mebibyte."""
    if answer.status_code in {200, 201, 202, 204, 303}:
        return True
    bad = answer.status_code not in {400, 401, 404, 405, 409, 413, 415, 429, 502, 503}
    return not bad and len(answer.content) < 60_000 and (
        not path.startswith("/api/") or bool(answer.json()["error"]))


def test_no_body_breaks_a_route(world: World, client: TestClient) -> None:
    root = world.services.accounts.create("root", PASSWORD, role="admin")
    draft = client.post("/api/tasks/schema", json=DRAFT, headers=ORIGIN | bearer(world, "ada"))
    assert root.account.role == "admin"
    asked, wrong, slowest, statuses = 0, [], 0.0, Counter[int]()
    for method, path in ROWS:
        if method == "GET" or not path.startswith("/api/") or path.endswith("path}"):
            continue
        token = world.services.accounts.sign_in("root", PASSWORD)[0]
        headers = ORIGIN | {"authorization": f"Bearer {token}", "content-type": "application/json"}
        for body in hostile(path, draft.json()["draftToken"]):
            begun = time.process_time()
            answer = client.request(method, path.replace("{id}", "job_1_a").replace(
                "{username}", "nobody"), content=body, headers=headers)
            slowest = max(slowest, time.process_time() - begun)
            asked += 1
            statuses[answer.status_code] += 1
            if not is_sound(answer, path):
                wrong.append((method, path, body[:150], answer.status_code, answer.text[:100]))
    sys.stdout.write(f"\n{asked} hostile bodies, the slowest took {slowest:.2f} s\n")
    assert not wrong, "\n".join(map(str, wrong[:20]))
    assert slowest < 3
    assert asked > 900
    assert statuses[401] < asked / 10  # it is not the session that is refused


def bearer(world: World, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {world.services.accounts.sign_in(name, PASSWORD)[0]}"}


def test_no_address_query_or_header_breaks_a_route(world: World, client: TestClient) -> None:
    signed_in = bearer(world, "ada")
    wrong = []
    for method, path in ROWS:
        for text in IDS:
            asked = path.replace("{id}", text).replace("{username}", text).replace(
                "{rest:path}", text)
            asked += f"?id={text}&format={text}&offset={text}&limit={text}&title={text}&next={text}"
            answer = client.request(method, asked, headers=ORIGIN | signed_in)
            if not is_sound(answer, path.partition("{")[0] if answer.headers.get(
                    "content-type") == "application/json" else ""):
                wrong.append((method, asked, answer.status_code, answer.text[:100]))
            assert "<script>" not in answer.text or answer.headers["content-type"] != "text/html"
    for name, value in ((b"cookie", b"datagen_session=\xff\xfe; =;;"), (b"host", b"[\xff"),
                        (b"authorization", b"Bearer \xff"), (b"origin", b"http://[::"),
                        (b"x-forwarded-for", b"\xff" * 100), (b"accept", b"\xff"),
                        (b"content-length", "٣".encode()), (b"content-type", b"\xff;;="),
                        (b"sec-fetch-site", b"\xff"), (b"x-datagen-user", b"root")):
        for method, path in ROWS:
            answer = client.request(method, path.replace("{id}", "x"), headers=[(name, value)])
            if answer.status_code >= 500 and answer.status_code != 503:
                wrong.append((method, path, name, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong[:20]))


def test_no_link_breaks_a_page(world: World, client: TestClient) -> None:
    token = world.services.accounts.sign_in("ada", PASSWORD)[0]
    shown = 0
    for page in PAGES:
        for text in (*IDS, "[" * 1_000, "-1", "9" * 5_000, "NaN"):
            said = drawn(client, token, page, f"id={text}&page={text}&q={text}&draft={text}")
            shown += 1
            assert "exception {" not in said, (page, text[:50])
    assert shown == len(PAGES) * 15
