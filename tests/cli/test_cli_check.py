"""check: what it finds, and the status it ends with."""

from __future__ import annotations

import fcntl
import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from datagen import cli
from datagen.adapters.local import LocalStore
from datagen.protocol import keys


def checked(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    status = cli.main(["check", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] == (status == 0)
    return status, {finding["what"]: finding for finding in told["findings"]}


def test_a_fresh_folder_is_fine_and_stays_untouched(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = checked(capsys)
    assert status == 0
    assert found["store"]["state"] == "note"
    assert "make run" in found["store"]["do"]
    assert not (folder / "data").exists()


def test_a_used_store_tells_of_jobs_accounts_and_worker(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["accounts", "reset", "admin"])
    capsys.readouterr()
    status, found = checked(capsys)
    assert status == 0
    assert "1 jobs, 0 of them open" in found["store"]["found"]
    assert found["accounts"]["state"] == "ok"
    assert found["worker"]["state"] == "note"


def test_a_worker_that_waits_for_another_with_its_id_is_wrong(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = made / "data"
    with closing(LocalStore(data / "store.sqlite3")) as desk:
        desk.keep(keys.DESK_DOUBLE, "since", "2026-01-01T00:00:00.000Z")
    assert checked(capsys)[1]["worker"]["found"] == "none runs"
    with next(data.rglob("local.lock")).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        status, found = checked(capsys)
    assert status == 1
    assert found["worker"]["state"] == "wrong"
    assert "R1EN_HOST_ADDR" in found["worker"]["do"]


def test_foreign_values_are_counted_by_their_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["accounts", "reset", "admin"])
    capsys.readouterr()
    assert "foreign values" not in checked(capsys)[1]
    with closing(LocalStore(folder / "data" / "store.sqlite3")) as store:
        store.hset("datagen:jobs", "\x1b[31m../../x", "[" * 100_000)
        store.hset("datagen:jobs", "job_1_a", "{}")
        store.hset("datagen:auth", "<script>", "null")
        store.hset("datagen:users", "eve", "{}")
    status, found = checked(capsys)
    assert status == 0
    assert found["foreign values"]["state"] == "note"
    assert found["foreign values"]["found"] == (
        "4 in the store's keys are ignored: 1 in datagen:auth, 2 in datagen:jobs, "
        "1 in datagen:users")


@pytest.mark.usefixtures("folder")
def test_wrong_settings_are_all_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATAGEN_APP_PORT", "many")
    monkeypatch.setenv("DATAGEN_MAX_IN_FLIGHT", "0")
    assert cli.main(["check"]) == 1
    told = capsys.readouterr().out
    assert "DATAGEN_APP_PORT" in told
    assert "DATAGEN_MAX_IN_FLIGHT" in told


@pytest.mark.usefixtures("folder")
def test_a_model_server_is_reachable_or_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATAGEN_MOCK_INFERENCE_API", "0")
    monkeypatch.setenv("DATAGEN_INFERENCE_API_KEY", "sk-secret")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("DATAGEN_INFERENCE_BASE_URL",
                           f"http://127.0.0.1:{listener.getsockname()[1]}")
        status, found = checked(capsys)
        assert status == 0
        assert found["model"]["state"] == "ok"
        assert "sk-secret" not in json.dumps(found)
    status, found = checked(capsys)
    assert status == 1
    assert "refused" in found["model"]["found"]
    assert "DATAGEN_INFERENCE_BASE_URL" in found["model"]["do"]


@pytest.mark.usefixtures("folder")
def test_a_store_that_cannot_be_opened_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATAGEN_DATA_DIR", str(tmp_path / "file"))
    status, found = checked(capsys)
    assert status == 1
    assert found["store"]["state"] == "wrong"
