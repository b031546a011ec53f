"""Secrets planted everywhere one can be configured, and searched for everywhere after a life.

The life is that of a whole replica on a node: sign-ups and sign-ins, good and bad; keys that are
saved, tried and refused; jobs, failures, kills and restarts.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from datagen.model.sample import SampleEngine
from datagen.model.server import create_app, run_in_thread
from datagen.sandbox import Plan, Sandbox, running
from tests.cluster.person import wait_for
from tests.cluster.replica import ROOT, Replica, clean_environment, free_ports
from tests.node_environment import node_environment
from tests.planted import Echoing, Planted, Post, search_files, search_processes
from tests.ui.matrix_rows import PAGES, ROWS

TASK = {"title": "Birds", "totalRecords": 40, "description": "A bird", "instructions": "Vary."}
CHAT = "/v1/chat/completions"


@dataclass(frozen=True, kw_only=True)
class World:
    """A replica with a node, a mail server, its own model server behind a proxy, a person's."""

    planted: Planted
    sandbox: Sandbox
    replica: Replica
    environment: dict[str, str]
    post: Post
    own: Echoing  # behind the proxy
    persons: Echoing
    persons_url: str


@contextmanager
def world(folder: Path) -> Iterator[World]:
    planted, post = Planted(), Post()
    own = Echoing(create_app(SampleEngine(), latency=0.1), failures=[401, 500])
    persons = Echoing(create_app(SampleEngine(), latency=0.1), failures=[401, 429, 500, 400])
    with ExitStack() as ends:
        sandbox = ends.enter_context(running(Plan(nodes=1)))
        proxy, stop = run_in_thread(own)
        ends.callback(stop)
        persons_url, stop = run_in_thread(persons, host="127.0.0.2")
        ends.callback(stop)
        port = free_ports(2)
        mail = Controller(post, hostname="127.0.0.1", port=port + 1,
                          auth_require_tls=False, authenticator=post.authenticate)
        mail.start()
        ends.callback(mail.stop)
        environment = node_environment(sandbox, folder) | {
            "DATAGEN_SESSION_SECRET": planted.new("session secret"),
            "DATAGEN_SESSION_SECRET_PREVIOUS": planted.new("previous session secret"),
            "R1EN_CSTORE_AUTH_SECRET": planted.new("pepper"),
            "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD": planted.new("first password of admin"),
            "DATAGEN_R1FS_SECRET": planted.new("R1FS secret"),
            "DATAGEN_INFERENCE_API_KEY": planted.new("key of the server's endpoint"),
            "http_proxy": proxy.replace("//", f"//us:{planted.new('password of the proxy')}@"),
            "DATAGEN_INFERENCE_BASE_URL": "http://models.invalid", "DATAGEN_INFERENCE_PATH": CHAT,
            "DATAGEN_SMTP_HOST": "127.0.0.1", "DATAGEN_SMTP_PORT": str(port + 1),
            "DATAGEN_SMTP_USER": "datagen", "DATAGEN_SMTP_FROM": "datagen@example.com",
            "DATAGEN_SMTP_PASS": planted.new("password of the mail server"),
            "DATAGEN_ALLOW_PRIVATE_INFERENCE_URLS": "127.0.0.2/32",
            "DATAGEN_MOCK_INFERENCE_API": "0", "DATAGEN_JOB_POLL_SECONDS": "0.5",
            "DATAGEN_MAX_IN_FLIGHT": "2", "LOG_INFERENCE_REQUESTS": "1",
            "DATAGEN_LOG_R1FS_CALLS": "1",
        }
        replica = Replica(folder / "replica", port, environment)
        ends.callback(replica.end)
        replica.start()
        replica.ready()
        wait_for(lambda: sandbox.network.dump(0)["hashes"].get("sandbox:auth"), "an account")
        yield World(planted=planted, sandbox=sandbox, replica=replica, environment=environment,
                    post=post, own=own, persons=persons, persons_url=persons_url)


