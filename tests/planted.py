"""Secrets that can be recognised, and everywhere that they could come out of a replica."""

from __future__ import annotations

import base64
import secrets
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from aiosmtpd.smtp import AuthResult
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.cluster.replica import children


@dataclass
class Planted:
    """Secrets by where they are configured, and what was searched for them."""

    known: dict[str, str] = field(default_factory=dict)
    searched: Counter[str] = field(default_factory=Counter)  # by kind of place
    found: list[str] = field(default_factory=list)

    def new(self, where: str) -> str:
        """A text that occurs nowhere by itself."""
        return self.learn(where, f"PLANTED-{secrets.token_hex(16)}")

    def learn(self, where: str, secret: str) -> str:
        """Look for a secret that somebody else made."""
        assert len(secret) >= 8
        self.known[where] = secret
        return secret

    def search(self, kind: str, place: str, content: bytes | str) -> None:
        """Look for every secret, as it is and as others would spell it."""
        data = content.encode(errors="replace") if isinstance(content, str) else content
        self.searched[kind] += 1
        for where, secret in self.known.items():
            if any(spelling in data for spelling in spellings(secret)):
                self.found.append(f"{where} is in {kind} {place}")

    def told(self) -> str:
        """The figures of the search."""
        places = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.searched.items()))
        return (f"{len(self.known)} secrets x {sum(self.searched.values()):,} places ({places}): "
                f"{len(self.found)} found")


def spellings(secret: str) -> set[bytes]:
    """The secret as text, in URLs, in hex, and in Base64 wherever it begins within a text."""
    raw = secret.encode()
    packed = {base64.b64encode(b"x" * before + raw)[4:-4] for before in range(3)}
    return {raw, quote(secret, safe="").encode(), raw.hex().encode()} | packed


class Echoing:
    """A model server, also as a proxy, that repeats what it was told when it fails.

    Real ones do: "Incorrect API key provided: …".
    """

    def __init__(self, app: ASGIApp, failures: Iterable[int]) -> None:
        self._app, self._failures = app, list(failures)
        self.seen: set[str] = set()  # headers that came with secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = " ".join(value.decode() for name, value in scope["headers"]
                         if name in (b"authorization", b"proxy-authorization"))
        self.seen.add(shown)
        scope["path"] = urlsplit(scope["path"]).path  # a proxy is asked for whole addresses
        if self._failures:
            await Request(scope, receive).body()
            answer = JSONResponse({"error": {"message": f"Incorrect API key: {shown}"}},
                                  self._failures.pop(0))
            answer.headers["x-your-key"] = shown
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Post:
    """A mail server that asks for a password and at first takes no mail."""

    def __init__(self) -> None:
        self.refuses, self.mails, self.logins = True, list[EmailMessage](), list[Any]()

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        self.logins.append(data)
        return AuthResult(success=True)

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.refuses:
            return f"550 not for {self.logins[-1].login.decode()}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - likewise
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


def search_files(planted: Planted, folder: Path) -> None:
    """Every file below, its name, and that it is nobody else's."""
    for path in (folder, *folder.rglob("*")):
        try:
            mode = path.lstat().st_mode
            content = path.read_bytes() if stat.S_ISREG(mode) else b""
        except FileNotFoundError:  # removed meanwhile
            continue
        planted.search("files", str(path.relative_to(folder)), content + str(path).encode())
        if mode & 0o077:
            planted.found.append(f"others may use {path.name} ({stat.filemode(mode)})")


def search_processes(planted: Planted, root: int) -> dict[str, int]:
    """What anybody on the machine sees of our processes; pids by what they run."""
    pids, found = [root], {}
    for pid in pids:
        pids += children(pid)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        planted.search("processes", str(pid), command + Path(f"/proc/{pid}/comm").read_bytes())
        for name in (b"streamlit_app.py", b"worker.py"):
            if name in command:
                found[name.decode()] = pid
    return found
