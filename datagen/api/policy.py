"""The headers every answer carries: what a browser may do with it, and who may keep it."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.metadata import distribution
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

from datagen.api.headers import Networks, host_name, is_encrypted, is_loopback

# Files of the program, the same for everybody; whatever else is answered is nobody else's.
_SHARED = ("/static/", "/app/static/", "/component/")
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_YEAR = 365 * 24 * 3600  # seconds


def page_policy() -> str:
    """The Content-Security-Policy of Streamlit's page.

    Of inline scripts it lets run Streamlit's own and ours, by their hashes. Streamlit makes
    styles while it draws, so they can't be told apart; it loads the script of a component from
    a blob, which only a script that runs already can make. Nothing is fetched from elsewhere.
    """
    scripts = " ".join(f"'{_hash(text)}'" for text in _inline_scripts())
    return "; ".join((
        "default-src 'none'", f"script-src 'self' blob: 'wasm-unsafe-eval' {scripts}",
        "style-src 'self' 'unsafe-inline'", "img-src 'self' data: blob:", "font-src 'self' data:",
        "connect-src 'self'", "media-src 'self'", "manifest-src 'self'", "worker-src 'self'",
        "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
    ))


def _inline_scripts() -> list[str]:
    files = (Path(str(distribution("streamlit").locate_file("streamlit/static/index.html"))),
             Path(__file__).parents[1] / "ui/static/watch.html")
    return [text for file in files for text in _INLINE.findall(file.read_text("utf-8"))]


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class Policy:
    """Puts the headers on answers; the page's policy is worked out once."""

    def __init__(self, trusted: Networks) -> None:
        """``trusted``: the proxies that may say how the browser spoke to them."""
        self._trusted = trusted
        self._page = page_policy()

    def on(self, scope: Scope, send: Send) -> Send:
        """``send`` for one request's answer, with the headers added."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(scope, MutableHeaders(raw=message.setdefault("headers", [])))
            await send(message)

        return adding

    def _add(self, scope: Scope, headers: MutableHeaders) -> None:
        if not scope["path"].startswith(_SHARED):
            headers["Cache-Control"] = "no-store"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "DENY"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
        headers.setdefault("Content-Security-Policy", self._page)
        host = Headers(scope=scope).get("host", "")
        if is_encrypted(scope, self._trusted) and host_name(host) and not is_loopback(host):
            headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