class Client:
    """Somebody over HTTP, whose every answer is searched unless it is meant to tell a secret."""

    def __init__(self, world: World, name: str, token: str | None = None) -> None:
        self._planted, self._url, self._name = world.planted, world.replica.url, name
        self.session = requests.Session()
        self.session.trust_env = False
        if token:
            self.session.headers["authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, /, *statuses: int, tells: bool = False,
            **body: Any) -> requests.Response:
        answer = self.session.request(method, self._url + path, json=body or None, timeout=60,
                                      allow_redirects=False)
        assert not statuses or answer.status_code in statuses, (method, path, answer.text)
        if not tells:
            headers = "\n".join(value for name, value in answer.headers.items()
                                if name.lower() != "set-cookie")
            self._planted.search("answers", f"{self._name}: {method} {path}",
                                 headers.encode() + answer.content)
        return answer

    def sign_in(self, name: str, password: str) -> None:
        self.ask("POST", "/api/auth/login", 200, username=name, password=password)
        self._planted.learn(f"session of {name}", self.session.cookies["datagen_session"])

    def see(self, page: str, query: str) -> None:
        """A page as its browser gets it."""
        cookie = f"datagen_session={self.session.cookies['datagen_session']}"
        message = BackMsg()
        message.rerun_script.page_name = page.strip("/")
        message.rerun_script.query_string = query
        url = self._url.replace("http", "ws") + "/_stcore/stream"
        with connect(url, additional_headers={"Cookie": cookie}, max_size=None) as socket:
            socket.send(message.SerializeToString())
            while True:
                data = socket.recv(60)
                assert isinstance(data, bytes)
                self._planted.search("page messages", f"{self._name}: {page}", data)
                if ForwardMsg.FromString(data).WhichOneof("type") == "script_finished":
                    return


def people(world: World) -> tuple[Client, Client, Client]:
    """Admin, ada, and ada's script; on the way all that can go wrong with passwords does."""
    planted, admin, ada = world.planted, Client(world, "admin"), Client(world, "ada")
    admin.sign_in("admin", world.environment["R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD"])
    first = planted.learn("password an admin made", admin.ask(
        "POST", "/api/admin/accounts", 201, tells=True, username="ada").json()["password"])
    for wrong in (planted.new("mistyped password"), planted.new("password sent as a name")):
        ada.ask("POST", "/api/auth/login", 401, 429, username="ada", password=wrong)
        ada.ask("POST", "/api/auth/login", 401, 429, username=wrong, password=wrong)
    ada.sign_in("ada", first)
    own = planted.new("password of a user")
    ada.ask("POST", "/api/auth/password", 200, currentPassword=first, newPassword=own)
    ada.sign_in("ada", own)
    token = ada.ask("POST", "/api/user/tokens", 201, tells=True, name="script", scope="run")
    text = planted.learn("personal token", token.json()["token"])
    planted.learn("secret of the token", text.partition("~")[0][-43:])
    asked = {"name": "Ada", "email": "ada@example.com", "country": "Italy"}
    assert ada.session.cookies
    stranger = Client(world, "stranger")
    stranger.ask("POST", "/api/auth/register", 502, **asked)
    world.post.refuses = False
    stranger.ask("POST", "/api/auth/register/resend", 202, email=asked["email"])
    wait_for(lambda: world.post.mails, "the mail that could not be sent")
    said = re.search(r"Password +(\S+)", world.post.mails[0].get_content())
    assert said, world.post.mails[0].get_content()
    planted.learn("password in a mail", said[1])
    assert {login.password.decode() for login in world.post.logins} == {
        planted.known["password of the mail server"]}
    return admin, ada, Client(world, "script", text)


def keys(world: World, ada: Client) -> str:
    """The id of ada's profile; its key and one that is only tried are refused at first."""
    planted = world.planted
    for number in range(2):
        ada.ask("POST", "/api/user/models", 200, 502, baseUrl=world.persons_url,
                apiKey=planted.new(f"key that was tried {number}"))
    ada.ask("POST", "/api/user/settings", 400, mode="upsert", name="mine", path=CHAT,
            baseUrl="http://10.0.0.1", apiKey=planted.new("key that was not saved"))
    saved = ada.ask("POST", "/api/user/settings", 200, mode="upsert", name="mine", path=CHAT,
                    baseUrl=world.persons_url, apiKey=planted.new("key of a profile"))
    return str(saved.json()["profiles"][0]["id"])


