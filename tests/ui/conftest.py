"""A whole replica in one process, for pages run by Streamlit's AppTest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from replica import ADA, BEN, World

from datagen import bootstrap


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
