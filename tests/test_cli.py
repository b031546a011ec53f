"""The command line and what `up` looks at before it starts anything."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagen import __version__, cli, settings
from datagen.domain.errors import Conflict, NotThere
from datagen.up import banner, check_folders, preflight, read_programs

ROOT = Path(__file__).parents[1]
PASSWORD = re.compile(r"[a-z2-7]{5}(-[a-z2-7]{5}){3}")


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for the commands that run in this process."""
    for name in [name for name in os.environ if name.startswith(("DATAGEN_", "R1EN_", "EE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATAGEN_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def loaded(**environment: object) -> settings.Settings:
    return settings.load({name: str(value) for name, value in environment.items()},
                         in_container=False)


def test_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out == f"DataGen {__version__}\n"


def test_a_wrong_command_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["fly"])
    assert ended.value.code == 2
    assert "fly" in capsys.readouterr().err


@pytest.mark.usefixtures("own_folder")
def test_reset_shows_a_new_password_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    from datagen.bootstrap import build

    assert cli.main(["accounts", "reset", "admin"]) == 0
    shown = PASSWORD.search(capsys.readouterr().out)
    assert shown is not None
    services = build(settings.load())
    token, _ = services.accounts.sign_in("admin", shown.group())
    assert token
    services.close()


@pytest.mark.usefixtures("own_folder")
def test_a_created_account_is_listed_with_its_role(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["accounts", "create", "Ann", "--role", "admin"]) == 0
    assert PASSWORD.search(capsys.readouterr().out)
    assert cli.main(["accounts", "list"]) == 0
    assert capsys.readouterr().out.startswith("ann  admin  since ")


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["accounts", "reset", "nobody"], "no account named"),
        (["accounts", "create", "a b"], "user name has 3 to 64"),
    ],
)
def test_an_error_is_a_sentence_on_standard_error_and_status_1(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 1
    told = capsys.readouterr()
    assert says in told.err
    assert "Traceback" not in told.err
    assert not told.out


@pytest.mark.usefixtures("own_folder")
def test_all_wrong_settings_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATAGEN_APP_PORT", "many")
    monkeypatch.setenv("DATAGEN_MAX_IN_FLIGHT", "0")
    assert cli.main(["up"]) == 1
    told = capsys.readouterr().err
    assert "DATAGEN_APP_PORT" in told
    assert "DATAGEN_MAX_IN_FLIGHT" in told


def test_a_taken_web_port_is_one_sentence_that_names_the_variable(taken_port: int) -> None:
    here = loaded(DATAGEN_APP_PORT=taken_port, DATAGEN_MOCK_INFERENCE_API=1)
    [problem] = preflight(here, read_programs(here, ROOT / "Procfile"))
    assert str(taken_port) in problem
    assert "DATAGEN_APP_PORT=" in problem


def test_a_taken_model_port_matters_only_when_the_local_model_runs(taken_port: int) -> None:
    ours = loaded(DATAGEN_APP_PORT=free_port(), DATAGEN_MODEL_PORT=taken_port)
    [problem] = preflight(ours, read_programs(ours, ROOT / "Procfile"))
    assert "DATAGEN_MODEL_PORT=" in problem
    theirs = loaded(DATAGEN_APP_PORT=free_port(), DATAGEN_MODEL_PORT=taken_port,
                    DATAGEN_INFERENCE_BASE_URL="http://127.0.0.1:9")
    assert preflight(theirs, read_programs(theirs, ROOT / "Procfile")) == []


def test_an_address_of_another_machine_is_explained() -> None:
    here = loaded(DATAGEN_APP_HOST="192.0.2.1", DATAGEN_MOCK_INFERENCE_API=1)
    [problem] = preflight(here, read_programs(here, ROOT / "Procfile"))
    assert "not an address of this machine" in problem


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Conflict, match=r"can't be written .* DATAGEN_DATA_DIR"):
        check_folders(loaded(DATAGEN_DATA_DIR=blocked / "data"))


def test_the_model_process_is_left_out_when_something_else_answers() -> None:
    def names(**environment: object) -> list[str]:
        return [p.name for p in read_programs(loaded(**environment), ROOT / "Procfile")]

    assert names() == ["web", "worker", "model"]
    assert names(DATAGEN_MOCK_INFERENCE_API=1) == ["web", "worker"]
    assert names(DATAGEN_INFERENCE_BASE_URL="http://127.0.0.1:9") == ["web", "worker"]


def test_a_missing_procfile_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="its own folder"):
        read_programs(loaded(), tmp_path / "Procfile")


def test_the_banner_never_shows_a_key() -> None:
    here = loaded(DATAGEN_INFERENCE_BASE_URL="https://models.example",
                  DATAGEN_INFERENCE_API_KEY="sk-very-secret")
    shown = banner(here, (), "as before")
    assert "https://models.example" in shown
    assert "sk-very-secret" not in shown


def test_up_shows_a_new_password_once_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: python web.py\n")
    (tmp_path / "web.py").write_text(HEALTHY)
    port = free_port()
    for start in ("first", "second"):
        shown = run_up(tmp_path, port)
        assert f"http://localhost:{port}" in shown
        assert bool(PASSWORD.search(shown)) == (start == "first")
        assert "Traceback" not in shown
        assert (tmp_path / ".datagen" / "run").stat().st_mode & 0o777 == 0o700


def test_a_throwaway_store_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: python web.py\n")
    (tmp_path / "web.py").write_text(HEALTHY)
    port = free_port()
    shown = run_up(tmp_path, port, DATAGEN_MOCK_CSTORE="1")
    assert "test_user with testtest" in shown
    assert not loaded(DATAGEN_MOCK_CSTORE=1, DATAGEN_APP_PORT=port).data_dir.exists()
    assert not (tmp_path / ".datagen").exists()


HEALTHY = """
import os, http.server
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
port = int(os.environ["DATAGEN_APP_PORT"])
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_up(folder: Path, port: int, **environment: str) -> str:
    """Start ``up`` in ``folder``, press Ctrl-C when it is ready, return what it wrote."""
    log = folder / "terminal.txt"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DATAGEN_", "R1EN_"))}
    with log.open("wb") as out, subprocess.Popen(
        [sys.executable, "-m", "datagen", "up"], cwd=folder, stdout=out,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        env={**clean, "PYTHONPATH": str(ROOT), "DATAGEN_APP_PORT": str(port),
             "DATAGEN_MOCK_INFERENCE_API": "1", **environment},
    ) as process:
        pause, deadline = threading.Event(), time.monotonic() + 30
        while "Ctrl-C" not in log.read_text() and time.monotonic() < deadline:
            assert process.poll() is None, log.read_text()
            pause.wait(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0, log.read_text()
    return log.read_text()
