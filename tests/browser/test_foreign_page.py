"""A page of another site, open beside ours in the browser of somebody who is signed in."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.live import Server, sign_in

PAGE = """<html><body><iframe src="HOME/jobs"></iframe><iframe src="HOME/login"></iframe>
<form method="post" action="HOME/api/auth/logout" enctype="text/plain">
  <input name='{"a":"' value='"}'></form>
<script>
const said = window.said = {}, tell = (name) => (text) => { said[name] = text };
const failed = (name) => () => { said[name] = "refused" };
const get = (path, more) => fetch("HOME" + path, {credentials: "include", ...more});
get("/api/tasks").then((r) => r.text()).then(tell("read"), failed("read"));
get("/api/user/tokens", {method: "POST", headers: {"content-type": "application/json"},
  body: '{"name":"x","scope":"run"}'}).then(tell("made"), failed("made"));
get("/api/auth/logout", {method: "POST", headers: {"content-type": "application/json"},
  body: "{}"}).then(tell("ended"), failed("ended"));
const socket = new WebSocket("HOME/_stcore/stream".replace("http", "ws"));
socket.onopen = () => tell("socket")("open"); socket.onerror = failed("socket");
const script = document.createElement("script");
script.onload = () => tell("script")("loaded"); script.onerror = failed("script");
script.src = "HOME/api/tasks"; document.body.append(script);
</script></body></html>"""


@pytest.fixture
def foreign(server: Server) -> Iterator[str]:
    """Its address: another site than ours, whose host is a number."""
    page = PAGE.replace("HOME", server.url).encode()

    class Foreign(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{site.server_port}/"
    site.shutdown()
    thread.join()
    site.server_close()


def test_a_page_of_another_site_gets_nothing_and_changes_nothing(
    page: Page, server: Server, foreign: str
) -> None:
    sign_in(page, server)
    page.get_by_role("link", name="New dataset").first.wait_for()
    evil = page.context.new_page()
    evil.goto(foreign)
    evil.wait_for_function("Object.keys(window.said).length === 5")
    assert evil.evaluate("window.said") == dict.fromkeys(
        ("read", "made", "ended", "socket", "script"), "refused")
    assert {frame.url for frame in evil.frames[1:]} == {"chrome-error://chromewebdata/"}

    evil.evaluate("document.forms[0].submit()")
    expect(evil.get_by_text("This request came from another site")).to_be_visible()
    page.goto(f"{server.url}/account")
    expect(page.get_by_role("link", name="New dataset").first).to_be_visible()
    tokens = page.evaluate("fetch('/api/user/tokens').then((answer) => answer.json())")
    assert tokens == {"tokens": []}
