"""A web process in miniature: real accounts, gate and Streamlit, memory for a store."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.runtime import Runtime

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.memory import MemoryMailer, MemoryStore
from datagen.adapters.vault import AesVault
from datagen.api.routes import build_middleware, build_routes
from datagen.in_force import in_force
from datagen.protocol.audit import AuditBook
from datagen.protocol.board import Board
from datagen.protocol.foreign import Foreign
from datagen.protocol.handed import Handed
from datagen.protocol.people import People
from datagen.protocol.tokens import TokenBook
from datagen.services.accounts import Accounts
from datagen.services.administration import Administration
from datagen.services.audit import Audit
from datagen.services.contact import Contact
from datagen.services.delays import Delays
from datagen.services.devices import Devices
from datagen.services.fleet import Fleet
from datagen.services.open_sessions import OpenSessions
from datagen.services.own_account import OwnAccount
from datagen.services.patience import Patience
from datagen.services.people import Directory
from datagen.services.signing_up import SigningUp, Throttles
from datagen.services.throttle import Allowed, Pair, Throttle
from datagen.services.tokens import PersonalTokens
from tests.held_to_description import held_to_description

__all__ = ["ann", "anonymous", "held_to_description", "make_site", "real_site", "site"]

SCRIPT = """
import streamlit as st
st.write(f"name={st.user.get('name')} role={st.user.get('role')}")
st.write(f"session={st.user.get('session')} expires={st.user.get('expires')}")
"""
ORIGIN = "http://localhost:8501"


async def page(request: Request) -> Response:
    return HTMLResponse("<title>Streamlit</title>")


class PlainHasher:
    """Hashes nothing, so that these tests are quick."""

    def hash(self, password: str, *, purpose: str | None = None) -> dict[str, Any]:
        return {"algo": "plain", "hash": password, "salt": "", "version": 1, "params": {}}

    def verify(self, password: str, record: Any) -> bool:
        return record is not None and record["hash"] == password


class Site:
    """The app, what is behind it, and clients in front of it."""

    def __init__(
        self, script: Path | None = None, *, clock: HandClock | None = None,
        secret: str = "a secret of at least thirty-two bytes", fail_closed: bool = False,
    ) -> None:
        self.store = MemoryStore()
        self.clock = clock or HandClock()
        self.signer = signer = JwtSigner(secret, self.clock)
        self.accounts = Accounts(
            store=self.store, desk=self.store, clock=self.clock, hasher=PlainHasher(),
            signer=signer, hkey="datagen:auth",
            contact=Contact(desk=self.store, clock=self.clock) if fail_closed else None,
        )
        self.accounts.create("ann", "her password")
        self.mailer = MemoryMailer()
        patience = Patience(None, clock=self.clock)
        board = Board(self.store)
        self.handed = Handed(board=board, desk=self.store)
        people = People(self.store, Foreign(), self.handed)
        self.audit = Audit(book=AuditBook(board=board, desk=self.store, peer_id="local"),
                           peers=("local",), clock=self.clock, patience=patience)
        self.tokens = PersonalTokens(
            book=TokenBook(board=board, handed=self.handed, peer_id="local"),
            account=self.accounts.present, audit=self.audit, clock=self.clock, patience=patience)
        self.opened = OpenSessions(desk=self.store, clock=self.clock)
        self.delays = Delays(self.clock)
        snapshot = SimpleNamespace(by_owner={}, views={})
        jobs: Any = SimpleNamespace(snapshot=lambda: snapshot)
        self.signing_up = SigningUp(
            accounts=self.accounts, people=people, mailer=self.mailer, clock=self.clock,
            vault=AesVault(secret, purpose="mails"), kept=timedelta(days=1),
            throttles=Throttles(register=self._pair(10, 3), resend=self._pair(5, 2)),
            aside=lambda work: work())
        claims = {"username": "ann", "role": "user", "iat": 1767225600, "exp": 1767225600 + 60}
        self.token = signer.sign(claims)  # ann's, and nothing was read yet to verify it
        self.settings = SimpleNamespace(
            trusted_proxies=(ipaddress.ip_network("10.1.0.0/16"),), app_port=8501,
            peer_id="local", in_force=in_force({"DATAGEN_SESSION_SECRET": "hidden"}),
        )
        services: Any = SimpleNamespace(
            settings=self.settings, clock=self.clock, accounts=self.accounts, drafts=None,
            jobs=None, datasets=None, profiles=None, signing_up=self.signing_up,
            audit=self.audit, tokens=self.tokens, opened=self.opened, delays=self.delays,
            devices=Devices(signer=signer, clock=self.clock),
            own_account=OwnAccount(accounts=self.accounts, opened=self.opened, audit=self.audit,
                                   delays=self.delays),
            administration=Administration(accounts=self.accounts, directory=Directory(people),
                                          jobs=jobs, audit=self.audit),
            fleet=Fleet(board=board, jobs=jobs, peers=("local",), peer_id="local",
                        clock=self.clock, patience=patience),
        )
        self.services = services
        settings: Any = self.settings
        self.routes = routes = build_routes(services, settings)
        middleware = build_middleware(services, settings)
        self.app: Any = (
            st.App(script, routes=routes, middleware=middleware)
            if script
            else Starlette(routes=[*routes, Route("/{path:path}", page)], middleware=middleware)
        )

    def _pair(self, address: int, email: int) -> Pair:
        return Pair(address=Throttle(Allowed(tries=address, seconds=900), self.clock),
                    email=Throttle(Allowed(tries=email, seconds=900), self.clock))

    async def lets_in_tab(self, authorization: str) -> bool:
        """Whether the gate passes a websocket on."""
        passed: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            passed.append(scope)

        async def nothing(*_: Any) -> Any:
            await asyncio.sleep(0)

        gate: Any = build_middleware(self.services, self.services.settings)[0]
        await gate.cls(app, **gate.kwargs)(
            {"type": "websocket", "path": "/_stcore/stream", "client": ("127.0.0.1", 5),
             "headers": [(b"host", b"localhost"), (b"authorization", authorization.encode())]},
            nothing, nothing)
        return bool(passed)

    @contextmanager
    def client(self, *, signed_in: bool = False, url: str = ORIGIN,
               peer: str = "127.0.0.1") -> Iterator[TestClient]:
        """A browser without redirects; same-site headers are the test's business."""
        with TestClient(self.app, base_url=url, follow_redirects=False,
                        client=(peer, 50000)) as client:
            client.headers.pop("accept", None)
            if signed_in:
                right = {"username": "ann", "password": "her password"}
                client.post("/api/auth/login", json=right).raise_for_status()
            yield client


@pytest.fixture
def make_site() -> type[Site]:
    """For a site with another clock or secret."""
    return Site


@pytest.fixture
def site() -> Site:
    """Our routes behind the gate; a plain page stands for Streamlit."""
    return Site()


@pytest.fixture
def real_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The same with Streamlit itself; one runtime per process is all it allows."""
    script = tmp_path / "shell.py"
    script.write_text(SCRIPT)
    monkeypatch.chdir(Path(__file__).parents[2])  # Streamlit reads its config from there
    monkeypatch.setattr(Runtime, "_instance", None)
    return Site(script)


@pytest.fixture
def anonymous(site: Site) -> Iterator[TestClient]:
    with site.client() as client:
        yield client


@pytest.fixture
def ann(site: Site) -> Iterator[TestClient]:
    with site.client(signed_in=True) as client:
        yield client
