"""A real Chromium and a real DataGen for the journeys.

``browser`` lives as long as one file of tests: Playwright's event loop would be in the way
of the async tests that run after it in the same process.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from datagen import bootstrap, settings
from tests.browser.chromium import chromium
from tests.browser.live import PATIENCE, Server, up


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Fails with what to do when there is no Chromium and none can be installed."""
    return chromium()


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", "--headless", "--disable-gpu", "--disable-quic",
                  "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"],
        )
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a browser that knows nothing yet, and patience with it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A DataGen with a throwaway store and the sample model."""
    with up({
        "DATAGEN_MOCK_CSTORE": "1", "DATAGEN_MOCK_INFERENCE_API": "1",
        "DATAGEN_MAX_RECORDS_PER_JOB": "1000",  # time enough to do something to a job that runs
    }, tmp_path_factory.mktemp("server") / "terminal.txt") as running:
        yield running


@pytest.fixture(scope="session")
def data_dir(server: Server) -> Path:
    """Where the throwaway store of the running DataGen lies."""
    port = server.url.rsplit(":", 1)[1]
    return Path(tempfile.gettempdir()) / f"datagen-mock-{os.getuid()}-{port}"


@pytest.fixture
def newcomer(server: Server, data_dir: Path) -> tuple[str, str]:
    """Name and password of an account without any job, whatever other tests did."""
    name = f"newcomer-{secrets.token_hex(3)}"
    services = bootstrap.build(settings.load({
        "DATAGEN_MOCK_CSTORE": "1", "DATAGEN_MOCK_INFERENCE_API": "1",
        "DATAGEN_APP_PORT": server.url.rsplit(":", 1)[1],
    }, in_container=False))
    try:
        assert services.settings.data_dir == data_dir
        services.accounts.create(name, "a long password", role="user")
    finally:
        services.close()
    return name, "a long password"
