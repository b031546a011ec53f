"""The pages in a real browser under their own policy."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.journey import from_sign_in_to_a_csv
from tests.browser.live import Server, sign_in
from tests.browser.watcher import watch


def test_the_whole_journey_needs_nothing_that_the_policy_forbids(
    page: Page, server: Server, newcomer: tuple[str, str], tmp_path: Path
) -> None:
    watcher = watch(page, server.url)

    from_sign_in_to_a_csv(page, server, newcomer, tmp_path)

    assert "\n".join(watcher.seen()) == ""


def test_back_after_signing_out_shows_the_sign_in_page(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    sign_in(page, server, *newcomer)
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_role("button", name="Draft schema").wait_for()
    page.get_by_role("button", name=newcomer[0]).click()
    page.get_by_role("menuitem", name="Sign out").or_(
        page.get_by_role("option", name="Sign out")).first.click()
    page.get_by_text("You are signed out.").wait_for()

    for _ in range(3):
        page.go_back()
        page.get_by_role("button", name="Sign in").wait_for()
        expect(page.get_by_text("Draft schema")).to_have_count(0)
        expect(page.get_by_text(newcomer[0])).to_have_count(0)