def drafted(who: Client, **more: Any) -> str:
    """A job; the first tries to draft it fail."""
    def tried() -> requests.Response | None:
        answer = who.ask("POST", "/api/tasks/schema", 200, 429, 502, **TASK, **more)
        return answer if answer.ok else None

    draft = wait_for(tried, "a draft").json()["draftToken"]
    return str(who.ask("POST", "/api/tasks/confirm", 200, draftToken=draft).json()["jobId"])


def search_answers(clients: tuple[Client, ...], jobs: list[str]) -> None:
    for client in clients:
        for method, path in ROWS:
            for job in jobs if "{id}" in path else [""]:
                if method == "GET" and path not in PAGES:
                    client.ask("GET", re.sub(r"\{[^}]+\}", "x", path.replace("{id}", job)))
    for client in clients[:2]:
        for page in PAGES:
            client.see(page, f"id={jobs[0]}")


def search_disks(world: World, folder: Path) -> None:
    planted, network = world.planted, world.sandbox.network
    search_files(planted, folder)
    held = network.dump(0)
    for name, fields in {"": held["keys"], **held["hashes"]}.items():
        for field, value in fields.items():
            planted.search("values of the store", f"{name} {field}", f"{name} {field} {value}")
    for file in list(network._world.nodes[0].files.values()):  # their only window
        planted.search("files of the node", file.name, file.content + file.name.encode())
    for number, line in enumerate(folder.with_suffix(".log").read_bytes().splitlines()):
        planted.search("lines of the log", str(number), line)


def commands(world: World) -> None:
    """What the command line prints, when all is well and when nothing is."""
    environment = clean_environment() | world.environment
    away = {"EE_CHAINSTORE_API_URL": "http://127.0.0.1:9"}
    for wrong, *arguments in (
        ({}, "check"), ({}, "accounts", "list"), (away, "check"), (away, "accounts", "list"),
        ({"DATAGEN_APP_PORT": "none"}, "up"), ({"R1EN_HOST_ADDR": "0xai_nobody"}, "up"),
    ):
        ran = subprocess.run([sys.executable, "-m", "datagen", *arguments], cwd=ROOT,
                             env=environment | wrong, capture_output=True, timeout=60,
                             check=False, stdin=subprocess.DEVNULL)
        world.planted.search("outputs of commands", str(arguments), ran.stdout + ran.stderr)


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_no_planted_secret_comes_out_anywhere(tmp_path: Path) -> None:
    with world(tmp_path) as found:
        planted, folder = found.planted, found.replica.folder
        clients = _, ada, script = people(found)
        profile = keys(found, ada)
        jobs = [drafted(script), drafted(ada, useExternalApi=True, profileId=profile)]
        assert found.replica._process is not None
        root = found.replica._process.pid
        journals = wait_for(lambda: [file for file in folder.rglob("journal.jsonl")
                                     if file.stat().st_size > 500], "a journal")
        running = search_processes(planted, root)
        assert running.keys() == {"streamlit_app.py", "worker.py"}
        for pid in running.values():  # a crash leaves no memory behind
            assert re.search(r"Max core file size +0 +0 ", Path(f"/proc/{pid}/limits").read_text())
        os.kill(running["worker.py"], signal.SIGABRT)
        for file in journals:
            planted.search("journals", file.name, file.read_bytes())
        for job in jobs:
            wait_for(lambda job=job: ada.ask("GET", f"/api/tasks/{job}").json()["job"]["status"]
                     in {"succeeded", "failed"}, "the end of a job")
        search_answers(clients, jobs)
        search_disks(found, folder)
        commands(found)

        for name, key in (("own", "key of the server's endpoint"), ("persons", "key of a profile")):
            assert any(planted.known[key] in text for text in getattr(found, name).seen), key
        sys.stdout.write(f"\n{planted.told()}\n")
        assert not planted.found, "\n".join(sorted(set(planted.found))[:20])
        assert planted.searched.keys() == {
            "answers", "files", "files of the node", "journals", "lines of the log",
            "outputs of commands", "page messages", "processes", "values of the store"}
