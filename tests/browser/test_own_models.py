"""Somebody connects a model of their own and has a dataset made by it; its key is seen nowhere."""

from __future__ import annotations

import json
import re
import secrets
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Response, WebSocket, expect

from datagen.sandbox import Plan, Sandbox, running
from tests.browser.live import Server, draft_example, sign_in, up, wait_for
from tests.model_process import MODEL, model_process
from tests.node_environment import ADMIN_PASSWORD, node_environment

pytestmark = pytest.mark.browser

ADMIN = ("admin", ADMIN_PASSWORD)
KEY = f"sk-PLANTED-{secrets.token_hex(8)}"
OWN_KEY = f"sk-SERVERS-{secrets.token_hex(8)}"
MARKS = (KEY, OWN_KEY)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(Plan()) as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profiles")


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with model_process(KEY) as url:
        yield url


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, folder: Path) -> Iterator[Server]:
    """On a node, so that there is a shared store to be searched; it logs every model call."""
    environment = node_environment(sandbox, folder) | {
        "DATAGEN_MOCK_INFERENCE_API": "0", "DATAGEN_INFERENCE_BASE_URL": "http://127.0.0.1:9",
        "DATAGEN_INFERENCE_API_KEY": OWN_KEY, "LOG_INFERENCE_REQUESTS": "1",
        "DATAGEN_ALLOW_PRIVATE_INFERENCE_URLS": "127.0.0.0/8", "DATAGEN_ACTIVE_POLL_SECONDS": "1",
    }
    with up(environment, folder / "terminal.txt") as started:
        wait_for(lambda: "admin" in sandbox.network.dump(0)["hashes"].get("sandbox:auth", {}), 60)
        yield started


class Ears:
    """All that a browser gets to hear."""

    def __init__(self, page: Page) -> None:
        self.heard: list[bytes] = []
        self.pages: list[str] = []
        self._page = page
        page.on("response", self._response)
        page.on("websocket", self._socket)
        page.on("console", lambda message: self.heard.append(message.text.encode()))

    def look(self) -> None:
        """Keep the page as it is now, but for the box in which the key is being typed."""
        self.pages.append(re.sub(r'<input[^>]*type="password"[^>]*>', "", self._page.content()))

    def _response(self, response: Response) -> None:
        self.heard.append(str(response.headers).encode())
        if "/api/" in response.url:
            self.heard.append(response.body())

    def _socket(self, socket: WebSocket) -> None:
        def framed(data: str | bytes) -> None:
            self.heard.append(data if isinstance(data, bytes) else data.encode())

        socket.on("framereceived", framed)


def choose_model(page: Page, name: str) -> None:
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name=name).click()


def api(page: Page, method: str, path: str, body: object = None) -> str:
    """A script's answer, with the cookie of the browser."""
    token = next(c["value"] for c in page.context.cookies() if c["name"] == "datagen_session")
    request = urllib.request.Request(
        path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.headers) + answer.read().decode()


def connect(page: Page, server: Server, model: str, look: Callable[[], None]) -> None:
    """From an empty page of models to one that is in use."""
    page.goto(f"{server.url}/models")
    page.get_by_role("button", name="Add a model").click()
    page.get_by_text("vLLM", exact=True).first.click()
    expect(page.get_by_label("Path of the chat call")).to_have_value("/v1/chat/completions")
    page.get_by_label("Base URL").fill("http://10.0.0.1:8000")
    page.get_by_label("API key", exact=True).fill(KEY)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is on this machine or in a private network")).to_be_visible()
    look()
    page.get_by_label("Base URL").fill(model)
    page.get_by_label("API key", exact=True).fill(f"{KEY}-not-quite")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("refused the key")).to_be_visible()
    look()
    page.get_by_label("API key", exact=True).fill(KEY)
    page.keyboard.press("Tab")  # as who uses the keys alone: what was typed is not lost
    expect(page.get_by_label("Path of the chat call")).to_be_focused()
    page.get_by_role("button", name="List models").click()
    expect(page.get_by_text("1 model to choose from")).to_be_visible()
    choose_model(page, MODEL)
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text(re.compile(r"It answers, in \d"))).to_be_visible()
    expect(page.get_by_text("JSON that fits a schema")).to_be_visible()
    look()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("key saved")).to_be_visible()
    look()


def test_a_model_of_ones_own_makes_a_dataset_and_its_key_is_seen_nowhere(
    page: Page, server: Server, model: str, sandbox: Sandbox, folder: Path
) -> None:
    ears = Ears(page)
    sign_in(page, server, *ADMIN)
    page.get_by_role("button", name="Use this example").first.wait_for()
    connect(page, server, model, ears.look)

    page.goto(server.url)
    draft_example(page, "Support tickets")
    page.get_by_text("What you asked for").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value(f"vLLM · {MODEL}")
    ears.look()
    page.get_by_role("button", name="Create dataset").click()
    expect(page.get_by_text(re.compile(r"is ready: \d+ records"))).to_be_visible()
    page.get_by_role("tab", name="Details").click()
    expect(page.get_by_text(", your model profile")).to_be_visible()
    ears.look()
    job_id = page.url.rpartition("id=")[2]

    # its key stays where it belongs
    page.goto(f"{server.url}/models")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Base URL").fill("https://elsewhere.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Enter the key again")).to_be_visible()
    ears.look()
    page.get_by_role("button", name="Cancel").click()

    settings = api(page, "GET", f"{server.url}/api/user/settings")
    assert '"hasApiKey":true' in settings
    answers = [settings, *(api(page, "GET", f"{server.url}{path}") for path in (
        "/api/tasks", f"/api/tasks/{job_id}", f"/api/tasks/{job_id}/export", "/api/metrics")),
        api(page, "POST", f"{server.url}/api/user/models", {})]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("key saved")).to_have_count(0)
    ears.look()

    wait_for(lambda: sandbox.network.dump(0)["hashes"].get("datagen:user:admin:profiles"), 30)
    places: dict[str, Sequence[Any]] = {
        "answers": answers, "pages": ears.pages, "what the browser heard": ears.heard,
        "store": [json.dumps(sandbox.network.dump(0), default=str)],
        "terminal": [server.log.read_text()],
        "disk": [path.read_bytes() for path in folder.rglob("*") if path.is_file()],
        "processes": [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")
                      if path.exists()],
    }
    assert "request to 127.0.0.1" in server.log.read_text()  # calls were logged
    found = {
        place: mark for place, said in places.items() for mark in MARKS
        if any((mark in one) if isinstance(one, str) else (mark.encode() in one) for one in said)
    }
    assert found == {}
    assert all(places.values())
    assert len(ears.heard) > 50
