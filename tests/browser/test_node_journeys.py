"""The main journey on a Ratio1 node, which a sandbox stands in for: kind, odd, slow, away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from journey import from_sign_in_to_a_csv
from live import Server, up, wait_for
from playwright.sync_api import Page

from datagen.sandbox import Behaviour, Plan, Sandbox, running
from tests.node_environment import ADMIN_PASSWORD, node_environment

pytestmark = pytest.mark.browser

ADMIN = ("admin", ADMIN_PASSWORD)


@contextmanager
def on_a_node(
    folder: Path, more: Mapping[str, str] = {}, **switches: Any
) -> Iterator[tuple[Server, Sandbox]]:
    """A DataGen on the one node of a sandbox that behaves as told, once it has an admin."""
    with running(Plan(behaviour=Behaviour(**switches))) as sandbox:
        environment = node_environment(sandbox, folder) | {"DATAGEN_ACTIVE_POLL_SECONDS": "1"}
        with up(environment | dict(more), folder / "terminal.txt") as server:
            wait_for(lambda: "admin" in hashes(sandbox).get("sandbox:auth", {}), 60)
            yield server, sandbox


def hashes(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """What the node's CStore holds: hash, field, text."""
    return sandbox.network.dump(0)["hashes"]


@pytest.mark.parametrize("switches", [
    pytest.param({}, id="kind"),
    pytest.param({"raw": True}, id="RAW"),
    pytest.param({"cstore_errors": 0.05, "r1fs_errors": 0.05}, id="errors",
                 marks=pytest.mark.deep),
    pytest.param({"latency": 2}, id="slow", marks=pytest.mark.deep),
])
def test_the_main_journey_on_a_node(
    page: Page, tmp_path: Path, switches: dict[str, Any]
) -> None:
    with on_a_node(tmp_path, **switches) as (server, _):
        records = from_sign_in_to_a_csv(page, server, ADMIN, tmp_path)

    assert len({json.dumps(record, sort_keys=True) for record in records}) == 100
