"""check on a Ratio1 node: everything missing, unreachable or inconsistent has its finding."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datagen import cli
from datagen.cli.check_node import not_addresses
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.seal import Seal
from datagen.sandbox import Behaviour, Plan, Sandbox, running
from tests.node_environment import node_environment


@pytest.fixture(scope="module")
def network() -> Iterator[Sandbox]:
    """Two nodes; 30 s of theirs take 0.1 s, and a write a moment."""
    with running(Plan(nodes=2, seed=1, scale=300)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(
    network: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    """A kind network, and this process on its first node."""
    for name in [name for name in os.environ if name.startswith(("DATAGEN_", "R1EN_", "EE_"))]:
        monkeypatch.delenv(name)
    for name, value in node_environment(network, tmp_path).items():
        monkeypatch.setenv(name, value)
    network.network.heal()
    yield network
    network.network.heal()
    network.network.set(**Behaviour().as_json())


Found = dict[str, list[dict[str, Any]]]


def checked(capsys: pytest.CaptureFixture[str]) -> tuple[int, Found]:
    """The exit status, and the findings by what they are about."""
    status = cli.main(["check", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] == (status == 0)
    found: Found = {}
    for finding in told["findings"]:
        assert finding["state"] != "wrong" or finding["do"], finding
        found.setdefault(finding["what"], []).append(finding)
    return status, found


def wrong(found: Found) -> dict[str, str]:
    """What is wrong, by what it is about: the first sentence of each."""
    return {what: finding["found"] for what, findings in found.items()
            for finding in reversed(findings) if finding["state"] == "wrong"}


def test_a_whole_network_is_fine(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = checked(capsys)
    assert (status, wrong(found)) == (0, {})
    assert "confirms" in found["CStore writes"][0]["found"]
    assert found["R1FS files"][0]["state"] == "ok"
    assert found["peer"][0]["state"] == "note"  # the other one was never seen
    assert sandbox.network.dump(0)["files"] == {}  # nothing stays behind
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize(("change", "about"), [
    ({"R1EN_HOST_ADDR": "0xai_somebody"}, "R1EN_HOST_ADDR"),
    ({"DATAGEN_SESSION_SECRET": ""}, "DATAGEN_SESSION_SECRET"),
    ({"EE_R1FS_API_URL": ""}, "EE_R1FS_API_URL"),
])
def test_what_settings_lack_is_told(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str], about: str,
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    status, found = checked(capsys)
    assert status == 1
    assert about in wrong(found)["settings"]


def test_a_short_session_secret_is_wrong(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAGEN_SESSION_SECRET", "short")
    status, found = checked(capsys)
    assert status == 1
    assert found["settings"][1]["state"] == "wrong"
    assert "DATAGEN_SESSION_SECRET is shorter than 32 bytes" in found["settings"][1]["found"]


def test_looking_at_addresses_leaves_the_interpreters_bounds_alone() -> None:
    not_addresses(("a",))
    assert sys.getrecursionlimit() < 10_000


def test_peer_ids_that_are_no_addresses_are_named(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R1EN_HOST_ADDR", "peer1")
    monkeypatch.setenv("R1EN_CHAINSTORE_PEERS",
                       json.dumps(["peer1", sandbox.nodes[0].peer_id, "0xai_A"]))
    status, found = checked(capsys)
    assert status == 1
    assert wrong(found)["peers"].startswith("peer1, 0xai_A:")


@pytest.mark.parametrize(("behaviour", "about", "says"), [
    ({"cstore_errors": {"result": 1.0}}, "CStore", "errors as HTTP 200"),
    ({"r1fs_errors": {"result": 1.0}}, "R1FS", "errors as HTTP 200"),
    ({"cstore_errors": {"detail": 1.0}}, "CStore", "answers with HTTP "),
    ({"cstore_errors": {"reset": 1.0}}, "CStore", "no answer"),
    ({"base64_limit": 1}, "R1FS files", "413"),
])
def test_a_store_that_does_not_work_is_told_as_it_fails(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], behaviour: dict[str, Any],
    about: str, says: str,
) -> None:
    sandbox.network.set(**behaviour)
    status, found = checked(capsys)
    assert status == 1
    assert says in wrong(found)[about]


def test_a_node_that_is_off_is_unreachable(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.network.stop(0)
    status, found = checked(capsys)
    assert status == 1
    assert wrong(found).keys() >= {"CStore", "R1FS", "store"}


def test_a_write_without_targets_is_told(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R1EN_CHAINSTORE_PEERS", json.dumps([sandbox.nodes[0].peer_id]))
    sandbox.network.set(witness=False)
    status, found = checked(capsys)
    assert status == 1
    assert "no other node to send to" in wrong(found)["CStore writes"]


def test_other_peers_are_told_by_their_signs_of_life(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    from datagen.adapters.clock import SystemClock
    from datagen.adapters.cstore import CStore

    here, there = (at.peer_id for at in sandbox.nodes)
    store = CStore(sandbox.nodes[0].cstore_url, peers=(here, there), clock=SystemClock())
    theirs = Board(store, seal=Seal(sandbox.plan.secret("pepper")))
    now = datetime.now(UTC)
    for at, about, state in ((now, "peer", "ok"), (now - timedelta(hours=1), "peer", "note"),
                             (now + timedelta(hours=1), "clock", "wrong")):
        theirs.beat(Beat(peer_id=there, seq=1, version="0.1.0", at=at))
        _, found = checked(capsys)
        assert [f["state"] for f in found[about] if there in f["found"]] == [state]
    Board(store, seal=Seal("another pepper")).beat(
        Beat(peer_id=there, seq=1, version="0.1.0", at=now))
    _, found = checked(capsys)
    assert there in wrong(found)["peer"]
    assert "R1EN_CSTORE_AUTH_SECRET" in found["peer"][0]["do"]
    store.hset(keys.PEERS, there, None)
    store.close()
