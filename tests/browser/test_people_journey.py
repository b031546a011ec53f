"""People come and go: sign-up by mail, a password of one's own, tokens, and an admin's no."""

from __future__ import annotations

import email
import os
import re
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, Page, expect

from tests.browser.live import PATIENCE, Server, free_port, sign_in, up, wait_for

CHOSEN = "a password of my own"


@dataclass
class Inbox:
    """A real SMTP server's mails, newest last; ``refuses`` them while it is told so."""

    texts: list[str] = field(default_factory=list)
    refuses: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the name aiosmtpd calls
        if self.refuses:
            return "451 come back later"
        self.texts.append(email.message_from_bytes(envelope.content, policy=default).get_content())
        return "250 OK"

    def newest(self, what: str) -> str:
        """What the last mail says is the user name, or the password."""
        found = re.search(rf"^  {what} +(\S+)\s*$", self.texts[-1], re.MULTILINE)
        assert found is not None
        return found[1]


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[Inbox, int]]:
    taken, port = Inbox(), free_port()
    controller = Controller(taken, hostname="127.0.0.1", port=port)
    controller.start()
    yield taken, port
    controller.stop()


@pytest.fixture(scope="module")
def mailing(inbox: tuple[Inbox, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A DataGen that sends mails, with a throwaway store."""
    with up({
        "DATAGEN_MOCK_CSTORE": "1", "DATAGEN_MOCK_INFERENCE_API": "1",
        "DATAGEN_SMTP_HOST": "127.0.0.1", "DATAGEN_SMTP_PORT": str(inbox[1]),
        "DATAGEN_SMTP_FROM": "datagen@example.com",
    }, tmp_path_factory.mktemp("mailing") / "terminal.txt") as running:
        yield running


def sign_up(page: Page, server: Server, address: str) -> None:
    page.goto(server.url)
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Your name").fill("Ada Test")
    page.get_by_label("E-mail").fill(address)
    page.get_by_label("Country").fill("Romania")
    page.get_by_role("button", name="Create account").click()


def choose_password(page: Page, given: str) -> None:
    page.get_by_label("The password you were given").fill(given)
    page.get_by_label("New password", exact=True).fill(CHOSEN)
    page.get_by_label("New password again").fill(CHOSEN)
    page.get_by_role("button", name="Change password").click()


def test_from_sign_up_to_an_account_of_ones_own_until_an_admin_ends_it(
    browser: Browser, page: Page, mailing: Server, inbox: tuple[Inbox, int]
) -> None:
    mails, _ = inbox
    sign_up(page, mailing, "ada@example.com")
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    name, given = mails.newest("User name"), mails.newest("Password")
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, mailing, name, given)

    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    page.goto(f"{mailing.url}/new")  # there is no way around it
    choose_password(page, given)
    expect(page.get_by_role("button", name="Draft schema")).to_be_visible()

    page.get_by_role("button", name=name).click()
    page.get_by_text("Account", exact=True).click()
    expect(page.get_by_text("ada@example.com")).to_be_visible()
    expect(page.get_by_text("This one")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Create token").click()
    token = page.get_by_text(re.compile("^dgp_")).first.inner_text().strip()
    asked = urllib.request.Request(f"{mailing.url}/api/tasks",
                                   headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.read() == b'{"jobs":[]}'
    expect(page.get_by_role("link", name="Admin")).to_have_count(0)

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    admin = context.new_page()
    sign_in(admin, mailing)
    admin.get_by_role("link", name="Admin").click()
    admin.get_by_role("textbox", name="Search", exact=True).fill("ada@")
    admin.get_by_role("textbox", name="Search", exact=True).press("Enter")
    expect(admin.get_by_text("1 account", exact=True)).to_be_visible()
    admin.get_by_role("button", name="Change").click()
    admin.get_by_text("Deactivate", exact=True).click()
    admin.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    expect(admin.get_by_text("deactivated", exact=True)).to_be_visible()

    expect(page.get_by_label("User name")).to_be_visible()  # the open tab, by itself
    expect(page.get_by_text("Your session ended")).to_be_visible()
    sign_in(page, mailing, name, CHOSEN)
    expect(page.get_by_text("The user name or the password is wrong.")).to_be_visible()

    admin.get_by_role("tab", name="Audit log").click()
    admin.get_by_role("tab", name="Peers").click()
    expect(admin.get_by_text("alive")).to_be_visible()
    context.close()


def test_a_mail_that_does_not_leave_is_sent_again_when_asked_for(
    page: Page, mailing: Server, inbox: tuple[Inbox, int]
) -> None:
    mails, _ = inbox
    mails.refuses = True
    sign_up(page, mailing, "ben@example.com")
    expect(page.get_by_role("heading", name="The mail did not leave")).to_be_visible()
    before, mails.refuses = len(mails.texts), False
    page.get_by_role("button", name="Send the mail again").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    wait_for(lambda: len(mails.texts) > before, 30)
    sign_in(page, mailing, mails.newest("User name"), mails.newest("Password"))
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()


def test_no_password_that_was_sent_is_in_a_log(mailing: Server, inbox: tuple[Inbox, int]) -> None:
    folder = Path(tempfile.gettempdir()) / \
        f"datagen-mock-{os.getuid()}-{mailing.url.rsplit(':', 1)[1]}"
    found = [path for path in (mailing.log, *folder.rglob("*")) if path.is_file()]
    assert found
    for text in inbox[0].texts:
        password = re.search(r"^  Password +(\S+)\s*$", text, re.MULTILINE)
        assert password is not None
        for path in found:
            assert password[1].encode() not in path.read_bytes(), path
