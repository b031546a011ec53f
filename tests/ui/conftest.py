"""A whole replica in one process, for pages run by Streamlit's AppTest."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from streamlit import config
from streamlit.runtime import Runtime

from datagen import bootstrap
from tests.held_to_description import held_to_description
from tests.ui.replica import ADA, BEN, ROOT, World

__all__ = ["held_to_description", "world"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DATAGEN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DATAGEN_MOCK_INFERENCE_API", "1")
    monkeypatch.setenv("DATAGEN_MAX_IN_FLIGHT", "4")  # slow enough to be cancelled half made
    monkeypatch.setenv("DATAGEN_APP_HOST", "127.0.0.1")
    bootstrap.shared.cache_clear()
    services = bootstrap.shared()
    for user in (ADA, BEN):
        services.accounts.create(user.name, "a password of some length")
    yield World(services=services)
    services.close()
    bootstrap.shared.cache_clear()


@pytest.fixture
def client(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A stranger before the app, as a web process builds it."""
    monkeypatch.chdir(ROOT)  # Streamlit reads its config from there
    monkeypatch.setattr(Runtime, "_instance", None)  # one per process is all it allows
    monkeypatch.setattr(config, "_main_script_path", None)
    monkeypatch.delitem(sys.modules, "streamlit_app", raising=False)
    app = importlib.import_module("streamlit_app").app
    with TestClient(app, base_url="http://localhost:8501", follow_redirects=False,
                    client=("127.0.0.1", 50000)) as stranger:
        stranger.headers.pop("accept", None)
        yield stranger
