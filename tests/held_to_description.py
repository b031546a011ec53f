"""Holds every answer that a test gets of the API to the description, whatever the test is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.api_description import described, named, turned_down


@pytest.fixture(autouse=True)
def held_to_description(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of answers that nobody described the test fails, at its end if not at once."""
    wrong: list[str] = []
    send = TestClient.send

    def held(client: TestClient, request: httpx2.Request, **more: Any) -> httpx2.Response:
        answer = send(client, request, **more)
        path = request.url.path
        if path == "/health" or path == "/api" or path.startswith("/api/"):
            method = "GET" if request.method == "HEAD" else request.method
            try:
                answer.read()
                (described if named(method, path) else turned_down)(answer)
            except AssertionError as exc:
                wrong.append(str(exc))
        return answer

    monkeypatch.setattr(TestClient, "send", held)
    yield
    assert not wrong, "\n".join(wrong)
