"""Somebody finds on a Ratio1 node what the earlier application left there for them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import tests.browser.files as files
from datagen.adapters.clock import SystemClock
from datagen.adapters.crypto import JwtSigner
from datagen.sandbox import Plan, running
from tests import golden
from tests.browser.live import Server, sign_in, up
from tests.node_environment import node_environment

pytestmark = pytest.mark.browser

SECRET: str = golden.vector("user_settings_users_index_session")["session_secret"]
ANSWERS: dict[str, Any] = golden.vector("api_responses")
VECTORS = json.loads((golden.FOLDER.parent / "auth_vectors.json").read_text("utf-8"))
ADMIN = next(made for made in VECTORS
             if made["username"] == "admin" and made["algo"] == "argon2id")  # its password is known


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A DataGen in the place of peer1."""
    folder = tmp_path_factory.mktemp("earlier")
    stored = golden.vector(golden.FINISHED_RUN)
    names = {cid: file["filename"] for cid, file in stored["r1fs"].items()}
    with running(Plan()) as sandbox:
        sandbox.network.load(
            0, keys=stored["cstore"]["keys"],
            hashes=stored["cstore"]["hashes"] | {"datagen:auth": {"admin": ADMIN["raw"]}},
            files={cid: (names[cid], content)
                   for cid, content in golden.files(golden.FINISHED_RUN).items()})
        with up(node_environment(sandbox, folder) | {
            "R1EN_HOST_ADDR": "peer1", "R1EN_CHAINSTORE_PEERS": '["peer1", "peer2"]',
            "R1EN_CSTORE_AUTH_HKEY": "datagen:auth", "R1EN_CSTORE_AUTH_SECRET": ADMIN["pepper"],
            "DATAGEN_SESSION_SECRET": SECRET,
        }, folder / "terminal.txt") as started:
            yield started


def test_who_had_an_account_signs_in_and_finds_the_old_job_and_its_dataset(
    page: Page, server: Server, tmp_path: Path
) -> None:
    sign_in(page, server, ADMIN["username_input"], ADMIN["password"])
    page.get_by_role("link", name="golden 5 records").click()
    expect(page.get_by_text("5 / 5")).to_be_visible()
    page.get_by_role("tab", name="Details").click()
    expect(page.get_by_text("one fictional customer")).to_be_visible()

    page.get_by_role("button", name="Open table").click()
    page.get_by_role("tab", name="Columns").wait_for()
    expect(page.get_by_text("5 rows").first).to_be_visible()
    cells = page.get_by_test_id("stDataFrame").locator('[role="gridcell"]')
    expect(cells.filter(has_text="Zyra Quill 5").first).to_be_attached()
    taken = {}
    for form in ("json", "csv"):
        files.taken(page, form.upper()).save_as(tmp_path / f"taken.{form}")
        taken[form] = (tmp_path / f"taken.{form}").read_text()

    assert json.loads(taken["json"]) == json.loads(ANSWERS["export_json"][1])
    assert taken["csv"].splitlines() == ANSWERS["export_csv"][1].splitlines()


def test_who_is_signed_in_there_stays_so_and_scripts_get_the_same_answers(
    page: Page, server: Server
) -> None:
    now = int(time.time())
    token = JwtSigner(SECRET, SystemClock()).sign(  # as that application does
        {"username": "admin", "role": "admin", "iat": now, "exp": now + 60})
    page.context.add_cookies([{"name": "datagen_session", "value": token, "url": server.url}])

    page.goto(server.url)
    expect(page.get_by_role("link", name="golden 5 records")).to_be_visible()

    def answer(path: str) -> Any:
        said = page.request.get(f"{server.url}/api/{path}")
        assert said.ok, said.text()
        return said

    tasks = f"tasks/{golden.FINISHED}"
    assert answer("tasks").json() == ANSWERS["tasks"]
    assert answer(tasks).json() == ANSWERS["task"]
    told = answer("metrics").json()["metrics"]
    assert {name: told[name] for name in ANSWERS["metrics"][1]["metrics"]} == (
        ANSWERS["metrics"][1]["metrics"])  # ours tells of calls and tokens beside
    for form in ("json", "csv"):
        assert answer(f"{tasks}/export?format={form}").text() == ANSWERS[f"export_{form}"][1]
