"""What a browser notices of an attack: scripts that run, addresses it asks, rules it enforces."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import Dialog, Page

_TELL = """
addEventListener("securitypolicyviolation", (e) =>
  console.error("BLOCKED " + e.violatedDirective + " " + e.blockedURI + " " + e.sourceFile));
"""


@dataclass
class Watcher:
    """What was noticed on one page since ``watch``."""

    home: str  # the origin that may be asked
    dialogs: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)  # addresses beyond ``home``
    blocked: list[str] = field(default_factory=list)  # by the page's policy
    errors: list[str] = field(default_factory=list)  # scripts that broke

    def seen(self) -> list[str]:
        return [*self.dialogs, *self.elsewhere, *self.blocked, *self.errors]


def watch(page: Page, home: str) -> Watcher:
    watcher = Watcher(home=home)

    def asked(url: str) -> None:
        if not url.startswith((f"{home}/", "data:", "blob:", "about:",
                               home.replace("http", "ws", 1) + "/")):
            watcher.elsewhere.append(url)

    def said(text: str) -> None:
        if text.startswith("BLOCKED "):
            watcher.blocked.append(text)

    def dismissed(dialog: Dialog) -> None:
        watcher.dialogs.append(dialog.message)
        dialog.dismiss()

    page.add_init_script(_TELL)
    page.on("dialog", dismissed)
    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    page.on("console", lambda message: said(message.text))
    page.on("pageerror", lambda error: watcher.errors.append(str(error)))
    return watcher
