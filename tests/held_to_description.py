"""Holds every answer that a test gets of the API to the description, whatever the test is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.api_description import described, named, turned_down

ODD = re.compile(r"\.\.|[\x00\r\n\\]|//")  # what no route of the process gets to see


@pytest.fixture(autouse=True)
def held_to_description(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of answers that nobody described the test fails, at its end if not at once."""
    wrong: list[str] = []
    send = TestClient.send

    def held(client: TestClient, request: httpx2.Request, **more: Any) -> httpx2.Response:
        answer = send(client, request, **more)
        path = request.url.path
        is_known = named("GET" if request.method == "HEAD" else request.method, path)
        is_odd = answer.status_code in {400, 404} and ODD.search(unquote(path))  # to Streamlit
        is_link = request.headers.get("sec-fetch-mode") == "navigate"  # a person sees a page
        if not is_odd and not is_link and (is_known or path == "/api" or path.startswith("/api/")):
            try:
                answer.read()
                (described if is_known else turned_down)(answer)
            except (AssertionError, ValueError) as exc:  # it may be no JSON at all
                wrong.append(f"{request.method} {path!r} {answer.status_code}: {exc}")
        return answer

    monkeypatch.setattr(TestClient, "send", held)
    yield
    assert not wrong, "\n".join(wrong)
