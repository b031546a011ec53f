"""The real web process, met for the first time by a stranger."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from datagen import bootstrap, settings

ROOT = Path(__file__).resolve().parents[1]
OURS = ("DATAGEN_", "NEXT_PUBLIC_", "R1EN_", "EE_", "LOG_", "RETRY_", "STREAMLIT_", "FORWARDED_")
SECRET = "PLANTED-session-secret-of-more-than-32-bytes"
PEPPER = "PLANTED-pepper-of-the-password-hashes"
KEY = "PLANTED-key-of-the-model-server"
PASSWORD = "PLANTED-first-password-of-admin"
PAGES = ("/", "/jobs", "/new", "/job?id=job_1_abc", "/dataset?id=job_1_abc")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment_of(folder: Path, port: int) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(OURS)} | {
        "DATAGEN_APP_PORT": str(port), "DATAGEN_APP_HOST": "127.0.0.1",
        "DATAGEN_DATA_DIR": str(folder / "data"), "DATAGEN_SESSION_SECRET": SECRET,
        "DATAGEN_INFERENCE_BASE_URL": "http://127.0.0.1:9", "DATAGEN_INFERENCE_API_KEY": KEY,
        "R1EN_CSTORE_AUTH_SECRET": PEPPER, "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD": PASSWORD,
        "LOG_INFERENCE_REQUESTS": "1", "DATAGEN_LOG_R1FS_CALLS": "1",
    }


@contextmanager
def web(folder: Path) -> Iterator[int]:
    """The port of a fresh process that has answered nothing yet."""
    port = free_port()
    environment = environment_of(folder, port)
    before = os.umask(0o022)
    try:
        with (folder / "log").open("wb") as log, subprocess.Popen(
            [sys.executable, "streamlit_app.py"], cwd=ROOT, env=environment,
            stdout=log, stderr=subprocess.STDOUT,
        ) as process:
            try:
                _until_it_listens(port)
                yield port
            finally:
                process.terminate()
                process.wait(timeout=20)
    finally:
        os.umask(before)


def _until_it_listens(port: int) -> None:
    deadline, tick = time.monotonic() + 60, threading.Event()
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        tick.wait(0.05)
    pytest.fail("the web process does not listen")


def ask(port: int, method: str, path: str, body: str | None = None,
        **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def test_the_first_request_of_a_fresh_process_shows_a_stranger_the_sign_in_page_only(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        ports = {}
        for number, page in enumerate(PAGES):
            folder = tmp_path / str(number)
            folder.mkdir()
            ports[page] = stack.enter_context(web(folder))
        for page, port in ports.items():
            status, headers, text = ask(port, "GET", page, accept="text/html")
            assert status == 303, page
            assert text == ""
            assert headers["location"].startswith("/login")
            status, _, text = ask(port, "GET", headers["location"], accept="text/html")
            assert status == 200
            assert 'type="password"' in text
            assert "streamlit" not in text.lower()
            status, _, _ = ask(port, "GET", "/_stcore/stream", upgrade="websocket",
                               connection="Upgrade", sec_websocket_version="13",
                               sec_websocket_key="AAAAAAAAAAAAAAAAAAAAAA==")
            assert status == 403


def test_a_run_leaves_no_secret_in_its_log_and_no_file_to_others(tmp_path: Path) -> None:
    token = "t" * 43
    form = {"content_type": "application/x-www-form-urlencoded", "cookie": f"datagen_form={token}"}
    with web(tmp_path) as port:
        chosen = settings.load(environment_of(tmp_path, port), in_container=False)
        with closing(bootstrap.build(chosen)) as services:
            services.accounts.init(PASSWORD)
        here = f"http://127.0.0.1:{port}"
        _, headers, _ = ask(port, "POST", "/api/auth/login", json.dumps(
            {"username": "admin", "password": PASSWORD}), content_type="application/json")
        cookie = headers["set-cookie"].partition(";")[0]
        assert ask(port, "POST", "/api/tasks/schema", json.dumps(
            {"title": "T", "totalRecords": 1, "description": "A thing", "instructions": "n"}),
            content_type="application/json", cookie=cookie)[0] == 502
        for name in ("admin", "nobody"):
            sent = f"username={name}&password={PASSWORD}x&form_token={token}"
            assert ask(port, "POST", "/login", sent, origin=here, **form)[0] == 401
        forwarded = {"x_forwarded_proto": "https", "x_forwarded_for": "10.9.8.7"}
        for host in ("[", "evil.example"):
            assert ask(port, "GET", "/login", host=host, **forwarded)[0] == 400

    log = (tmp_path / "log").read_text()
    assert "INFO request to" in log  # what is asked to be told is told
    assert "PLANTED" not in log
    assert cookie not in log
    assert "Traceback" not in log
    assert f"{PASSWORD}x" not in log
    made = list((tmp_path / "data").rglob("*"))
    assert made
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_what_a_whole_start_writes_is_nobody_elses(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    data.mkdir(mode=0o755)  # as an operator made it beforehand
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)} | {
        "DATAGEN_APP_PORT": str(port), "DATAGEN_APP_HOST": "127.0.0.1",
        "DATAGEN_DATA_DIR": str(data), "DATAGEN_MOCK_INFERENCE_API": "1",
    }
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(
        ["/bin/sh", "-c", 'umask 000; exec "$0" -m datagen up', sys.executable],
        cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    ) as process:
        try:
            _until_it_listens(port)
            deadline, tick = time.monotonic() + 60, threading.Event()
            while not list(data.glob("cache/*.starts")) and time.monotonic() < deadline:
                tick.wait(0.05)
            made = {path.name: path.lstat().st_mode & 0o077 for path in data.rglob("*")}
        finally:
            process.terminate()
            process.wait(timeout=20)

    assert {"store.sqlite3", "session_secret", "supervisord.conf", "local.starts"} <= made.keys()
    assert {name: mode for name, mode in made.items() if mode} == {}


def test_sigterm_ends_it_within_five_seconds_whatever_a_client_does(tmp_path: Path) -> None:
    with web(tmp_path) as port:
        ask(port, "GET", "/health")
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        ask(port, "GET", "/health")
        asked = time.monotonic()
    assert time.monotonic() - asked < 5
    slow.close()


def test_an_answer_leaves_at_once(tmp_path: Path) -> None:
    with web(tmp_path) as port:
        ask(port, "GET", "/health")  # who connects before the start is over may wait
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        times = []
        for _ in range(60):
            begun = time.monotonic()
            client.request("GET", "/health")
            client.getresponse().read()
            times.append(time.monotonic() - begun)
        client.close()
        # A packet that waits for an acknowledgement takes 0.040 s; the first ones never do.
        assert min(times[-20:]) < 0.035


def test_no_answer_names_the_server(tmp_path: Path) -> None:
    with web(tmp_path) as port:
        for path in ("/health", "/login", "/api/tasks", "/_stcore/health"):
            _, headers, _ = ask(port, "GET", path)
            assert "server" not in headers
            assert "x-powered-by" not in headers


def test_headers_without_end_are_refused_and_cost_no_memory(tmp_path: Path) -> None:
    with web(tmp_path) as port, socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.settimeout(30)
        stranger.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n")
        sent, answer = 0, b""
        try:
            while sent < 8 * 1024 * 1024:
                sent += stranger.send(b"X-Padding: " + b"x" * 1000 + b"\r\n")
        except ConnectionError:
            pass  # it stopped listening
        else:
            answer = stranger.recv(100)
        assert sent < 8 * 1024 * 1024 or b" 400 " in answer
        assert ask(port, "GET", "/health")[0] == 200


def test_a_flood_of_nonsense_is_a_line_in_the_log(tmp_path: Path) -> None:
    with web(tmp_path) as port:
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.settimeout(30)
                stranger.sendall(b"nonsense\r\n\r\n")
                assert b" 400 " in stranger.recv(100)
    assert (tmp_path / "log").read_text().count("Invalid HTTP request") == 1


def test_what_a_tab_sends_forges_no_line_and_floods_no_log(tmp_path: Path) -> None:
    with web(tmp_path) as port:
        chosen = settings.load(environment_of(tmp_path, port), in_container=False)
        with closing(bootstrap.build(chosen)) as services:
            services.accounts.init(PASSWORD)
            token = services.accounts.sign_in("admin", PASSWORD)[0]
        headers = {"Cookie": f"datagen_session={token}", "Origin": f"http://127.0.0.1:{port}"}
        with connect(f"ws://127.0.0.1:{port}/_stcore/stream", additional_headers=headers) as tab:
            foreign, page = BackMsg(), BackMsg()
            foreign.backend_operation_request.request_id = "x\nERROR forged " + "y" * 100_000
            page.rerun_script.page_name = "new"
            title = _title_of(_until_drawn(tab, page))
            page.rerun_script.widget_states.widgets.add(id=title).int_value = 5
            for _ in range(5):
                tab.send(foreign.SerializeToString())
                _until_drawn(tab, page)
    log = (tmp_path / "log").read_text()
    assert log.count("Rejecting backend operation request") == 1
    assert log.count("Traceback") == 1
    assert "\nERROR forged" not in log
    assert len(log) < 50_000


def _until_drawn(tab: ClientConnection, page: BackMsg) -> list[ForwardMsg]:
    tab.send(page.SerializeToString())
    seen: list[ForwardMsg] = []
    while not seen or seen[-1].WhichOneof("type") != "script_finished":
        seen.append(ForwardMsg.FromString(tab.recv(timeout=30)))
    return seen


def _title_of(seen: list[ForwardMsg]) -> str:
    return next(one.delta.new_element.text_input.id for one in seen
                if one.delta.new_element.text_input.label == "Title")
