"""The main journey on a Ratio1 node, which a sandbox stands in for: kind, odd, slow, away."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from datagen import bootstrap, settings
from datagen.sandbox import Behaviour, Plan, Sandbox, running
from tests.browser.journey import from_sign_in_to_a_csv
from tests.browser.live import Server, draft_example, sign_in, tell, up, wait_for
from tests.node_environment import ADMIN_PASSWORD, node_environment

pytestmark = pytest.mark.browser

ADMIN = ("admin", ADMIN_PASSWORD)
AWAY = re.compile("The shared store can't be reached since .* "
                  "This page shows what was last known")


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A DataGen on the one node of a sandbox."""

    server: Server
    sandbox: Sandbox
    environment: Mapping[str, str]

    def hashes(self) -> dict[str, dict[str, Any]]:
        """What the node's CStore holds: hash, field, text."""
        return self.sandbox.network.dump(0)["hashes"]

    def journalled(self) -> int:
        """Records on the worker's disk."""
        folder = Path(self.environment["DATAGEN_LOCAL_CACHE_DIR"])
        return sum(len(file.read_bytes().split(b"\n\n")) if file.stat().st_size else 0
                   for file in folder.glob("job_*/*/journal.jsonl"))


@contextmanager
def on_a_node(
    folder: Path, more: Mapping[str, str] = {}, **switches: Any
) -> Iterator[Replica]:
    """One on a node that behaves as told, once it has an admin."""
    with running(Plan(behaviour=Behaviour(**switches))) as sandbox:
        environment = node_environment(sandbox, folder) | {
            "DATAGEN_ACTIVE_POLL_SECONDS": "1"} | dict(more)
        with up(environment, folder / "terminal.txt") as server:
            replica = Replica(server=server, sandbox=sandbox, environment=environment)
            wait_for(lambda: "admin" in replica.hashes().get("sandbox:auth", {}), 60)
            yield replica


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    with on_a_node(tmp_path_factory.mktemp("node")) as replica:
        yield replica


@pytest.fixture
def kind(shared: Replica) -> Replica:
    """One that several tests share, on a kind node."""
    shared.sandbox.network.heal()
    return shared


@pytest.fixture
def newcomer(kind: Replica) -> tuple[str, str]:
    """Name and password of an account without any job."""
    name = f"newcomer-{secrets.token_hex(3)}"
    with closing(bootstrap.build(settings.load(kind.environment, in_container=False))) as made:
        made.accounts.create(name, "a long password", role="user")
    return name, "a long password"


def all_distinct(records: list[dict[str, object]]) -> bool:
    return len({json.dumps(record, sort_keys=True) for record in records}) == len(records)


@pytest.mark.parametrize("raw", [False, True], ids=["kind", "RAW"])
def test_the_main_journey_on_a_node(
    page: Page, kind: Replica, newcomer: tuple[str, str], tmp_path: Path, *, raw: bool
) -> None:
    kind.sandbox.network.set(raw=raw)

    assert all_distinct(from_sign_in_to_a_csv(page, kind.server, newcomer, tmp_path))


@pytest.mark.deep
@pytest.mark.parametrize("switches", [
    pytest.param({"cstore_errors": 0.05, "r1fs_errors": 0.05}, id="errors"),  # in each form
    pytest.param({"latency": 2}, id="slow"),
])
def test_the_main_journey_on_a_node_in_trouble(
    page: Page, tmp_path: Path, switches: dict[str, Any]
) -> None:
    with on_a_node(tmp_path, **switches) as replica:
        assert all_distinct(from_sign_in_to_a_csv(page, replica.server, ADMIN, tmp_path))


@pytest.mark.deep
@pytest.mark.parametrize("hang", [False, True], ids=["refused", "hanging"])
def test_the_main_journey_with_the_stores_away_for_a_minute_in_mid_job(
    page: Page, tmp_path: Path, *, hang: bool
) -> None:
    one_by_one = {"DATAGEN_MAX_IN_FLIGHT": "1"}  # 20 s of work
    with on_a_node(tmp_path, one_by_one) as replica:
        def away() -> None:
            begun = time.monotonic()
            replica.sandbox.network.stop(0, hang=hang)
            made = replica.journalled()
            expect(page.get_by_text(AWAY)).to_be_visible()
            wait_for(lambda: replica.journalled() == 100, 30)
            tell(f"{100 - made} records made while the stores were away")
            assert made < 90
            nobody_else_signs_in(page, replica.server)
            slowest = max(seconds_per_page(page, "Support tickets"))
            tell(f"slowest page {slowest:.2f} s")
            assert slowest < 2
            assert page.request.get(f"{replica.server.url}/api/auth/me").ok
            expect(page.get_by_text(AWAY)).to_be_visible()
            wait_for(lambda: time.monotonic() - begun > 60, 61)
            replica.sandbox.network.start(0)

        records = from_sign_in_to_a_csv(page, replica.server, ADMIN, tmp_path, mid_job=away)

    assert all_distinct(records)


def nobody_else_signs_in(page: Page, server: Server) -> None:
    """Somebody with the right password is not told that it is wrong."""
    assert page.context.browser is not None
    elsewhere = page.context.browser.new_context()
    try:
        theirs = elsewhere.new_page()
        with theirs.expect_response(lambda said: said.request.method == "POST") as told:
            sign_in(theirs, server, *ADMIN)
        assert told.value.status == 503
        expect(theirs.get_by_role("alert")).to_contain_text("Signing in is not possible now")
        expect(theirs.get_by_text("wrong")).to_have_count(0)
    finally:
        elsewhere.close()


def seconds_per_page(page: Page, title: str) -> list[float]:
    """How long each click from page to page takes; ends on the job's own page."""
    times = []
    link = page.get_by_role("link", name=title)
    for click, seen in [
        (page.get_by_role("link", name="New dataset"), page.get_by_label("Instructions")),
        (page.get_by_role("link", name="Jobs"), link),
        (link, page.get_by_role("tab", name="Progress")),
    ] * 3:
        begun = time.monotonic()
        click.first.click()
        seen.first.wait_for()
        times.append(time.monotonic() - begun)
    return times


def test_a_dataset_confirmed_while_cstore_is_away_waits_for_it(
    page: Page, kind: Replica, newcomer: tuple[str, str]
) -> None:
    sign_in(page, kind.server, *newcomer)
    draft_example(page, "Support tickets")
    before = kind.hashes().get("datagen:jobs", {})
    kind.sandbox.network.set(cstore_errors={"reset": 1.0}, errors_applied=0)

    page.get_by_role("button", name="Create dataset").click()
    expect(page.get_by_text("Queued")).to_be_visible()
    expect(page.get_by_text(AWAY)).to_be_visible()
    assert kind.hashes().get("datagen:jobs", {}) == before
    kind.sandbox.network.heal()

    page.get_by_role("button", name="Open table").click()
    expect(page.get_by_text("20 rows").first).to_be_visible()
